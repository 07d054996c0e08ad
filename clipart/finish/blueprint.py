"""White lines on blue, over a grid."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from clipart.finish.cells import cells
from clipart.finish.chain import Range
from clipart.finish.lines import edges

BLUE = (0.07, 0.25, 0.55)
ACROSS = 16  # squares of the grid


def blueprint(image: Tensor, width: Annotated[float, Range(1, 4)] = 2) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], as white lines, `width` pixels wide, on blue paper with a grid."""
    _, _, y, x = cells(image, ACROSS)
    paper = image.new_tensor(BLUE)[:, None, None] + 0.08 * ((y < 0.06) | (x < 0.06))
    return paper + (0.95 - paper) * edges(image, width)
