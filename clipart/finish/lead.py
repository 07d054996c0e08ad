"""Stained glass: pieces of one colour, held by lead."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from clipart.finish.cells import grid
from clipart.finish.chain import Range

WIDTH = 0.06  # of a piece, half the lead
LEAD = 0.07


def lead(image: Tensor, across: Annotated[float, Range(3, 64)] = 16) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], as pieces of glass, about `across` along the shorter side.

    The pieces are Voronoi cells of a jittered grid, always the same one, each in its mean colour.
    """
    side = min(image.shape[1:]) / across
    y, x = (place / side for place in grid(image))
    rows, columns = int(y.max()) + 3, int(x.max()) + 3  # one more on each side
    jitter = torch.rand(2, rows, columns, generator=torch.Generator().manual_seed(0)).to(image.device)
    first = second = torch.full(image.shape[1:], 9.0, device=image.device)
    owner = torch.zeros(image.shape[1:], dtype=torch.long, device=image.device)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            row, column = (y.long() + down), (x.long() + right)
            py, px = row - 1 + jitter[0, row, column], column - 1 + jitter[1, row, column]
            far = ((y - py).square() + (x - px).square()).sqrt()
            second = torch.minimum(second, torch.maximum(first, far))
            owner = torch.where(far < first, row * columns + column, owner)
            first = torch.minimum(first, far)
    total = image.new_zeros(3, rows * columns).index_add_(1, owner.flatten(), image.flatten(1))
    count = owner.flatten().bincount(minlength=rows * columns).clamp(min=1)
    glass = (total / count)[:, owner]
    return torch.where((second - first) / 2 > WIDTH, glass, torch.full_like(glass, LEAD))
