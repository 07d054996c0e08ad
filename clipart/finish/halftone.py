"""Dots of printing ink, as in old comics."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from clipart.finish.cells import grid
from clipart.finish.chain import Range

ANGLES = (15, 75, 0)  # degrees of the screens of cyan, magenta and yellow, as printers turn them


def halftone(image: Tensor, across: Annotated[float, Range(8, 256)] = 64) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], as dots of cyan, magenta and yellow ink on white.

    `across` dots stand along the shorter side. Where there is more ink, dots are larger.
    """
    y, x = grid(image)
    side = max(2.0, min(image.shape[1:]) / across)
    reach = int(side) // 2
    ink = 1 - avg_pool2d(image[None], 2 * reach + 1, 1, reach, count_include_pad=False)[0]
    printed = []
    for amount, angle in zip(ink, ANGLES, strict=True):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        u, v = ((x * c + y * s) / side) % 1 - 0.5, ((y * c - x * s) / side) % 1 - 0.5
        radius = (amount / math.pi).clamp(min=0).sqrt() * (1 + 0.25 * amount)
        printed.append((((u.square() + v.square()).sqrt() - radius) * side + 0.5).clamp(0, 1))
    return torch.stack(printed)
