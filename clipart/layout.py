"""The layout: which parts of a prompt have a place of their own on the canvas, and how large a place is.

In a blend every part is looked for everywhere, the way of CLIP art since Crowson's notebooks. Apart, the
parts that weigh most are things, and each is looked for in its own place; what weighs less, or pushes away,
counts everywhere. A part that is given a box of its own is looked for there, and the rest in all of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clipart.errors import UsageError
from clipart.prompt import Prompt

SIDE = 256  # pixels of the side of a picture of one thing, where nobody says otherwise
_LEAST = 16  # pixels of a place's side, as of a picture's


class Box(NamedTuple):
    """A place on the canvas, in parts of its width and height from the upper left corner."""

    left: float
    top: float
    width: float
    height: float


WHOLE = Box(0, 0, 1, 1)
WORDS = {
    "left": Box(0, 0, 0.5, 1),
    "right": Box(0.5, 0, 0.5, 1),
    "top": Box(0, 0, 1, 0.5),
    "bottom": Box(0, 0.5, 1, 0.5),
    "middle": Box(0.25, 0.25, 0.5, 0.5),
    "top-left": Box(0, 0, 0.5, 0.5),
    "top-right": Box(0.5, 0, 0.5, 0.5),
    "bottom-left": Box(0, 0.5, 0.5, 0.5),
    "bottom-right": Box(0.5, 0.5, 0.5, 0.5),
    "all": WHOLE,
}
_PERCENT = re.compile(r"\s*,\s*".join([r"(\d{1,3}(?:\.\d{1,3})?)\s*%"] * 4))


def read_box(text: str) -> tuple[str, Box]:
    """Read `cat=left` or `sun=70%,0%,30%,30%`: a part's words, and left, top, width and height of its box.

    Raises:
        UsageError: it is of no such form, or the box is not within the picture.
    """
    part, _, where = (piece.strip() for piece in text.rpartition("="))
    box = WORDS.get(where.lower())
    if box is None and (found := _PERCENT.fullmatch(where)):
        box = Box(*(float(number) / 100 for number in found.groups()))
    if not part or box is None:
        raise UsageError(
            f"--place {text[:60]}: type PART=WHERE. WHERE is {', '.join(WORDS)}, or left, top, width and "
            'height in per cent. For example: --place "cat=left" --place "sun=70%,0%,30%,30%"'
        )
    if min(box.width, box.height) <= 0 or box.left + box.width > 1.0001 or box.top + box.height > 1.0001:
        raise UsageError(
            f"--place {text[:60]}: the box reaches beyond the picture, or is empty. Left and width, and top "
            "and height, together have at most 100%."
        )
    return part, box


@dataclass(frozen=True)
class Layout:
    """Where each part of a prompt is looked for.

    Attributes:
        of: for every part the index of its place, None for all of them.
        boxes: the places, where they were given; else they are squares of one size, in rows.
    """

    of: tuple[int | None, ...]
    boxes: tuple[Box, ...] = ()

    @property
    def count(self) -> int:
        """How many places the canvas has; 1 is all of it, unless there are boxes."""
        return 1 + max((place for place in self.of if place is not None), default=0)


def lay_out(prompt: Prompt, *, apart: bool, boxes: Sequence[str] = ()) -> Layout:
    """Give the parts of the greatest weight, if `apart` and at least two, places in reading order.

    A part that is a picture counts everywhere, as long as there are words.

    Of `boxes`, as `read_box` has them, each is the place of the part that it names. Other parts are then
    looked for in all of the picture, and those that push away in every place.

    Raises:
        UsageError: a box names no part, or one that has a box already.
    """
    if boxes:
        return _in_boxes(prompt, [read_box(text) for text in boxes])
    words = [part for part in prompt.parts if not part.picture] or prompt.parts
    most = max(part.weight for part in words)
    things = [part.weight == most and part in words for part in prompt.parts]
    if not apart or sum(things) < 2:
        return Layout((None,) * len(things))
    free = iter(range(len(things)))
    return Layout(tuple(next(free) if thing else None for thing in things))


def _in_boxes(prompt: Prompt, given: Sequence[tuple[str, Box]]) -> Layout:
    texts = [(part.typed or part.text).casefold() for part in prompt.parts]
    of: list[int | None] = [None] * len(texts)
    for index, (name, _) in enumerate(given):
        free = [at for at, text in enumerate(texts) if text == name.casefold() and of[at] is None]
        if not free:
            known = ", ".join(repr(part.typed or part.text) for part in prompt.parts)
            again = " once more" if name.casefold() in texts else ""
            raise UsageError(f"--place {name[:40]}=...: the prompt has no such part{again}. It has: {known}.")
        of[free[0]] = index
    boxes = [box for _, box in given]
    for at, part in enumerate(prompt.parts):
        if of[at] is None and part.weight > 0:
            of[at] = len(given)
    if len(given) in of:
        boxes.append(WHOLE)
    return Layout(tuple(of), tuple(boxes))


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


def sheet(layout: Layout) -> tuple[int, int]:
    """Return the height and width, in pixels, of a picture in which the places of `layout` fill the rows.

    It is a square of `SIDE` unless fewer rows than columns hold all things: two stand on 192 by 384 pixels.
    Its area is at least that of the square.
    """
    columns = math.ceil(math.sqrt(layout.count))
    rows = math.ceil(layout.count / columns)
    if layout.boxes or rows == columns:
        return SIDE, SIDE
    side = math.ceil(SIDE / math.sqrt(rows * columns) / _LEAST) * _LEAST
    return rows * side, columns * side


def smallest(layout: Layout, height: int, width: int) -> float:
    """Return the shorter side, in pixels, of the smallest place on a canvas of `height` by `width` pixels."""
    if layout.boxes:
        return min(min(box.width * width, box.height * height) for box in layout.boxes)
    return cells(layout.count, height, width).side


def require_room(layout: Layout, height: int, width: int) -> None:
    """See that every place has room on a canvas of `height` by `width` pixels.

    Raises:
        UsageError: a place would be smaller than the smallest picture.
    """
    side = smallest(layout, height, width)
    if side >= _LEAST:
        return
    if layout.boxes:
        raise UsageError(
            f"--place: the smallest box has {side:.0f} pixels on {width}x{height}, and needs {_LEAST}. "
            "Type a larger --size, or a larger box."
        )
    raise UsageError(
        f"{layout.count} things have {side:.0f} pixels each on {width}x{height}, and need {_LEAST}. "
        "Type a larger --size, fewer things, or --layout blend."
    )
