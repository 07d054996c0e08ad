"""Regularisers: small losses on the whole image that say nothing of the prompt.

Each takes the canvas as it is, (1, 3, height, width) RGB and not yet clamped, and returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, the L2 total variation of Mahendran and Vedaldi (2015)."""
    rows, columns = image.diff(dim=2), image.diff(dim=3)
    return rows.square().mean() + columns.square().mean()


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared distance from [0, 1], what no screen can show (Crowson's range loss)."""
    return (image - image.clamp(0, 1)).square().mean()


def saturation(image: Tensor) -> Tensor:
    """Mean squared distance of each pixel from its own grey."""
    return (image - image.mean(dim=1, keepdim=True)).square().mean()


REGULARISERS: dict[str, Callable[[Tensor], Tensor]] = {
    "tv": total_variation,
    "range": out_of_range,
    "saturation": saturation,
}
