"""Pixel canvases: plain, a sum of resolutions, and a Fourier spectrum."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from clipart.canvas.base import Canvas
from clipart.recipe import Recipe

_COARSEST = 3  # short side, in pixels, at which the resolutions of a sum stop halving

# Square root of the covariance of RGB values in natural photographs, from Lucid (Olah, Mordvintsev and
# Schubert, "Feature Visualization", 2017), over its largest column norm. Rows are R, G, B; the first
# column is nearly grey, so that a step along it changes lightness and the others change colour less.
_COLOUR_SQRT = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
DECORRELATED = _COLOUR_SQRT / _COLOUR_SQRT.norm(dim=0).max()


class PixelCanvas(Canvas):
    """A change that is an image in a colour space.

    Args:
        start: (1, 3, height, width) RGB, what the canvas shows before the first step.
        falloff: how much less fine features move than broad ones: amplitude falls as 1 / frequency to
            this power; 1 is the spectrum of natural images. A plain canvas has no use for it.
        decorrelated: take steps in Lucid's decorrelated colour space instead of RGB.
    """

    grows = True
    to_rgb: Tensor

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__(start)
        matrix = DECORRELATED if decorrelated else torch.eye(3)
        self.register_buffer("to_rgb", matrix.to(start))

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return a canvas on `start`, with the recipe's `falloff` and `colour`."""
        return cls(start, falloff=settings.falloff, decorrelated=settings.colour == "decorrelated")

    @abstractmethod
    def change(self) -> Tensor:
        """Return the learned change, (1, 3, height, width), in the canvas's colour space."""

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        return self.start + torch.einsum("rc,nchw->nrhw", self.to_rgb, self.change())


class PlainCanvas(PixelCanvas):
    """One parameter a pixel and channel."""

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__(start, falloff=falloff, decorrelated=decorrelated)
        self.pixels = nn.Parameter(torch.zeros_like(self.start))

    def change(self) -> Tensor:
        """Return the pixels, (1, 3, height, width)."""
        return self.pixels


class MultiResCanvas(PixelCanvas):
    """A sum of images at power-of-two resolutions, each smoothly enlarged to the full one.

    After Direct Ascent Synthesis (Fort and Whitaker, arXiv 2502.07753), which sums every resolution;
    halving ones span the same spectrum. The level with short side r moves with amplitude r ** -falloff,
    and the amplitudes of all levels sum to 1.
    """

    amplitudes: Tensor

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__(start, falloff=falloff, decorrelated=decorrelated)
        height, width = self.size
        sizes = [(height, width)]
        while min(sizes[-1]) > _COARSEST:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        self.levels = nn.ParameterList(torch.zeros(1, 3, h, w).to(start) for h, w in reversed(sizes))
        raw = torch.tensor([min(level.shape[-2:]) ** -falloff for level in self.levels])
        self.register_buffer("amplitudes", (raw / raw.sum()).to(start))

    def change(self) -> Tensor:
        """Enlarge coarse to fine, adding each level on the way: (1, 3, height, width)."""
        total = torch.zeros_like(self.levels[0])
        for level, amplitude in zip(self.levels, self.amplitudes, strict=True):
            if total.shape != level.shape:
                total = F.interpolate(total, size=level.shape[-2:], mode="bilinear")
            total = total + level * amplitude
        return total


class FourierCanvas(PixelCanvas):
    """A real 2-D Fourier spectrum whose amplitudes fall as 1 / frequency ** falloff (Lucid, lucent)."""

    amplitudes: Tensor

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__(start, falloff=falloff, decorrelated=decorrelated)
        height, width = self.size
        fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None, :]
        frequency = (fx.square() + fy.square()).sqrt().clamp(min=1 / max(height, width))
        raw = frequency**-falloff
        # Normalised so that a spectrum whose entries are all of size 1 is an image of RMS about 1.
        self.register_buffer("amplitudes", (raw / raw.square().mean().sqrt()).to(start))
        self.spectrum = nn.Parameter(torch.zeros(1, 3, height, width // 2 + 1, 2).to(start))

    def change(self) -> Tensor:
        """Transform the spectrum back: (1, 3, height, width)."""
        spectrum = torch.view_as_complex(self.spectrum) * self.amplitudes
        image: Tensor = torch.fft.irfft2(spectrum, s=self.size, norm="ortho")
        return image
