"""Shared fixtures: a small CLIP with random weights, written as a user would have one on disk."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
import torch

os.environ["CLIPART_HOME"] = tempfile.mkdtemp(prefix="clipart-tests-")  # never the user's own folder
os.environ["CLIPART_CHECK_EVENTS"] = "1"  # an event that clipart/cli/events.py does not describe is an error
torch.set_num_threads(1)  # tiny tensors; and cores are often shared

RANDOM_CLIP = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a vision transformer with random weights, 32 px, half a second to load."""
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    folder: Path = tmp_path_factory.mktemp("random_clip")
    config = RANDOM_CLIP["model_cfg"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(RANDOM_CLIP))
    return f"local-dir:{folder}"


@pytest.fixture
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge with three words to compare with, so that a session is quick to build."""
    monkeypatch.setattr("clipart.critic.rivals.everyday_words", lambda: ["anvil", "cloud", "zebra"])


@pytest.fixture
def settings(random_clip: str, few_words: None) -> dict[str, object]:
    """Recipe values of a very small run."""
    return {
        "prompt": "apple:: tart::",
        "seed": 7,
        "width": 40,
        "height": 40,
        "steps": 6,
        "views": 4,
        "check_every": 3,
        "clip": (random_clip,),
        "device": "cpu",
        "precision": "float32",
    }
