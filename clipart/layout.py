"""The layout: which parts of a prompt have a place of their own on the canvas, and how large a place is.

In a blend every part is looked for everywhere, the way of CLIP art since Crowson's notebooks. Apart, the
parts that weigh most are things, and each is looked for in its own place; what weighs less, or pushes away,
counts everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


def lay_out(prompt: Prompt, *, apart: bool) -> Layout:
    """Give the parts of the greatest weight, if `apart` and at least two, places in reading order."""
    most = max(part.weight for part in prompt.parts)
    things = [part.weight == most for part in prompt.parts]
    if not apart or sum(things) < 2:
        return Layout((None,) * len(things))
    free = iter(range(len(things)))
    return Layout(tuple(next(free) if thing else None for thing in things))


@dataclass(frozen=True)
class Cells:
    """Squares of one size in rows on a canvas; one is the whole canvas, whatever its form.

    Attributes:
        columns, rows: how many squares stand beside and above one another; the last row may not be full.
        height, width: of a square, in pixels.
    """

    columns: int
    rows: int
    height: float
    width: float

    @property
    def side(self) -> float:
        """The shorter side of a square, in pixels."""
        return min(self.height, self.width)


def cells(count: int, height: int, width: int) -> Cells:
    """Divide a canvas of `height` by `width` pixels among `count` squares, as large as they can be."""
    if count == 1:
        return Cells(1, 1, height, width)

    def worth(columns: int) -> tuple[float, int, int]:
        """Rank by the side of a square, then by how few cells stay empty, then by width."""
        rows = math.ceil(count / columns)
        return min(width / columns, height / rows), count - rows * columns, columns

    columns = max(range(1, count + 1), key=worth)
    rows = math.ceil(count / columns)
    side = min(width / columns, height / rows)
    return Cells(columns, rows, side, side)


def require_room(count: int, height: int, width: int) -> None:
    """See that `count` things have room on a canvas of `height` by `width` pixels.

    Raises:
        UsageError: a place would be smaller than the smallest picture.
    """
    side = cells(count, height, width).side
    if side < _LEAST:
        raise UsageError(
            f"{count} things have {side:.0f} pixels each on {width}x{height}, and need {_LEAST}. "
            "Type a larger --size, fewer things, or --layout blend."
        )
