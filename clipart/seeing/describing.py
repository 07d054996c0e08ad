"""Pictures described: which words fit best, of a list; classification without training (arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from clipart import limits
from clipart.critic.clip import Clip
from clipart.critic.views import whole
from clipart.errors import UsageError
from clipart.models.embedded import everyday_words
from clipart.seeing.looking import looking, pictures_in, read, scores, still


@dataclass(frozen=True)
class Word:
    """A word and its share, 0 to 1, in what a picture is taken for; the shares of all words sum to 1."""

    text: str
    share: float


@dataclass(frozen=True)
class Described:
    """A picture, or a tile of it, and the words that fit it best, the best first.

    `row` and `column` are those of the tile, from 1; both are 0 for the whole picture.
    """

    path: Path
    words: tuple[Word, ...]
    row: int = 0
    column: int = 0


def describe(
    images: Sequence[Path | str] | Path | str,
    words: Sequence[str] | None = None,
    *,
    clip: str | None = None,
    grid: int = 1,
    most: int = 5,
) -> list[Described]:
    """Return for each picture, and then for its tiles by rows, the words that fit best.

    A share is that of a softmax over all words at the CLIP's own temperature: how much better this word fits
    than the others of the list.

    Args:
        images: files, or folders with pictures or runs.
        words: what to choose from, not one text; by default about 1,400 everyday words.
        clip: the CLIP that looks; by default the judge of the embedded critic.
        grid: besides the whole picture, this many by this many tiles of it are described, if more than 1.
        most: how many words are returned for each, 1 or more.

    Raises:
        UsageError: no pictures, no words, or something out of range.
        ModelError: the CLIP is not on this machine.
    """
    chosen = list(dict.fromkeys(everyday_words() if words is None else _listed(words)))
    if not 1 <= grid <= limits.TILES:
        raise UsageError(f"grid = {grid}: from 1 to {limits.TILES}.")
    if most < 1:
        raise UsageError(f"most = {most}: from 1.")
    paths = pictures_in(images)
    with still():
        eye = looking(clip)
        texts = eye.encode_texts(chosen)
        return [
            Described(path, _best(eye, tile, chosen, texts, most), *place)
            for path in paths
            for place, tile in _tiles(read(path), grid).items()
        ]


def _listed(words: Sequence[str]) -> Sequence[str]:
    if isinstance(words, str):
        raise UsageError(f"words = {words[:60]!r}: give a list, such as ['cat', 'dog'].")
    if not 1 <= len(words) <= limits.WORDS:
        raise UsageError(f"{len(words):,} words: give 1 to {limits.WORDS:,}.")
    return words


def _best(eye: Clip, image: Tensor, words: Sequence[str], texts: Tensor, most: int) -> tuple[Word, ...]:
    """Return the `most` of `words` that fit `image` best; `texts` are what the CLIP makes of them."""
    seen = eye.encode_images(whole(image.to(eye.device), eye.side)).mean(dim=0, keepdim=True)
    best = scores(eye, seen, texts)[0].topk(min(most, len(words)))
    return tuple(
        Word(words[i], share) for i, share in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )


def _tiles(image: Tensor, grid: int) -> dict[tuple[int, int], Tensor]:
    """Return `image` (1, 3, height, width) as (0, 0), and its tiles by row and column, from 1."""
    tiles = {(0, 0): image}
    height, width = image.shape[-2:]
    if grid == 1:
        return tiles
    if min(height, width) < grid:
        raise UsageError(f"A picture of {width}x{height} has no {grid} by {grid} tiles. Give a smaller grid.")
    for row in range(grid):
        for column in range(grid):
            top, bottom = row * height // grid, (row + 1) * height // grid
            left, right = column * width // grid, (column + 1) * width // grid
            tiles[row + 1, column + 1] = image[:, :, top:bottom, left:right]
    return tiles
