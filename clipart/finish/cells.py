"""Places in a picture, and square cells, for steps that draw a pattern. No step of its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def grid(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middle of each row, (H, 1), and of each column, (1, W), of `image` in pixels."""
    height, width = image.shape[1:]
    rows = torch.arange(height, device=image.device, dtype=torch.float32) + 0.5
    return rows[:, None], torch.arange(width, device=image.device, dtype=torch.float32)[None] + 0.5


def cells(image: Tensor, across: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut `image`, (3, H, W), into square cells, `across` along the shorter side.

    Returns:
        The mean colour of each cell, (3, H, W), the number of each pixel's cell, (H, W), and the place in
        the cell, (H, 1) and (1, W) in [0, 1).
    """
    height, width = image.shape[1:]
    side = min(height, width) / min(int(across), min(height, width))
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    y, x = grid(image)
    y, x = y * rows / height, x * columns / width
    number = y.floor().long() * columns + x.floor().long()
    means = interpolate(image[None], (rows, columns), mode="area")[0].flatten(1)
    return means[:, number], number, y % 1, x % 1
