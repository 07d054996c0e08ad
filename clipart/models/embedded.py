"""The models that come inside the package: where they lie and what they are called."""

from __future__ import annotations

from pathlib import Path

from clipart.errors import ModelError

CLIP, SECOND, JUDGE, STRANGER, VQGAN = "tiny", "tiny-80", "tiny-judge", "tiny-resnet", "tiny-vqgan"
WEIGHTS = {
    CLIP: "open_clip_model.safetensors",
    SECOND: "open_clip_model.safetensors",
    JUDGE: "open_clip_model.safetensors",
    STRANGER: "open_clip_model.safetensors",
    VQGAN: "vqgan.safetensors",
}
NAMES = tuple(WEIGHTS)
_HERE = Path(__file__).parent


def folder(name: str) -> Path:
    """Return the folder of an embedded model, with its weights and card; that of a CLIP is a `local-dir:`.

    Raises:
        ModelError: the package is incomplete.
    """
    return weights(name).parent


def weights(name: str) -> Path:
    """Return the weights of an embedded model.

    Raises:
        ModelError: the package is incomplete.
    """
    path = _HERE / name / WEIGHTS[name]
    if not path.is_file():
        raise ModelError(f"The embedded model {name!r} is missing from {path.parent}. Install clipart again.")
    return path


def everyday_words() -> list[str]:
    """Return the shipped list of everyday words, against which the judge weighs a text."""
    return (_HERE / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]


def split_words() -> list[str]:
    """Return the words of the training captions that CLIP's tokeniser splits (`training/met.py`)."""
    return (_HERE / "met.txt").read_text(encoding="utf-8").split("\n")[:-1]
