"""CLIPs with a tokenizer of transformers': read from a folder, without a network, and without running code."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from clipart import limits
from clipart.cli import main
from clipart.critic.clip import load_clip
from clipart.errors import ModelError
from clipart.loop import iterate
from clipart.models import foreign, registry, source, store
from clipart.models.tokens import token_numbers, tokens
from clipart.recipe import make_recipe

pytest.importorskip("transformers")
WORDS = ["apple", "tart", "red", "りんご"]
CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "custom_text": True,
        "init_logit_bias": -10.0,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {
            "context_length": 8, "vocab_size": 16, "width": 16, "heads": 2, "layers": 1, "no_causal_mask": True,
            "proj_bias": True, "pool_type": "last", "hf_tokenizer_name": "acme/words",
            "tokenizer_kwargs": {"clean": "canonicalize"},
        },
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}  # fmt: skip


def write_tokenizer(folder: Path, **more: Any) -> None:
    """Write a tokenizer with a token for each of WORDS, as transformers saves one."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    made = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made.save(str(folder / foreign.FILE))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about | more), encoding="utf-8")


def write_model(folder: Path) -> None:
    """Write a small model with random weights and such a tokenizer."""
    import open_clip
    from safetensors.torch import save_file

    (folder / store.CONFIG).write_text(json.dumps(CONFIG))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / store.WEIGHTS[0])
    write_tokenizer(folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small CLIP, on a machine without a network."""
    write_model(tmp_path)

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    return tmp_path


def test_it_reads_texts_and_pictures(folder: Path) -> None:
    clip = load_clip(f"local-dir:{folder}", torch.device("cpu"), "float32")
    apple, tart, large, apple_tart = clip.encode_texts(["apple", "tart", "APPLE!", "apple tart"])
    assert apple.shape == (16,)
    assert torch.allclose(apple, large)  # "canonicalize": no capitals, no punctuation
    assert not torch.allclose(apple, tart, atol=1e-3)
    assert not torch.allclose(apple, apple_tart, atol=1e-3)
    assert clip.encode_images(torch.rand(2, 3, 32, 32)).shape == (2, 16)


def test_its_tokens(folder: Path) -> None:
    name = f"local-dir:{folder}"
    assert tokens(name, "red りんご nothing") == (["red", "りんご", "<unk>"], 7)
    assert token_numbers(name, "red apple") == [5, 3]


def test_parse_shows_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "red りんご", "--clip", f"local-dir:{folder}", "--json"]) == 0
    part = json.loads(capsys.readouterr().out)["parts"][0]
    assert (part["tokens"], part["limit"], part["lost"]) == (["red", "りんご"], 7, [])


@pytest.mark.usefixtures("few_words")
def test_a_run_climbs_it(folder: Path) -> None:
    recipe = make_recipe(
        {
            "prompt": "apple",
            "clip": f"local-dir:{folder}",
            "size": 32,
            "steps": 2,
            "views": 2,
            "device": "cpu",
        }
    )
    last = list(iterate(recipe))[-1]
    assert last.step == 2
    assert 0 <= last.check.readings[0].match <= 1


def test_an_architecture_with_files_in_one_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `ViT-B-16-SigLIP@FILE`, whose tokenizer lies beside its weights."""
    import open_clip

    about, known = CONFIG["model_cfg"], open_clip.get_model_config
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: about if name == "RN50" else known(name))
    name = f"RN50@{folder / store.WEIGHTS[0]}"
    assert source.find_source(name).tokenizer == folder
    assert tokens(name, "red apple") == (["red", "apple"], 7)
    (folder / foreign.FILE).unlink()
    with pytest.raises(ModelError, match=r"there is no tokenizer\.json in"):
        source.find_source(name)


def test_another_tokenizer_is_another_model(folder: Path) -> None:
    before = source.find_source(f"local-dir:{folder}").identity()
    (folder / foreign.FILE).write_text((folder / foreign.FILE).read_text() + "\n")
    assert source.find_source(f"local-dir:{folder}").identity() != before


def test_without_the_package_it_says_what_to_type(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r'pip install "clipart\[hub\]"'):
        load_clip(f"local-dir:{folder}", torch.device("cpu"))


def _gone(folder: Path) -> None:
    (folder / foreign.FILE).unlink()


def _broken(folder: Path) -> None:
    (folder / foreign.FILE).write_text("{")


def _large(folder: Path) -> None:
    with (folder / foreign.FILE).open("r+b") as file:
        file.truncate(limits.TOKENIZER_BYTES + 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_gone, r"there is no tokenizer\.json"),
        (_broken, "has no tokenizer that can be read"),
        (_large, "is too large"),
    ],
)
def test_files_that_are_no_tokenizer(spoil: Callable[[Path], None], said: str, folder: Path) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=said):
        load_clip(f"local-dir:{folder}", torch.device("cpu"))


def test_code_beside_a_tokenizer_is_not_run(folder: Path) -> None:
    mark = folder / "mark"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n")
    write_tokenizer(folder, tokenizer_class="Evil", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]})
    with pytest.raises(ModelError, match="no tokenizer that can be read"):
        load_clip(f"local-dir:{folder}", torch.device("cpu"))
    assert not mark.exists()


def test_siglip_has_a_name_and_a_text_tower_of_transformers_is_refused() -> None:
    assert registry.find("ViT-B-16-SigLIP2/webli").repo == "timm/ViT-B-16-SigLIP2"
    with pytest.raises(ModelError, match=r"text tower of transformers are not supported; .*SigLIP2"):
        registry.find("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k")
