"""The models that come inside the package: where they lie and what they are called."""

from __future__ import annotations

from pathlib import Path

from clipart.errors import ModelError

NAMES = ("tiny",)
_HERE = Path(__file__).parent


def folder(name: str) -> Path:
    """Return the folder of an embedded model, an open_clip `local-dir:` with its weights and card.

    Raises:
        ModelError: the package is incomplete.
    """
    path = _HERE / name
    if not (path / "open_clip_model.safetensors").is_file():
        raise ModelError(f"The embedded model {name!r} is missing from {path}. Install clipart again.")
    return path


def everyday_words() -> list[str]:
    """Return the shipped list of everyday words, against which the judge weighs a text."""
    return (_HERE / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
