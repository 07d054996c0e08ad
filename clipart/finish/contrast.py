"""Differences of light and colour, made larger or smaller."""

from __future__ import annotations

from typing import Annotated

from kornia.color import rgb_to_grayscale
from torch import Tensor

from clipart.finish.chain import Range


def contrast(image: Tensor, times: Annotated[float, Range(0, 4)] = 1.3) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], its values `times` as far from the mean luma."""
    middle = rgb_to_grayscale(image[None]).mean()
    return ((image - middle) * times + middle).clamp(0, 1)
