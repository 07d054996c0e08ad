"""A mosaic of square stones with mortar between them."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from clipart.finish.cells import cells
from clipart.finish.chain import Range

GAP = 0.1  # of a cell, mortar on each side
MORTAR = 0.82
UNEVEN = 0.09  # by how much stones of one colour differ in light


def mosaic(image: Tensor, across: Annotated[float, Range(4, 256)] = 40) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], laid of square stones, `across` along the shorter side.

    A stone has the mean colour of its cell, a little lighter or darker than its neighbours, always the same.
    """
    colours, number, y, x = cells(image, across)
    dice = torch.rand(int(number.max()) + 1, generator=torch.Generator().manual_seed(0)).to(image.device)
    stones = (colours + UNEVEN * (2 * dice[number] - 1)).clamp(0, 1)
    inside = (torch.minimum(y, 1 - y) > GAP) & (torch.minimum(x, 1 - x) > GAP)
    return torch.where(inside, stones, torch.full_like(stones, MORTAR))
