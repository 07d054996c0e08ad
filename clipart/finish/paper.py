"""Paper without halos: what is nearly its colour becomes its colour."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from clipart.finish.chain import Range

EDGE = 0.02  # of the short side: the border on which the paper is looked for
ALIKE = 0.06  # of a channel: so near the median, a pixel of the border is paper
LEAST = 0.6  # part of the border that is paper, where there is paper at all


def paper(image: Tensor, reach: Annotated[float, Range(0, 50)] = 12.0) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], with paper of one colour, the median of the border.

    `reach` is in per cent of a channel: up to a third of it from that colour a pixel becomes paper, beyond it
    nothing changes, and between, a pixel moves in part. Where less than `LEAST` of the border is alike, there
    is no paper, and nothing changes at all.
    """
    colour = paper_of(image)
    if colour is None or not reach:
        return image
    away = (image - colour).abs().amax(0) * 100 / reach
    share = ((away - 1 / 3) / (2 / 3)).clamp(0, 1)
    return torch.lerp(colour.expand_as(image), image, share)


def paper_of(image: Tensor) -> Tensor | None:
    """Return the colour of the paper of `image`, (3, H, W): the median of its border, (3, 1, 1); or None."""
    wide = max(1, round(EDGE * min(image.shape[-2:])))
    top, bottom = image[:, :wide].flatten(1), image[:, -wide:].flatten(1)
    left, right = image[:, :, :wide].flatten(1), image[:, :, -wide:].flatten(1)
    border = torch.cat([top, bottom, left, right], dim=1)
    colour = border.median(dim=1).values[:, None]
    alike = ((border - colour).abs().amax(0) <= ALIKE).float().mean()
    return colour[:, :, None] if alike >= LEAST else None
