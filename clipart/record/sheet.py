"""Contact sheets: the pictures of runs side by side, with a line of words below each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ClipartError, UsageError
from clipart.pictures import on_white, open_picture
from clipart.record.caption import broken, font, lacking, shortened
from clipart.record.folder import Folder
from clipart.record.metadata import read_origin
from clipart.record.writers import require_picture, save_picture

if TYPE_CHECKING:
    from PIL.Image import Image

GAP = 8  # pixels
PAPER, INK = "white", "#333333"
MAX_PICTURES, MAX_PIXELS = 1000, 80_000_000


@dataclass(frozen=True)
class Tile:
    """A picture on a sheet; `prompt` and `seed` are empty where the file does not say them."""

    path: Path
    prompt: str
    seed: str

    @property
    def words(self) -> str:
        """The line below it."""
        return f"{self.prompt}, seed {self.seed}" if self.seed else self.prompt


@dataclass(frozen=True)
class Layout:
    """What lies where: rows of tiles with None for holes, and the heads of columns and rows of a grid."""

    rows: tuple[tuple[Tile | None, ...], ...]
    column_heads: tuple[str, ...] = ()
    row_heads: tuple[str, ...] = ()


def make_sheet(runs: Sequence[Path], path: Path, size: int = 256, columns: int | None = None) -> bool:
    """Write a sheet of the pictures of `runs`, folders or files, to `path`, in the format of its suffix.

    Returns False if a caption has letters that are in no font here, and that are boxes.

    Every picture fits a square of `size` pixels. If they are of several prompts and several seeds and
    `columns` is None, each prompt has its row and each seed its column.

    Raises:
        UsageError: a run without a picture, too many pictures, or a place that cannot be written.
    """
    require_picture(path)
    if not 1 <= len(runs) <= MAX_PICTURES:
        raise UsageError(f"{len(runs)} pictures: a sheet has 1 to {MAX_PICTURES}.")
    return save_sheet(arrange([_tile(run) for run in runs], columns), path, size)


def save_sheet(layout: Layout, path: Path, size: int) -> bool:
    """Write the sheet of `layout`, each picture in a square of `size` pixels; returns as `make_sheet`.

    Raises:
        UsageError: it is too large, or one of its files is no picture.
    """
    save_picture(_draw(layout, size), path)
    return not lacking(tile.words for row in layout.rows for tile in row if tile)


def _tile(run: Path) -> Tile:
    path = run / "picture.png" if run.is_dir() else run
    if not (Folder(run).has(path.name) if run.is_dir() else path.is_file()):
        raise UsageError(f"{run}: there is no picture{' in it' if run.is_dir() else ' there'}.")
    try:
        recipe = read_origin(run if run.is_dir() else path).recipe
    except ClipartError:  # of another program: nobody knows its prompt
        return Tile(path, path.stem, "")
    return Tile(path, recipe.title, str(recipe.seed))


def arrange(tiles: Sequence[Tile], columns: int | None = None) -> Layout:
    """Return where each tile goes: a grid of prompt by seed if there is one, or else rows in order."""
    prompts = list(dict.fromkeys(tile.prompt for tile in tiles))
    seeds = list(dict.fromkeys(tile.seed for tile in tiles))
    found = {(tile.prompt, tile.seed): tile for tile in tiles}
    is_grid = len(prompts) > 1 and len(seeds) > 1 and len(found) == len(tiles)
    if columns is None and is_grid and 2 * len(tiles) >= len(prompts) * len(seeds):
        rows = tuple(tuple(found.get((prompt, seed)) for seed in seeds) for prompt in prompts)
        return Layout(rows, tuple(f"seed {seed}" for seed in seeds), tuple(prompts))
    wide = columns or math.ceil(math.sqrt(len(tiles)))
    padded = [*tiles, *[None] * (-len(tiles) % wide)]
    return Layout(tuple(tuple(padded[at : at + wide]) for at in range(0, len(padded), wide)))


def _draw(layout: Layout, size: int) -> Image:
    from PIL import Image, ImageDraw

    is_grid = bool(layout.row_heads)
    text = max(10, size // 16)
    line = round(text * 1.8)
    left, top = (size // 2 if is_grid else 0), (line if is_grid else 0)
    step_x, step_y = size + GAP, size + GAP + (0 if is_grid else line)
    width = left + step_x * len(layout.rows[0]) + GAP
    height = top + step_y * len(layout.rows) + GAP
    if width * height > MAX_PIXELS:
        raise UsageError(f"A sheet of {width} x {height} pixels is too large. Give a smaller --size.")
    page = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(page)
    for index, words in enumerate(layout.column_heads):
        letters = font(text)
        middle = left + GAP + index * step_x + size / 2
        draw.text((middle, GAP + line / 2), shortened(words, size, letters), INK, letters, anchor="mm")
    for row, tiles in enumerate(layout.rows):
        y = top + GAP + row * step_y
        if is_grid:
            letters = font(text, layout.row_heads[row])
            words = broken(layout.row_heads[row], left - GAP, letters, max(1, round(size / line)))
            draw.multiline_text((GAP, y + size / 2), words, INK, letters, anchor="lm")
        for column, tile in enumerate(tiles):
            if tile is None:
                continue
            x = left + GAP + column * step_x
            _paste(page, tile, x, y, size)
            if not is_grid:
                letters = font(text, tile.words)
                words = shortened(tile.words, size, letters)
                draw.text((x, y + size + line / 2), words, INK, letters, anchor="lm")
    return page


def _paste(page: Image, tile: Tile, x: int, y: int, size: int) -> None:
    from PIL import Image

    picture = on_white(open_picture(tile.path))
    scale = size / max(picture.size)
    wide, high = (max(1, round(side * scale)) for side in picture.size)
    picture = picture.resize((wide, high), Image.Resampling.LANCZOS)
    page.paste(picture, (x + (size - wide) // 2, y + (size - high) // 2))
