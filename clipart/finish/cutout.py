"""The ground around a thing, made transparent."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.finish.chain import WITH_ALPHA, Range
from clipart.finish.paper import paper_of

LEVEL = 256  # pixels of the short side at which the ground is followed from the border
EDGE = 3  # pixels of a short side of 512, over which an edge may be soft


@torch.no_grad()
def cutout(image: Annotated[Tensor, WITH_ALPHA], reach: Annotated[float, Range(1, 50)] = 12.0) -> Tensor:
    """Return `image`, (3 or 4, H, W) in [0, 1], with an alpha channel: (4, H, W).

    The ground is what can be reached from the border without leaving its colour by more than `reach` per cent
    of a channel; paper that is closed in by the thing stays. At the thing's edge the alpha is the share of
    the ink in a pixel, and the paper is taken out of its colour, so that no fringe is left on another ground.
    A picture without paper, whose border has many colours, stays as it is.
    """
    colours = image[:3]
    before = image[3:] if len(image) > 3 else torch.ones_like(image[:1])
    paper = paper_of(colours)
    if paper is None:
        return torch.cat([colours, before])
    away = (colours - paper).abs().amax(0, keepdim=True)[None]
    least = reach / 100
    outside = _reached(away, least)
    wide = max(2, math.ceil(EDGE * min(image.shape[1:]) / 512))
    near = F.max_pool2d(outside, 4 * wide + 1, 1, 2 * wide)
    ink = F.max_pool2d(away, 2 * wide + 1, 1, wide).clamp(min=least)
    share = ((away - least / 3) / (ink - least / 3)).clamp(0, 1)
    alpha = torch.where(near > 0, share, torch.ones_like(share))[0]
    pure = (paper + (colours - paper) / alpha.clamp(min=0.05)).clamp(0, 1)
    return torch.cat([torch.where(alpha > 0, pure, colours), alpha * before])


def _reached(away: Tensor, least: float) -> Tensor:
    """Return 1 where `away`, (1, 1, H, W), can be reached from the border below `least`, else 0."""
    height, width = away.shape[-2:]
    scale = min(1.0, LEVEL / min(height, width))
    free = (F.adaptive_max_pool2d(away, (round(height * scale), round(width * scale))) < least).float()
    reached = F.pad(torch.zeros_like(free), (1, 1, 1, 1), value=1.0)
    free = F.pad(free, (1, 1, 1, 1), value=1.0)
    while True:
        grown = F.max_pool2d(reached, 3, 1, 1) * free
        if torch.equal(grown, reached):
            break
        reached = grown
    return F.interpolate(reached[..., 1:-1, 1:-1], size=(height, width), mode="nearest")


def cut(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `picture`, (H, W, 3) RGB, as `cutout` has it: (H, W, 4) RGBA."""
    image = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)
    found: NDArray[np.uint8] = (cutout(image) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return found
