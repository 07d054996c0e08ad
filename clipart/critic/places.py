"""Places on a canvas: where each view of a laid out prompt looks, and how much it counts for each part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipart.layout import Layout, cells


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
    grid = cells(count, height, width)
    maps = torch.zeros(count, 3, 3)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = grid.side / width, grid.side / height, 1
    for index in range(count):
        row, column = divmod(index, grid.columns)
        beside = min(grid.columns, count - row * grid.columns)
        maps[index, 0, 2] = (2 * column + 1 - beside) / grid.columns
        maps[index, 1, 2] = (2 * row + 1 - grid.rows) / grid.rows
    return Places(maps, grid.side, grid.side)


def attention(layout: Layout, place: Tensor) -> Tensor:
    """Return how much views at `place` (n,) count for each part: (n, parts), columns sum to 1."""
    looks = [torch.ones(len(place)) if own is None else (place == own).float() for own in layout.of]
    return torch.stack([look / look.sum() for look in looks], dim=1)
