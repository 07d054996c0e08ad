"""The canvas of strokes: curves of a pen or brush, painted one over another, grown from few to many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from clipart.canvas.base import Canvas
from clipart.canvas.start import paper_colour
from clipart.canvas.vector import Svg
from clipart.recipe import Recipe

SOFT, CRISP = 0.03, 0.001  # width of an edge, part of the short side, at the first step and at the last
GROWN = 0.5  # part of the run after which all strokes are there
_FIRST = 0.25  # part of the strokes that are there at the first step
_PIECES = 8  # straight pieces of a curve, for its distance
_FAINT = 0.3  # opacity at the start
_WIDTH = 0.035  # mean width of a stroke at the start, part of the short side
_THIN, _THICK = 0.006, 0.16
_ALL = slice(None)
_CACHED = 2**20  # pixels times pieces that are worked on together


class StrokesCanvas(Canvas):
    """Quadratic Bezier curves with a width, a colour and an opacity, painted over the start in order.

    That a CLIP can lead strokes is known from CLIPDraw (Frans et al., arXiv 2106.14843); the soft edge that
    lets the gradient reach a curve's place is that of the canvas of shapes. Lengths are parts of the short
    side, so strokes can be painted at any size, and `leaves` gives them as SVG.

    All parameters begin at zero, where the generator has put short faint strokes. One unit is the way from
    black to white, from invisible to opaque, half the short side, or a factor e in width.

    Args:
        start: (1, 3, height, width) RGB, what is painted on.
        generator: where the strokes lie to begin with; None scatters them always alike.
        count: how many there are at the end.
    """

    optimizer = "adam"
    pace = 0.25
    fineness = 1.0
    finish = ()
    edge: Tensor
    grown: Tensor
    reach: Tensor
    points: Tensor
    colours: Tensor

    def __init__(self, start: Tensor, *, generator: torch.Generator | None = None, count: int = 48) -> None:
        super().__init__(start)
        drawn = generator or torch.Generator().manual_seed(0)
        reach = torch.tensor([start.shape[-1], start.shape[-2]]) / min(start.shape[-2:])
        middle = 0.6 * (torch.rand(count, 1, 2, generator=drawn) - 0.5) * reach
        scattered = {
            "points": middle + 0.12 * torch.randn(count, 3, 2, generator=drawn),
            "colours": 0.1 + 0.8 * torch.rand(count, 3, generator=drawn),
            "edge": torch.tensor(SOFT),
            "grown": torch.tensor(_FIRST),
        }
        for name, value in scattered.items():
            self.register_buffer(name, value.to(start))
        self.register_buffer("reach", reach.to(start), persistent=False)
        self.place, self.width, self.colour, self.opacity = (
            nn.Parameter(torch.zeros(count, n).to(start)) for n in (6, 1, 3, 1)
        )

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return `settings.strokes` strokes; with a generator on bare paper, since they are the static."""
        if generator is not None:
            start = paper_colour(settings).to(start).expand_as(start)
        return cls(start, generator=generator, count=settings.strokes)

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel, with a layer for each stroke."""
        return 120 * settings.strokes

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        return self._paint(self.start)

    @torch.no_grad()
    def enlarged(self, image: Tensor, height: int, width: int) -> Tensor:
        """Return the strokes painted at another size, (1, 3, height, width), without a gradient."""
        painted = super().enlarged(self.start, height, width)[0].clone()
        opacity, colours = (_FAINT + self.opacity).clamp(0, 1), self.colours + self.colour
        for index in range(self._count()):
            rows, columns = self._box(index, height, width)
            cover = opacity[index] * self._cover(height, width, slice(index, index + 1), rows, columns)[0]
            part = painted[:, rows, columns]
            painted[:, rows, columns] = torch.lerp(part, colours[index, :, None, None], cover)
        return painted[None]

    def _box(self, index: int, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns of a picture that a stroke can be seen in."""
        short = min(height, width)
        points = self._where()[index]  # a curve lies within its points
        reach = float(self._widths()[index]) / 2 + 8 * max(float(self.edge), 0.25 / short)
        low, high = (points.amin(dim=0) - reach).tolist(), (points.amax(dim=0) + reach).tolist()
        left, right = (round(width / 2 + short * x) for x in (low[0], high[0]))
        top, bottom = (round(height / 2 + short * y) for y in (low[1], high[1]))
        return slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))

    def final(self, height: int, width: int) -> Tensor:
        """Return the strokes with their last, sharp edges, (1, 3, height, width)."""
        return self.enlarged(self.start, height, width).clamp(0, 1)

    @torch.no_grad()
    def project(self, progress: float) -> None:
        """Make the edges sharper, let more strokes in, and put all numbers back to what can be seen."""
        self.edge.fill_(SOFT * (CRISP / SOFT) ** progress)
        self.grown.fill_(min(1.0, _FIRST + (1 - _FIRST) * progress / GROWN))
        self.opacity.clamp_(-_FAINT, 1 - _FAINT)
        self.colour.copy_((self.colours + self.colour).clamp(0, 1) - self.colours)
        where = torch.clamp(self._where(), -0.55 * self.reach, 0.55 * self.reach)
        self.place.copy_(2 * (where - self.points).flatten(1))
        low, high = (math.log(width / _WIDTH) for width in (_THIN, _THICK))
        self.width.clamp_(low, high)

    def leaves(self, height: int, width: int) -> dict[str, bytes]:
        """Return the strokes as SVG, as they are in `final` of this size."""
        svg = Svg(self.start, height, width)
        opacity = (_FAINT + self.opacity).clamp(0, 1)[:, 0].tolist()
        colours = (self.colours + self.colour).clamp(0, 1)
        widths = self._widths()[:, 0].tolist()
        for index, points in enumerate(self._where().detach()[: self._count()]):
            svg.curve(points, colours[index], opacity[index], widths[index])
        return {".svg": svg.encode()}

    def _count(self) -> int:
        return max(1, math.ceil(float(self.grown) * len(self.points)))

    def _where(self) -> Tensor:
        """Return the points of every curve, (count, 3, 2), in parts of the short side from the middle."""
        return self.points + 0.5 * self.place.view(-1, 3, 2)

    def _widths(self) -> Tensor:
        return _WIDTH * self.width.exp()

    def _paint(self, ground: Tensor) -> Tensor:
        height, width = ground.shape[-2:]
        count = self._count()
        opacity = (_FAINT + self.opacity).clamp(0, 1)
        colours = self.colours + self.colour
        image = ground[0]
        at_once = max(1, _CACHED // (height * width * _PIECES))
        for first in range(0, count, at_once):
            some = slice(first, min(first + at_once, count))
            covered = opacity[some, :, None] * self._cover(height, width, some)
            for cover, colour in zip(covered, colours[some], strict=True):
                image = torch.lerp(image, colour[:, None, None], cover)
        return image[None]

    def _cover(
        self, height: int, width: int, some: slice, rows: slice = _ALL, columns: slice = _ALL
    ) -> Tensor:
        """Return how much `some` of the strokes cover each of these pixels, (n, rows, columns)."""
        short = min(height, width)
        y = (torch.arange(height, device=self.start.device) + 0.5 - height / 2)[rows, None] / short
        x = (torch.arange(width, device=self.start.device) + 0.5 - width / 2)[None, columns] / short
        t = torch.linspace(0, 1, _PIECES + 1, device=self.start.device)[None, :, None]
        a, b, c = self._where()[some, :, None].unbind(1)
        line = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
        with torch.no_grad():  # which piece is nearest; only that one moves
            near = torch.stack([_squares(x, y, p, q) for p, q in _pairs(line)]).argmin(dim=0)
        index = near.flatten(1)[..., None].expand(-1, -1, 2)
        begin, end = (part.gather(1, index).view(*near.shape, 2) for part in (line[:, :-1], line[:, 1:]))
        distance = (_squares(x, y, begin, end) + 1e-9).sqrt()
        half = self._widths()[some, :, None] / 2
        return torch.sigmoid((half - distance) / self.edge.clamp(min=0.25 / short))


def _pairs(line: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield begin and end of every piece of lines (n, points, 2), each (n, 1, 1, 2)."""
    for piece in range(line.shape[1] - 1):
        yield line[:, piece, None, None], line[:, piece + 1, None, None]


def _squares(x: Tensor, y: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Return squared distances of places x (1, w), y (h, 1) from pieces (n, h or 1, w or 1, 2): (n, h, w)."""
    way_x, way_y = (end - begin).unbind(-1)
    from_x, from_y = x - begin[..., 0], y - begin[..., 1]
    along = (from_x * way_x + from_y * way_y) / (way_x * way_x + way_y * way_y).clamp(min=1e-9)
    along = along.clamp(0, 1)
    off_x, off_y = from_x - along * way_x, from_y - along * way_y
    return off_x * off_x + off_y * off_y
