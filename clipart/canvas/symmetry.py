"""The map of `symmetry`: a part of the picture, mirrored or turned to make all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.mapped import Map
from clipart.canvas.vector import mirrored
from clipart.recipe import Recipe


class Symmetry(Map):
    """Shows the left half mirrored (`mirror`), the upper left quarter in four (`quarter`), or a wedge.

    `kaleidoscope:N` has N mirrors through the middle: each of N equal sectors is mirrored in itself, as in a
    flower of N leaves.

    Args:
        kind: as the setting `symmetry` has it.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, _, number = kind.partition(":")
        self.sectors = int(number or 0)

    @classmethod
    def build(cls, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Self:
        """Return the map that `settings.symmetry` names."""
        return cls(settings.symmetry)

    def forward(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the symmetric image; mirrors copy pixels, and a kaleidoscope mixes neighbours."""
        if self.sectors:
            return self._turned(image, exact)
        image = image.index_select(3, _folded(image.shape[3], image.device))
        return (
            image.index_select(2, _folded(image.shape[2], image.device)) if self.kind == "quarter" else image
        )

    def finished(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the finished picture, made symmetric to the bit where that mixes no pixels."""
        return image if self.sectors else self(image, exact)

    def leaf(self, ending: str, data: bytes) -> bytes | None:
        """Return an SVG mirrored; that of a kaleidoscope is left out."""
        if ending != ".svg" or self.sectors:
            return None
        return mirrored(data, both=self.kind == "quarter")

    def _turned(self, image: Tensor, exact: bool) -> Tensor:
        height, width = image.shape[-2:]
        short, device = min(height, width), image.device
        y = (torch.arange(height, device=device) + 0.5 - height / 2)[:, None] / (short / 2)
        x = (torch.arange(width, device=device) + 0.5 - width / 2)[None, :] / (short / 2)
        wedge = 2 * math.pi / self.sectors
        angle = torch.atan2(x.expand(height, width), -y.expand(height, width))  # from the top, clockwise
        angle = (torch.remainder(angle + wedge / 2, wedge) - wedge / 2).abs()
        radius = (x.square() + y.square()).sqrt()
        across, down = radius * angle.sin() * short / width, -radius * angle.cos() * short / height
        grid = torch.stack([across, down], dim=-1)[None]
        mode = "nearest" if exact else "bilinear"
        return F.grid_sample(image, grid, mode=mode, padding_mode="reflection", align_corners=False)


def _folded(length: int, device: torch.device) -> Tensor:
    """Return for each of `length` pixels in a row which pixel of the first half it shows."""
    at = torch.arange(length, device=device)
    return torch.minimum(at, length - 1 - at)
