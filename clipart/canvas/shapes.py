"""The canvas of shapes: coloured pieces of paper, one over another, that move, bend and change colour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from clipart.canvas.base import Canvas
from clipart.canvas.camera import moved
from clipart.canvas.start import paper_colour
from clipart.canvas.vector import Svg
from clipart.recipe import Recipe

SOFT, CRISP = 0.06, 0.002  # width of an edge, part of the short side, at the first step and at the last
_FAINT = 0.15  # opacity at the start, and the least that a shape has: what cannot be seen gets no gradient
_FLAT = 3.0  # how far, by the last step, opacities have gone to none or all: the power of their odds
_LEAST, _MOST = 0.01, 0.6  # half axes, part of the short side
_CACHED = 2**17  # pixels of shapes that are worked on together: what a processor's cache holds
_POINTS = 96  # of an outline in the SVG
_SHARP = 0.25  # width of an edge in the finished picture, pixels
_LARGEST, _SMALLEST = 0.24, 0.06  # mean half axes of the lowest and of the uppermost, part of the short side


class ShapesCanvas(Canvas):
    """Shapes with soft edges, painted over the start one after another, the large ones first.

    A shape is an ellipse that may become a rectangle or a diamond, taper and bend. Soft edges let the
    gradient reach place and form as it reaches colour (Liu et al., "Soft Rasterizer", arXiv 1904.01786); over
    the run they grow crisp, and opacities go to none or all, so that what ends up on the paper is cut of it
    and not washed over it. That a CLIP's pictures gain from strokes and shapes in place of pixels is known
    from CLIPDraw (Frans et al., arXiv 2106.14843). Lengths are parts of the short side, so shapes can be
    painted at any size.

    All parameters begin at zero, where faint shapes lie as the generator has drawn them. One unit is the way
    from black to white, from invisible to opaque, half the short side, a factor e in size, or two radians.

    Args:
        start: (1, 3, height, width) RGB, what the shapes are painted on.
        generator: where they lie to begin with; None scatters them always alike.
        count: how many there are.
    """

    optimizer = "adam"  # a small shape is as free to move as a large one
    pace = 0.25  # at larger steps shapes end as thin splinters
    fineness = 1.5  # climbed a little finer than views are, and painted at the picture's size
    finish: ClassVar[tuple[str, ...]] = ()  # so that the picture is what the SVG shows
    edge: Tensor
    power: Tensor
    reach: Tensor
    places: Tensor
    sizes: Tensor
    turns: Tensor
    colours: Tensor

    def __init__(self, start: Tensor, *, generator: torch.Generator | None = None, count: int = 32) -> None:
        super().__init__(start)
        drawn = generator or torch.Generator().manual_seed(0)
        reach = torch.tensor([start.shape[-1], start.shape[-2]]) / min(start.shape[-2:])
        mean = torch.linspace(math.log(_LARGEST), math.log(_SMALLEST), count)[:, None]
        scattered = {
            "places": 0.56 * (torch.rand(count, 2, generator=drawn) - 0.5) * reach,
            "sizes": mean + 0.2 * torch.randn(count, 2, generator=drawn),
            "turns": math.pi * torch.rand(count, 1, generator=drawn),
            "colours": 0.1 + 0.8 * torch.rand(count, 3, generator=drawn),
            "edge": torch.tensor(SOFT),
            "power": torch.tensor(1.0),
        }
        for name, value in scattered.items():
            self.register_buffer(name, value.to(start))
        self.register_buffer("reach", reach.to(start), persistent=False)
        self.place, self.stretch, self.turn, self.form, self.colour, self.opacity = (
            nn.Parameter(torch.zeros(count, n).to(start)) for n in (2, 2, 1, 3, 3, 1)
        )

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return `settings.shapes` shapes; with a generator on bare paper, since they are the static."""
        if generator is not None:
            start = paper_colour(settings).to(start).expand_as(start)
        return cls(start, generator=generator, count=settings.shapes)

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel, with a layer for each shape."""
        return 176 * settings.shapes

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        return self._paint(self.start)

    def enlarged(self, image: Tensor, height: int, width: int) -> Tensor:
        """Return the shapes painted at another size, (1, 3, height, width)."""
        ground = super().enlarged(self.start, height, width)
        return self._paint(ground)

    @torch.no_grad()
    def final(self, height: int, width: int) -> Tensor:
        """Return the shapes as they are now, with sharp edges, (1, 3, height, width)."""
        edge = torch.tensor(_SHARP / min(height, width)).to(self.edge)
        return self._paint(super().enlarged(self.start, height, width), edge).clamp(0, 1)

    @torch.no_grad()
    def leaves(self, height: int, width: int) -> dict[str, bytes]:
        """Return the shapes as SVG, as they are in `final` of this size."""
        svg = Svg(self.start, height, width)
        colours, opacity = (self.colours + self.colour).clamp(0, 1), self._opacity()[:, 0].tolist()
        for index, outline in enumerate(self._outlines()):
            svg.outline(outline, colours[index], opacity[index])
        return {".svg": svg.encode()}

    @torch.no_grad()
    def project(self, progress: float) -> None:
        """Make the edges crisper, and put places, sizes, opacities and colours back to what can be seen."""
        self.edge.fill_(SOFT * (CRISP / SOFT) ** progress)
        self.power.fill_(_FLAT**progress)
        self.opacity.clamp_(0, 1 - _FAINT)
        self.colour.copy_((self.colours + self.colour).clamp(0, 1) - self.colours)
        seen = torch.clamp(self.places + 0.5 * self.place, -self.reach / 2, self.reach / 2)
        self.place.copy_(2 * (seen - self.places))
        axes = torch.clamp(self.sizes + self.stretch, math.log(_LEAST), math.log(_MOST))
        self.stretch.copy_(axes - self.sizes)

    @torch.no_grad()
    def move(self, image: Tensor, settings: Recipe, fresh: Tensor | None = None) -> None:
        """Move the shapes themselves and the ground below them, so that all stays as sharp as it is."""
        self.start.copy_(moved(self.start, settings, fresh))
        turn = math.radians(settings.spin)
        cos, sin = math.cos(turn), math.sin(turn)
        turned = torch.tensor([[cos, sin], [-sin, cos]]).to(self.start)  # of rows, clockwise with y downwards
        pan, short = (settings.pan_x, settings.pan_y), min(settings.shape)
        way = torch.tensor(pan).to(self.start) / short
        where = self.places + 0.5 * self.place
        self.places += settings.zoom * (where - way) @ turned - where
        self.sizes += math.log(settings.zoom)
        self.turns += turn

    def _opacity(self) -> Tensor:
        return torch.sigmoid(self.power * torch.logit(_FAINT + self.opacity, eps=1e-3))

    def _paint(self, ground: Tensor, edge: Tensor | None = None) -> Tensor:
        height, width = ground.shape[-2:]
        edge = self.edge.clamp(min=0.4 / min(height, width)) if edge is None else edge
        opacity = self._opacity()
        colours = self.colours + self.colour
        image = ground[0]
        at_once = max(1, _CACHED // (height * width))
        for first in range(0, len(colours), at_once):
            some = slice(first, first + at_once)
            covered = opacity[some, :, None] * self._cover(height, width, some, edge)
            for cover, colour in zip(covered, colours[some], strict=True):
                image = torch.lerp(image, colour[:, None, None], cover)
        return image[None]

    def _cover(self, height: int, width: int, some: slice, edge: Tensor) -> Tensor:
        """Return how much of each pixel `some` of the shapes cover, (n, height, width) in [0, 1].

        `edge` is how wide an edge is, in parts of the short side.
        """
        short = min(height, width)
        y = (torch.arange(height, device=self.start.device) + 0.5 - height / 2)[None, :, None] / short
        x = (torch.arange(width, device=self.start.device) + 0.5 - width / 2)[None, None, :] / short
        across, down = (self.places[some] + 0.5 * self.place[some])[:, :, None, None].unbind(1)
        axes = (self.sizes[some] + self.stretch[some]).exp()
        wide, high = axes[:, :, None, None].unbind(1)
        turn = (self.turns[some] + 2 * self.turn[some])[:, :, None]
        cos, sin = turn.cos(), turn.sin()
        corners, taper, bend = torch.tanh(2 * self.form[some])[:, :, None, None].unbind(1)
        u = (cos * (x - across) + sin * (y - down)) / wide
        v = (cos * (y - down) - sin * (x - across)) / high
        u = (u + bend * (v * v - 0.5)) / (1 + 0.9 * taper * v.clamp(-1, 1))
        inside = (1 - _radius(u, v, corners)) * torch.minimum(wide, high)
        return torch.sigmoid(inside / edge)

    def _outlines(self) -> Tensor:
        """Return where the shapes end, as polygons (n, `_POINTS`, 2), in short sides from the middle."""
        angle = torch.linspace(0, 2 * math.pi, _POINTS + 1, device=self.start.device)[None, :-1]
        corners, taper, bend = torch.tanh(2 * self.form)[..., None].unbind(1)
        radius = _radius(angle.cos(), angle.sin(), corners)  # grows in proportion with u and v
        u, v = angle.cos() / radius, angle.sin() / radius
        u = u * (1 + 0.9 * taper * v.clamp(-1, 1)) - bend * (v * v - 0.5)
        wide, high = (self.sizes + self.stretch).exp()[..., None].unbind(1)
        across, down = (self.places + 0.5 * self.place)[..., None].unbind(1)
        turn = self.turns + 2 * self.turn
        cos, sin = turn.cos(), turn.sin()
        x, y = cos * wide * u - sin * high * v, sin * wide * u + cos * high * v
        return torch.stack([across + x, down + y], dim=-1)


def _radius(u: Tensor, v: Tensor, corners: Tensor) -> Tensor:
    """Return how far out (u, v) is, 1 at the outline: of a square at `corners` 1, a disc 0, a diamond -1."""
    disc = (u * u + v * v + 1e-6).sqrt()
    square, diamond = torch.maximum(u.abs(), v.abs()), u.abs() + v.abs()
    return disc + corners * (square - diamond) / 2 + corners**2 * ((square + diamond) / 2 - disc)
