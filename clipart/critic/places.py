"""Places on a canvas: where each view of a laid out prompt looks, and how much it counts for each part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipart.layout import Box, Layout, cells


@dataclass(frozen=True)
class Places:
    """Places on a canvas.

    Attributes:
        maps: (count, 3, 3), from a place to the canvas, both in [-1, 1] coordinates.
        sizes: height and width of each place, in pixels.
    """

    maps: Tensor
    sizes: tuple[tuple[float, float], ...]

    def parts(self, height: int, width: int) -> list[float]:
        """Return the shorter side of each place as a part of the canvas's."""
        return [min(size) / min(height, width) for size in self.sizes]


def places(layout: Layout, height: int, width: int) -> Places:
    """Return the places of `layout` on a canvas of `height` by `width` pixels.

    They are its boxes; without any, squares in rows, as large as they can be. One such place is the whole
    canvas, whatever its form. A last row that is not full stands in the middle.
    """
    count = layout.count
    if layout.boxes:
        return _boxes(layout.boxes, height, width)
    if count == 1:
        return Places(torch.eye(3)[None], ((height, width),))
    grid = cells(count, height, width)
    maps = torch.zeros(count, 3, 3)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = grid.side / width, grid.side / height, 1
    for index in range(count):
        row, column = divmod(index, grid.columns)
        beside = min(grid.columns, count - row * grid.columns)
        maps[index, 0, 2] = (2 * column + 1 - beside) / grid.columns
        maps[index, 1, 2] = (2 * row + 1 - grid.rows) / grid.rows
    return Places(maps, ((grid.side, grid.side),) * count)


def _boxes(boxes: tuple[Box, ...], height: int, width: int) -> Places:
    maps = torch.eye(3).repeat(len(boxes), 1, 1)
    for index, box in enumerate(boxes):
        maps[index, 0, 0], maps[index, 1, 1] = box.width, box.height
        maps[index, 0, 2] = 2 * box.left + box.width - 1
        maps[index, 1, 2] = 2 * box.top + box.height - 1
    return Places(maps, tuple((box.height * height, box.width * width) for box in boxes))


def attention(layout: Layout, place: Tensor) -> Tensor:
    """Return how much views at `place` (n,) count for each part: (n, parts), columns sum to 1."""
    looks = [torch.ones(len(place)) if own is None else (place == own).float() for own in layout.of]
    return torch.stack([look / look.sum() for look in looks], dim=1)
