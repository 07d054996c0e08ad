"""The implicit canvas: a small network from a place to its colour, which can be shown at any size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from clipart.canvas.base import Canvas
from clipart.recipe import Recipe

LAYERS = 4
WIDTH = 64
_FIRST, _LAST = 3.0, 60.0  # frequencies of the first layer and of the last, radians a half short side
_OPEN = 0.4  # part of the run after which all layers count
_ROWS = 2**16  # places computed together


class ImplicitCanvas(Canvas):
    """Layers of sines, each with a band of frequencies and a head; the start plus their sum is the colour.

    Sines after SIREN (Sitzmann et al., arXiv 2006.09661). The frequencies rise from layer to layer, and finer
    layers are let in as the run goes on, as in "Implicit Inversion turns CLIP into a Decoder" (D'Orazio et
    al., ICLR 2026). A picture is a function of the place, so `final` computes it at any size.

    Args:
        start: (1, 3, height, width) RGB, what is shown before the first step.
        generator: where the weights come from; None has always the same.
    """

    optimizer = "adam"
    pace = 0.05
    fineness = 2.0
    admitted: Tensor

    def __init__(self, start: Tensor, *, generator: torch.Generator | None = None) -> None:
        super().__init__(start)
        drawn = generator or torch.Generator().manual_seed(0)
        self.register_buffer("admitted", torch.tensor(1.0 / LAYERS).to(start))
        bands = [_FIRST * (_LAST / _FIRST) ** (layer / (LAYERS - 1)) for layer in range(LAYERS)]
        self.places = nn.ParameterList()
        self.mixes, self.heads = nn.ParameterList(), nn.ParameterList()
        for layer, band in enumerate(bands):
            place = band * torch.randn(2, WIDTH, generator=drawn) / math.sqrt(2)
            phase = 2 * math.pi * torch.rand(1, WIDTH, generator=drawn)
            mix = torch.randn(WIDTH, WIDTH, generator=drawn) * (0.7 if layer else 0.0) / math.sqrt(WIDTH)
            self.places.append(torch.cat([place, phase]).to(start))
            self.mixes.append(mix.to(start))
            self.heads.append(torch.zeros(WIDTH, 3).to(start))

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return a network that shows `start`, with weights from `generator`."""
        return cls(start, generator=generator)

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel that the network paints."""
        return 6400

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        return self.start + self._colours(*self.size)

    def final(self, height: int, width: int) -> Tensor:
        """Return the picture computed at another size, (1, 3, height, width)."""
        with torch.no_grad():
            return (self.enlarged(self.start, height, width) + self._colours(height, width)).clamp(0, 1)

    @torch.no_grad()
    def project(self, progress: float) -> None:
        """Let finer layers in, one after another."""
        self.admitted.fill_(min(1.0, 1 / LAYERS + (1 - 1 / LAYERS) * progress / _OPEN))

    @torch.no_grad()
    def restart(self, image: Tensor) -> None:
        """Make `image`, (1, 3, height, width), the start, and the network add nothing to it."""
        self.start.copy_(image)
        for head in self.heads:
            head.zero_()

    def _colours(self, height: int, width: int) -> Tensor:
        short = min(height, width)
        y = (torch.arange(height, device=self.start.device) + 0.5 - height / 2) / (short / 2)
        x = (torch.arange(width, device=self.start.device) + 0.5 - width / 2) / (short / 2)
        at = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1).flatten(0, 1)
        found = torch.cat([self._at(rows) for rows in torch.split(at, _ROWS)])
        return found.view(1, height, width, 3).permute(0, 3, 1, 2)

    def _at(self, at: Tensor) -> Tensor:
        """Return the change of colour at places (n, 2) in half short sides from the middle, (n, 3)."""
        total = torch.zeros(len(at), 3, device=at.device)
        hidden = torch.zeros(len(at), WIDTH, device=at.device)
        for layer, (place, mix, head) in enumerate(zip(self.places, self.mixes, self.heads, strict=True)):
            hidden = torch.sin(at @ place[:2] + place[2] + hidden @ mix)
            share = (self.admitted * LAYERS - layer).clamp(0, 1)
            total = total + share * hidden @ head / math.sqrt(WIDTH) * 4
        return total
