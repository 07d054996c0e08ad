"""Heat maps for people: laid over the picture, as blocks of text, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.record.files import slug
from clipart.record.sheet import Tile, arrange, save_sheet
from clipart.record.writers import require_picture, save_picture
from clipart.seeing.looking import read

if TYPE_CHECKING:
    from clipart.seeing.explaining import Explained

HOT = (0.93, 0.25, 0.05)
LEAST_SIDE = 256  # pixels; a smaller picture is enlarged, so that the heat can be seen
BLOCKS = " ░▒▓█"
FAINT = 0.25  # heat that is nowhere higher is called hardly found
ROWS = 8  # of blocks; a cell of a terminal is about twice as high as wide
PLACES = (
    ("top left", "top", "top right"),
    ("left", "middle", "right"),
    ("bottom left", "bottom", "bottom right"),
)


def overlay(image: Tensor, heat: Tensor) -> Tensor:
    """Return `image` (1, 3, height, width) pale, and in red where `heat` (rows, columns) is: (3, H, W)."""
    height, width = image.shape[-2:]
    larger = max(1.0, LEAST_SIDE / min(height, width))
    size = (round(height * larger), round(width * larger))
    picture = F.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    warm = F.interpolate(heat[None, None].to(image), size=size, mode="bicubic").clamp(0, 1)
    grey = picture.mean(dim=1, keepdim=True)
    pale = 0.45 * (0.6 * grey + 0.4 * picture) + 0.55
    hot = torch.tensor(HOT).view(1, 3, 1, 1).to(image) * (0.35 + 0.65 * grey)
    found: Tensor = torch.lerp(pale, hot, 0.85 * warm)[0]
    return found


def blocks(heat: Tensor) -> list[str]:
    """Return `heat` (rows, columns) in [0, 1] as lines of `BLOCKS`, the darker the hotter."""
    rows, columns = heat.shape
    size = (ROWS, max(1, round(2 * ROWS * columns / rows)))
    small = F.adaptive_avg_pool2d(heat[None, None], size)[0, 0]
    small = small * heat.max() / small.max().clamp(min=1e-9)
    steps = (small * (len(BLOCKS) - 1)).round().int().tolist()
    return ["".join(BLOCKS[step] for step in line) for line in steps]


def in_words(found: Explained, most: int = 2) -> str:
    """Return where most of the heat is, in words, of nine places: "found left 45%, bottom left 20%".

    Heat that is faint everywhere is "hardly found, most at left 45%", and none "not found".
    """
    shares = []
    for row, names in enumerate(PLACES):
        for column, name in enumerate(names):
            box = (row / 3, column / 3, (row + 1) / 3, (column + 1) / 3)
            shares.append((found.share(*box), name))
    shares.sort(reverse=True)
    places = ", ".join(f"{name} {share:.0%}" for share, name in shares[:most] if share > 0)
    if not places:
        return "not found"
    return f"hardly found, most at {places}" if float(found.heat.max()) < FAINT else f"found {places}"


def save_explained(source: Path, found: Sequence[Explained], path: Path, overlays: Sequence[Path]) -> bool:
    """Write the overlay of each part of the picture in `source`, and a sheet of all of them to `path`.

    Returns False if a caption has letters that are in no font here.

    Raises:
        UsageError, ResourceError: a file cannot be written; of a sheet of a wrong format, nothing is.
    """
    require_picture(path)
    image, tiles = read(source), [Tile(source, source.name, "")]
    for each, at in zip(found, overlays, strict=True):
        save_picture(overlay(image, each.heat), at)
        tiles.append(Tile(at, f"{each.text} {each.match:.0%}", ""))
    return save_sheet(arrange(tiles, columns=min(4, len(tiles))), path, LEAST_SIDE)


def names_of(path: Path, found: Sequence[str]) -> list[Path]:
    """Return the files of the overlays of parts called `found`, beside the sheet at `path`."""
    return [path.with_name(f"{path.stem}-{n}-{slug(text)}.png") for n, text in enumerate(found, 1)]
