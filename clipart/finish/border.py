"""A plain border around a picture."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from clipart.finish.chain import Range


def border(
    image: Tensor, percent: Annotated[float, Range(0, 25)] = 4, shade: Annotated[float, Range(0, 1)] = 1.0
) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], with a border over its edges.

    It is `percent` of the short side wide, and grey of `shade`: 0 is black, 1 white. The size stays.
    """
    wide = round(percent / 100 * min(image.shape[1:]))
    framed = image.new_full(image.shape, shade)
    inside = (slice(None), slice(wide, image.shape[1] - wide), slice(wide, image.shape[2] - wide))
    framed[inside] = image[inside]
    return framed
