"""Canvases of few colours: a picture, or the cells of a small grid, in exactly the colours of a palette."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from PIL import ImageColor
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.base import Canvas
from clipart.canvas.start import paper_colour
from clipart.recipe import Recipe

_CELLS = 64  # of the short side of a palette's grid
_COARSEST = 3  # short side, in cells, at which the resolutions of a sum stop halving
_BELIEF = 2.0  # how strongly the start decides which colour a cell has: logits a squared distance of colour
_SOFT, _HARD = 1.0, 20.0  # factor on the logits at the first step and at the last
_STEP = 8.0  # logits of a parameter's unit
_MOVE = 0.3  # colour of a parameter's unit, where colours are learned


class PaletteCanvas(Canvas):
    """Which of k colours each cell has: a softmax that becomes harder, in the end the likeliest colour alone.

    The logits are a sum of grids at power-of-two resolutions, as on the multires canvas. The colours are
    given, or learned beside them, beginning with the paper, ink and hues around the circle.

    Args:
        start: (1, 3, height, width) RGB, what the likeliest colours are taken from at the beginning.
        colours: (k, 3) RGB in [0, 1], k >= 2.
        learned: whether the steps change the colours too.
        cells: short side of the grid in cells.
    """

    pace = 1.0
    finish: ClassVar[tuple[str, ...]] = ()
    exact = True
    colours: Tensor
    hardness: Tensor

    def __init__(self, start: Tensor, colours: Tensor, *, learned: bool, cells: int) -> None:
        super().__init__(start)
        self.register_buffer("colours", colours.to(start))
        self.register_buffer("hardness", torch.tensor(_SOFT).to(start))
        height, width = self.size
        share = cells / min(height, width)
        sizes = [(max(2, round(height * share)), max(2, round(width * share)))]
        while min(sizes[-1]) > _COARSEST:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        self.grid = sizes[0]
        self.levels = nn.ParameterList(
            torch.zeros(1, len(colours), h, w).to(start) for h, w in reversed(sizes)
        )
        self.tint = nn.Parameter(torch.zeros_like(self.colours), requires_grad=learned)

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return a canvas in the recipe's `palette`, or in `colours` learned ones."""
        given = [ImageColor.getrgb(colour)[:3] for colour in settings.palette]
        paper = paper_colour(settings).view(3)
        colours = torch.tensor(given) / 255 if given else first_colours(paper, settings.colours)
        return cls(start, colours, learned=not given, cells=cls.cells_of(settings))

    @classmethod
    def cells_of(cls, settings: Recipe) -> int:
        """Return the short side of the grid in cells; between them the choice of colours is interpolated."""
        return min(_CELLS, *settings.shape)

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel."""
        return 80

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width): everywhere a mixture of the colours."""
        return self._mixed(self._smooth(*self.size))

    def final(self, height: int, width: int) -> Tensor:
        """Return the picture in the palette's colours and no others, (1, 3, height, width)."""
        with torch.no_grad():
            return self._flat(self._smooth(height, width))

    @torch.no_grad()
    def project(self, progress: float) -> None:
        """Make the choice of colours harder."""
        self.hardness.fill_(_SOFT * (_HARD / _SOFT) ** progress**2)

    @torch.no_grad()
    def restart(self, image: Tensor) -> None:
        """Make `image`, (1, 3, height, width), the start; the colours stay."""
        self.start.copy_(image)
        for level in self.levels:
            level.zero_()

    def _logits(self) -> Tensor:
        start = (
            F.interpolate(self.start, size=self.grid, mode="area") if self.grid != self.size else self.start
        )
        distance = (start[:, None] - self.colours.detach()[None, :, :, None, None]).square().sum(dim=2)
        total = torch.zeros_like(self.levels[0])
        for level in self.levels:
            if total.shape != level.shape:
                total = F.interpolate(total, size=level.shape[-2:], mode="bilinear")
            total = total + level / len(self.levels)
        return _STEP * total - _BELIEF * distance

    def _shades(self) -> Tensor:
        return (self.colours + _MOVE * self.tint).clamp(0, 1)

    def _smooth(self, height: int, width: int) -> Tensor:
        return F.interpolate(self._logits(), size=(height, width), mode="bicubic")

    def _mixed(self, logits: Tensor) -> Tensor:
        return torch.einsum("nkhw,kc->nchw", (self.hardness * logits).softmax(dim=1), self._shades())

    def _flat(self, logits: Tensor) -> Tensor:
        """Return the likeliest colours of `logits`, (1, k, h, w), as eight bits hold them: (1, 3, h, w)."""
        exact = (255 * self._shades()).round() / 255
        return exact[logits[0].argmax(dim=0)].permute(2, 0, 1)[None]


class PixelArtCanvas(PaletteCanvas):
    """A small grid of cells in a palette, shown large: every cell is one flat square.

    `settings.grid` is the short side in cells. `leaves` gives the sprite, one pixel a cell.
    """

    @classmethod
    def cells_of(cls, settings: Recipe) -> int:
        """Return the short side of the grid in cells."""
        return settings.grid

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width): every cell a mixture of the colours."""
        return F.interpolate(self._mixed(self._logits()), size=self.size)

    def final(self, height: int, width: int) -> Tensor:
        """Return the cells in the palette's colours as squares, (1, 3, height, width)."""
        with torch.no_grad():
            return F.interpolate(self._flat(self._logits()), size=(height, width))

    def leaves(self, height: int, width: int) -> dict[str, bytes]:
        """Return the sprite as PNG, one pixel a cell."""
        from clipart.pictures import to_pil

        buffer = io.BytesIO()
        with torch.no_grad():
            to_pil(self._flat(self._logits())[0]).save(buffer, "PNG")
        return {"-sprite.png": buffer.getvalue()}


def first_colours(paper: Tensor, count: int) -> Tensor:
    """Return `count` colours to begin with, (count, 3): the paper (3,), dark ink, and hues."""
    hues = [colorsys.hls_to_rgb(index / max(1, count - 2), 0.5, 0.8) for index in range(count - 2)]
    ink = [[0.1, 0.1, 0.12]] if count > 1 else []
    return torch.cat([paper[None].cpu(), torch.tensor([*ink, *hues]).view(-1, 3)])[:count]
