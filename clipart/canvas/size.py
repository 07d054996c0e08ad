"""How large the canvas is: as `scale` says, and for a large picture small at first.

What a critic sees of a picture is not larger than some 256 pixels, so the first steps of a large one lose
nothing on a small canvas, and take a part of the time. Where `scale` is left open the canvas grows with the
steps; a `scale` that somebody chose holds from the first step to the last.
"""

from __future__ import annotations

import math

from clipart.canvas import CANVASES
from clipart.recipe import Recipe

SMALL = 256  # pixels of the short side: at most that on the first canvas, and where starts are tried
_GROWS, _GROWN = (
    0.5,
    0.75,
)  # parts of the steps: from the first the canvas doubles, from the second it is whole
_LEAST = 8  # pixels of a side


def canvas_size(settings: Recipe, step: int) -> tuple[int, int]:
    """Return (height, width) of the canvas at `step`, from 1, with `settings`, those of that step."""
    is_open = settings.scale in (None, 1.0) and "scale" in settings.left
    if not is_open or settings.stages or settings.moves or not CANVASES[settings.canvas].grows:
        return whole_size(settings)
    return _scaled(settings, _grown(min(settings.shape), (step - 1) / settings.steps))


def whole_size(settings: Recipe) -> tuple[int, int]:
    """Return (height, width) of the canvas that `scale` asks for."""
    return _scaled(settings, settings.scale or 1.0)


def _scaled(settings: Recipe, scale: float) -> tuple[int, int]:
    height, width = settings.shape
    return max(_LEAST, round(height * scale)), max(_LEAST, round(width * scale))


def at_most_small(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`, (height, width), made smaller to a short side of `SMALL` if it is larger."""
    factor = SMALL / min(size)
    return size if factor >= 1 else (round(size[0] * factor), round(size[1] * factor))


def _grown(short: int, done: float) -> float:
    """Return the scale of a canvas whose whole short side is `short` pixels, `done` of the steps done."""
    doublings = math.ceil(math.log2(max(1.0, short / SMALL)))
    if done >= _GROWN or doublings == 0:
        return 1.0
    level = 0 if done < _GROWS else 1 + int((done - _GROWS) / (_GROWN - _GROWS) * (doublings - 1))
    return min(1.0, SMALL * 2.0**level / short)
