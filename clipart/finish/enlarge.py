"""Enlarging a finished picture."""

from __future__ import annotations

from typing import Annotated

from kornia.geometry import resize
from torch import Tensor

from clipart.finish.chain import Range
from clipart.finish.sharpen import sharpen

AMOUNT = 0.4
SIGMA = 0.7  # pixels of the picture before


def enlarge(image: Tensor, times: Annotated[float, Range(1, 4)] = 2) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], `times` as wide and high: bicubic, then sharpened."""
    height, width = image.shape[1:]
    if times == 1:
        return image
    larger = resize(
        image[None], (round(height * times), round(width * times)), "bicubic", align_corners=False
    )
    return sharpen(larger[0].clamp_(0, 1), AMOUNT, SIGMA * times)
