"""Unsharp masking with an amount; kornia's is always 1."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from kornia.filters import unsharp_mask
from torch import Tensor

from clipart.finish.chain import Range
from clipart.finish.strips import in_strips


def sharpen(
    image: Tensor, amount: Annotated[float, Range(0, 3)] = 0.4, sigma: Annotated[float, Range(0.3, 3)] = 1.0
) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], with edges about `sigma` pixels wide made steeper by `amount`."""
    reach = math.ceil(2 * sigma)

    def crisp(batch: Tensor) -> Tensor:
        return torch.lerp(batch, unsharp_mask(batch, 2 * reach + 1, (sigma, sigma)), amount)

    return in_strips(crisp, image, margin=reach).clamp_(0, 1)
