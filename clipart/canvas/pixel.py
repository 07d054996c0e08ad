"""Pixel canvases: plain, a sum of resolutions, and a Fourier spectrum."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from clipart.canvas.base import Canvas

_COARSEST = 3  # short side, in pixels, at which the resolutions of a sum stop halving


class PlainCanvas(Canvas):
    """One parameter a pixel and channel. `falloff` does nothing here."""

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__(start, falloff=falloff, decorrelated=decorrelated)
        self.pixels = nn.Parameter(torch.zeros_like(self.start))

    def change(self) -> Tensor:
        """Return the pixels, (1, 3, height, width)."""
        return self.pixels


class MultiResCanvas(Canvas):
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


class FourierCanvas(Canvas):
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
