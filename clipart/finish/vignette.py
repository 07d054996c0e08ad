"""A picture that grows darker towards its corners."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from clipart.finish.cells import grid
from clipart.finish.chain import Range


def vignette(image: Tensor, amount: Annotated[float, Range(0, 1)] = 0.4) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], its corners darker by `amount`, its middle as it was."""
    y, x = grid(image)
    height, width = image.shape[1:]
    reach = ((2 * y / height - 1).square() + (2 * x / width - 1).square()) / 2
    return image * (1 - amount * reach.square())
