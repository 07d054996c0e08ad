"""Filters on pictures of any size in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PIXELS = 1 << 20  # of a strip


def in_strips(filter_: Callable[[Tensor], Tensor], image: Tensor, margin: int) -> Tensor:
    """Return `filter_` of `image`, (3, H, W), computed a strip of rows at a time.

    `filter_` takes and returns (1, 3, h, W); each of its pixels depends on none further off than `margin`.
    """
    height, width = image.shape[1:]
    rows = max(4 * margin, PIXELS // width)
    out = torch.empty_like(image)
    for top in range(0, height, rows):
        # The last strip reaches up, so that none is too low for a filter to reflect its border.
        first = max(0, min(top - margin, height - rows))
        strip = filter_(image[None, :, first : top + rows + margin])
        out[:, top : top + rows] = strip[0, :, top - first : top - first + rows]
    return out
