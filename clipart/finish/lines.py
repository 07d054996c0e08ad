"""A drawing in black lines."""

from __future__ import annotations

from typing import Annotated

import torch
from kornia.color import rgb_to_grayscale
from kornia.filters import gaussian_blur2d
from torch import Tensor

from clipart.finish.chain import Range
from clipart.finish.strips import in_strips

STEEP = 350.0  # of the threshold
FAINTEST = 0.02  # difference of luma at which half a line is drawn


def edges(image: Tensor, width: float) -> Tensor:
    """Return how much of a line each pixel is, (1, H, W) in [0, 1], for lines about `width` pixels wide.

    The difference of two Gaussians of luma with a soft threshold, after XDoG (Winnemoeller et al., 2012).
    """
    sigma = 0.6 * width
    reach = min(7, int(3 * sigma) + 1)

    def drawn(batch: Tensor) -> Tensor:
        luma = rgb_to_grayscale(batch)
        near = gaussian_blur2d(luma, (2 * reach + 1,) * 2, (sigma, sigma))
        far = gaussian_blur2d(luma, (2 * reach + 1,) * 2, (1.6 * sigma, 1.6 * sigma))
        return torch.sigmoid(STEEP * ((far - near) - FAINTEST)).expand_as(batch)

    return in_strips(drawn, image, margin=reach)[:1]


def lines(image: Tensor, width: Annotated[float, Range(1, 4)] = 2) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], drawn in black lines, `width` pixels wide, on white."""
    return (1 - edges(image, width)).expand(3, -1, -1).clone()
