"""The camera that moves between two steps: the picture as it looks from a little further on."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.recipe import Recipe

_REACH = 3  # pixels around one of which `_crisp` takes the mean
_CRISP = 8.0  # how much it sharpens for each part that the camera comes nearer

_NEW = 0.25  # how much of what is enlarged gives way to paper and static: more, and nothing can last


def moved(image: Tensor, settings: Recipe, fresh: Tensor | None = None, *, sharp: bool = True) -> Tensor:
    """Return `image`, (1, 3, height, width) in [0, 1], as the camera of `settings` sees it one step later.

    It comes nearer by `zoom`, turns the picture clockwise by `spin` degrees, and goes `pan_x` pixels of the
    picture to the right and `pan_y` down. Coming nearer it is sharpened, if `sharp`, so that edges stay
    as wide as they were.

    `fresh`, of the same shape, is what a run has to grow from: it fills what comes into view at the edges,
    and of what is enlarged it takes the part that is new. Without it the edges are mirrors.
    """
    height, width = image.shape[-2:]
    tall, wide = settings.shape
    turn = math.radians(settings.spin)
    cos, sin, zoom = math.cos(turn), math.sin(turn), settings.zoom
    # Where each pixel comes from, in coordinates from -1 to 1.
    theta = torch.tensor(
        [
            [cos / zoom, sin / zoom * height / width, 2 * settings.pan_x / wide],
            [-sin / zoom * width / height, cos / zoom, 2 * settings.pan_y / tall],
        ],
        device=image.device,
    )
    grid = F.affine_grid(theta[None], list(image.shape), align_corners=False)
    seen = F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    seen = seen.clamp(0, 1)
    if zoom > 1 and sharp:
        smooth = F.grid_sample(image, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        seen = _crisp(seen, smooth, min(1.0, _CRISP * (zoom - 1)))
    if fresh is not None:
        fresh = fresh.to(seen)
        outside = (grid.abs() > 1).any(dim=-1)[:, None]
        seen = torch.where(outside, fresh, _with_new(seen, fresh, _NEW * max(0.0, 1 - 1 / zoom))).clamp(0, 1)
    return seen


def _with_new(seen: Tensor, fresh: Tensor, part: float) -> Tensor:
    """Return `seen` with `part` of it new: so much nearer to the paper, and with static that keeps it up.

    From step to step the static adds up to the contrast that it has in `fresh`, which is paper and static.
    """
    paper = fresh.mean((2, 3), keepdim=True)
    return torch.lerp(seen, paper.expand_as(seen), part) + math.sqrt(part * (2 - part)) * (fresh - paper)


def _crisp(image: Tensor, smooth: Tensor, amount: float) -> Tensor:
    """Return `image`, (1, 3, height, width), with sharper edges, each pixel within what is next to it.

    What is next to it is taken from `smooth`, the same without overshoot: it would grow from step to step.
    """
    mean = F.avg_pool2d(F.pad(image, (_REACH,) * 4, mode="replicate"), 2 * _REACH + 1, 1)
    beside = F.pad(smooth, (1,) * 4, mode="replicate")
    low, high = -F.max_pool2d(-beside, 3, 1), F.max_pool2d(beside, 3, 1)
    return torch.minimum(torch.maximum(image + amount * (image - mean), low), high)
