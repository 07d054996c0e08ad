"""The map of `tile`: a picture that is repeated without a seam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from clipart.canvas.mapped import Map
from clipart.recipe import Recipe


class Tile(Map):
    """Takes from the image the smooth part that makes its opposite edges differ.

    The periodic plus smooth decomposition of Moisan ("Periodic plus Smooth Image Decomposition", Journal of
    Mathematical Imaging and Vision, 2011): what is left has no jump from one edge to the other, and fine
    detail inside is as it was. Views look over the edge besides (`clipart.critic.views`), so that what is
    drawn goes on there.
    """

    @classmethod
    def build(cls, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Self:
        """Return the map."""
        return cls()

    def forward(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the periodic part of `image`; an exact one stays as it is."""
        if exact:
            return image
        height, width = image.shape[-2:]
        down, across = image[..., -1, :] - image[..., 0, :], image[..., :, -1] - image[..., :, 0]
        jumps = torch.zeros_like(image)
        jumps[..., 0, :] += down
        jumps[..., -1, :] -= down
        jumps[..., :, 0] += across
        jumps[..., :, -1] -= across
        rows = torch.arange(height, device=image.device)[:, None] * (2 * torch.pi / height)
        columns = torch.arange(width // 2 + 1, device=image.device)[None, :] * (2 * torch.pi / width)
        laplacian = 2 * rows.cos() + 2 * columns.cos() - 4
        laplacian[0, 0] = 1.0
        smooth = torch.fft.rfft2(jumps) / laplacian
        smooth = smooth * (laplacian != 1.0)  # of the mean nothing is taken
        periodic: Tensor = image - torch.fft.irfft2(smooth, s=(height, width))
        return periodic
