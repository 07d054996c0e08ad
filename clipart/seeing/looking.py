"""Pictures and models that are looked at, or that look: what all commands about seeing begin with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from clipart import limits
from clipart.critic.clip import Clip
from clipart.device import pick_device
from clipart.errors import UsageError
from clipart.models.registry import default as default_model
from clipart.models.registry import judge_of
from clipart.pictures import from_pil, on_white, open_picture
from clipart.session import shared_clip
from clipart.shelf import Shelf
from clipart.surroundings import as_needed

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")


def read(path: Path | str) -> Tensor:
    """Return the picture in a file, on white: (1, 3, height, width) in [0, 1].

    Raises:
        UsageError: it is no picture.
    """
    return from_pil(on_white(open_picture(Path(path))))[None]


def pictures_in(given: Sequence[Path | str] | Path | str) -> list[Path]:
    """Return the files that are given, and of each folder its pictures, or those of the runs in it.

    A folder's pictures come by name. Of a folder of a run it is `picture.png`.

    Raises:
        UsageError: there is none, or more than `limits.LOOKED_AT`.
    """
    found: list[Path] = []
    for each in [given] if isinstance(given, Path | str) else given:
        path = Path(each)
        found += _in_folder(path) if path.is_dir() else [path]
    if not 1 <= len(found) <= limits.LOOKED_AT:
        raise UsageError(f"{len(found):,} pictures: give 1 to {limits.LOOKED_AT:,}.")
    return found


def _in_folder(folder: Path) -> list[Path]:
    if (folder / "picture.png").is_file():
        return [folder / "picture.png"]
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    found = found or sorted(folder.glob("*/picture.png"))
    if not found:
        raise UsageError(f"{folder}: there is no picture in it. Give pictures, or a folder that has some.")
    return found


def looking(clip: str | None = None) -> Clip:
    """Return the CLIP called `clip`; by default the one that judges what the default critic climbed.

    Raises:
        ModelError: it is not on this machine.
    """
    name = clip or judge_of([default_model("clip")])
    return shared_clip(name, pick_device("auto"), "auto")


def scores(clip: Clip, seen: Tensor, texts: Tensor) -> Tensor:
    """Return the share of each of `texts` (m, d) in what each of `seen` (n, d) is taken for: (n, m)."""
    return (clip.scale * seen @ texts.T).softmax(dim=1)


@contextmanager
def still() -> Iterator[None]:
    """Look without gradients, whatever the program around it has set, with models that are loaded once."""
    with as_needed(), torch.no_grad(), Shelf().used():
        yield
