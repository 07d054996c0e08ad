"""The camera that moves between two steps: the picture as it looks from a little further on."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.recipe import Recipe


def moved(image: Tensor, settings: Recipe) -> Tensor:
    """Return `image`, (1, 3, height, width) in [0, 1], as the camera of `settings` sees it one step later.

    It comes nearer by `zoom`, turns the picture clockwise by `spin` degrees, and goes `pan_x` pixels of the
    picture to the right and `pan_y` down. What comes into view is the mirror of what was at the edge.
    """
    height, width = image.shape[-2:]
    turn = math.radians(settings.spin)
    cos, sin, zoom = math.cos(turn), math.sin(turn), settings.zoom
    # Where each pixel comes from, in coordinates from -1 to 1.
    theta = torch.tensor(
        [
            [cos / zoom, sin / zoom * height / width, 2 * settings.pan_x / settings.width],
            [-sin / zoom * width / height, cos / zoom, 2 * settings.pan_y / settings.height],
        ],
        device=image.device,
    )
    grid = F.affine_grid(theta[None], list(image.shape), align_corners=False)
    seen = F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return seen.clamp(0, 1)
