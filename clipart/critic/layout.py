"""The layout: which parts of a prompt have a place of their own on the canvas, and where the places are.

In a blend every part is looked for everywhere, the way of CLIP art since Crowson's notebooks. Apart, the
parts that weigh most are things, and each is looked for in its own place; what weighs less, or pushes away,
counts everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from clipart.errors import UsageError
from clipart.prompt import Prompt

_LEAST = 16  # pixels of a place's side, as of a picture's


@dataclass(frozen=True)
class Layout:
    """Where each part of a prompt is looked for.

    Attributes:
        of: for every part the index of its place, None for all of them.
    """

    of: tuple[int | None, ...]

    @property
    def count(self) -> int:
        """How many places the canvas has; 1 is all of it."""
        return 1 + max((place for place in self.of if place is not None), default=0)

    def attention(self, place: Tensor) -> Tensor:
        """Return how much each view, at `place` (n,), counts for each part: (n, parts), columns sum to 1."""
        looks = [torch.ones(len(place)) if own is None else (place == own).float() for own in self.of]
        return torch.stack([look / look.sum() for look in looks], dim=1)


def lay_out(prompt: Prompt, *, apart: bool) -> Layout:
    """Give the parts of the greatest weight, if `apart` and at least two, places in reading order."""
    most = max(part.weight for part in prompt.parts)
    things = [part.weight == most for part in prompt.parts]
    if not apart or sum(things) < 2:
        return Layout((None,) * len(things))
    free = iter(range(len(things)))
    return Layout(tuple(next(free) if thing else None for thing in things))


@dataclass(frozen=True)
class Places:
    """Places on a canvas, all of one size.

    Attributes:
        maps: (count, 3, 3), from a place to the canvas, both in [-1, 1] coordinates.
        height, width: of a place, in pixels.
    """

    maps: Tensor
    height: float
    width: float

    @property
    def side(self) -> float:
        """The shorter side of a place, in pixels."""
        return min(self.height, self.width)


def places(count: int, height: int, width: int) -> Places:
    """Put `count` squares on a canvas of `height` by `width` pixels, in rows, as large as they can be.

    One place is the whole canvas, whatever its form. A last row that is not full stands in the middle.
    """
    if count == 1:
        return Places(torch.eye(3)[None], height, width)

    def worth(columns: int) -> tuple[float, int, int]:
        """Rank by the side of a place, then by how few cells stay empty, then by width."""
        rows = math.ceil(count / columns)
        return min(width / columns, height / rows), count - rows * columns, columns

    columns = max(range(1, count + 1), key=worth)
    rows = math.ceil(count / columns)
    side = min(width / columns, height / rows)
    maps = torch.zeros(count, 3, 3)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = side / width, side / height, 1
    for index in range(count):
        row, column = divmod(index, columns)
        beside = min(columns, count - row * columns)
        maps[index, 0, 2] = (2 * column + 1 - beside) / columns
        maps[index, 1, 2] = (2 * row + 1 - rows) / rows
    return Places(maps, side, side)


def require_room(count: int, height: int, width: int) -> None:
    """See that `count` things have room on a canvas of `height` by `width` pixels.

    Raises:
        UsageError: a place would be smaller than the smallest picture.
    """
    side = places(count, height, width).side
    if side < _LEAST:
        raise UsageError(
            f"{count} things have {side:.0f} pixels each on {width}x{height}, and need {_LEAST}. "
            "Type a larger --size, fewer things, or --layout blend."
        )
