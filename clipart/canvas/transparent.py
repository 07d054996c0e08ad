"""The map of `transparent`: an alpha channel that is learned with the colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.mapped import Map
from clipart.canvas.vector import cut_out, size_of
from clipart.recipe import Recipe

_COARSEST = 3  # short side, in pixels, at which the resolutions of a sum stop halving
_FINEST = 128  # pixels of the short side
_INSIDE, _OUTSIDE = 0.8, 0.2  # alpha at the start, in the middle and at the edges
_SOFT, _HARD = 4.0, 12.0  # steepness of the sigmoid at the first step and at the last
_CLEAR, _SOLID = 0.25, 0.75  # alphas that the finished picture shows as none, and as all


class Transparent(Map):
    """Adds an alpha channel: a sigmoid of a sum of resolutions, as the colours of the multires canvas are.

    Critics see the picture on random grounds, and a price on how much of it is opaque keeps the ground clear
    (`clipart.critic.regularisers.Opacity`), as in Dream Fields (Jain et al., arXiv 2112.01455). The finished
    picture has it cleaned: what is nearly clear is clear, what is nearly solid is solid.

    Args:
        start: (1, 3 or 4, height, width), with an alpha of the stage before, if there was one.
    """

    first: Tensor
    steep: Tensor
    amplitudes: Tensor

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        height, width = start.shape[-2:]
        share = min(1.0, _FINEST / min(height, width))
        sizes = [(round(height * share), round(width * share))]
        while min(sizes[-1]) > _COARSEST:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        before = start[:, 3:] if start.shape[1] > 3 else _disc(height, width).to(start)
        before = F.interpolate(before, size=sizes[0], mode="bilinear", antialias=True)
        self.register_buffer("first", torch.logit(before.clamp(0.01, 0.99)) / _SOFT)
        self.register_buffer("steep", torch.tensor(_SOFT).to(start))
        raw = torch.tensor([1 / min(size) for size in reversed(sizes)])
        self.register_buffer("amplitudes", (raw / raw.sum()).to(start))
        self.levels = nn.ParameterList(torch.zeros(1, 1, h, w).to(start) for h, w in reversed(sizes))

    @classmethod
    def build(cls, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Self:
        """Return the map for a canvas that shows `start`."""
        return cls(start)

    def alpha(self, height: int, width: int) -> Tensor:
        """Return the alpha at this size, (1, 1, height, width) in (0, 1)."""
        total = torch.zeros_like(self.levels[0])
        for level, amplitude in zip(self.levels, self.amplitudes, strict=True):
            if total.shape != level.shape:
                total = F.interpolate(total, size=level.shape[-2:], mode="bilinear")
            total = total + level * amplitude
        logits = self.first + total
        if logits.shape[-2:] != (height, width):
            logits = F.interpolate(logits, size=(height, width), mode="bicubic")
        return torch.sigmoid(self.steep * logits)

    def forward(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the image, (1, 3, height, width), with its alpha: (1, 4, height, width)."""
        return torch.cat([image[:, :3], self.alpha(*image.shape[-2:])], dim=1)

    def project(self, progress: float) -> None:
        """Make the edges of the alpha harder."""
        self.steep.fill_(_SOFT * (_HARD / _SOFT) ** progress)

    def finished(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the picture with a clean alpha."""
        return torch.cat([image[:, :3], _clean(image[:, 3:])], dim=1)

    @torch.no_grad()
    def leaf(self, ending: str, data: bytes) -> bytes | None:
        """Return an SVG with the alpha as its mask; other files are left out."""
        return cut_out(data, _clean(self.alpha(*size_of(data)))) if ending == ".svg" else None


def _clean(alpha: Tensor) -> Tensor:
    return ((alpha - _CLEAR) / (_SOLID - _CLEAR)).clamp(0, 1)


def _disc(height: int, width: int) -> Tensor:
    """Return the alpha to begin with, (1, 1, height, width): more in the middle than at the edges."""
    y, x = (2 * (torch.arange(n) + 0.5) / n - 1 for n in (height, width))
    far = (y[:, None].square() + x[None, :].square()).sqrt().clamp(max=1)
    return torch.lerp(torch.tensor(_INSIDE), torch.tensor(_OUTSIDE), far)[None, None]
