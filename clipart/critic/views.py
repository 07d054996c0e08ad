"""Views: what a critic gets to see of the canvas.

A view's cut, turn and tilt are one homography, and all views are resampled once. Every number is drawn
from the run's own streams before anything is rendered, so that how many views are held in memory at
once changes neither the views nor the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from kornia import enhance
from kornia.geometry.transform import get_perspective_transform
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.base import over
from clipart.canvas.start import paper_colour
from clipart.critic.places import Places, places
from clipart.layout import Layout
from clipart.recipe import Recipe
from clipart.rng import Streams

_CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
_BEYOND = 0.75  # of each side, that is seen beyond the edges of a tile
_CLOSER = 0.7  # of a square's side
_CELLS = 8  # of a random ground, along a side
_NEARLY_ZERO = 1e-8  # a point at infinity stays where it is
_ERASE_SIDES = (0.15, 0.4)  # of an erased box, as a part of the view


@dataclass(frozen=True)
class Views:
    """`n` views: their geometry and their corruptions, drawn but not yet applied. All on the CPU.

    Attributes:
        homographies: (n, 3, 3), view to canvas, both in [-1, 1] coordinates.
        place: (n,), int64, which of the layout's places each view looks at.
        sizes: (n,), side of the view as a part of the canvas's short side.
        span: smallest and largest size of the step's views, also in a slice of them: it decides how finely
            they are sampled.
        jitter: (n, 3), brightness offset around 0, contrast and saturation factors around 1.
        noise: standard deviation of the Gaussian noise, in colour (white is 1).
        boxes: (n, 4), left, top, right, bottom of the erased box in [0, 1]; empty where nothing is.
        seeds: (n,), int64, seed of each view's noise.
        wraps: whether the canvas goes on beyond its edge as it begins on the other side.
        grounds: (n, 3, `_CELLS`, `_CELLS`), what a canvas with an alpha channel is seen on; None for others.
        beyond: (1, 3, 1, 1), the colour beyond the edge of the canvas; None: it goes on as it ends.
    """

    homographies: Tensor
    place: Tensor
    sizes: Tensor
    span: tuple[float, float]
    jitter: Tensor
    noise: float
    boxes: Tensor
    seeds: Tensor
    wraps: bool = False
    grounds: Tensor | None = None
    beyond: Tensor | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def share(self, index: int, count: int) -> Self:
        """Return every `count`-th view of each place, from the `index`-th on."""
        before = (self.place[:, None] == self.place).tril(-1).sum(dim=1)  # views of the same place
        return self[before % count == index]

    def __getitem__(self, part: slice | Tensor) -> Self:
        return type(self)(
            self.homographies[part],
            self.place[part],
            self.sizes[part],
            self.span,
            self.jitter[part],
            self.noise,
            self.boxes[part],
            self.seeds[part],
            self.wraps,
            None if self.grounds is None else self.grounds[part],
            self.beyond,
        )

    def render(self, image: Tensor, side: int) -> Tensor:
        """Return the views of `image` (1, 3, height, width), or 4 with an alpha, as (n, 3, side, side)."""
        homographies = self.homographies.to(image)
        if self.wraps:
            image, homographies = _repeated(image, homographies)
            reach = (1 + 2 * _BEYOND) ** -1
            seen = resample(image, homographies, (self.span[0] * reach, self.span[1] * reach), side)
        else:
            seen = resample(image, homographies, self.span, side, self.beyond)
        if self.grounds is not None:
            ground = F.interpolate(self.grounds.to(seen), size=seen.shape[-2:], mode="bilinear")
            seen = over(seen, ground)
        return self._corrupt(seen)

    def _corrupt(self, seen: Tensor) -> Tensor:
        brightness, contrast, saturation = self.jitter.to(seen).unbind(1)
        seen = seen + brightness.view(-1, 1, 1, 1)
        mean = seen.mean((1, 2, 3), keepdim=True)
        seen = mean + (seen - mean) * contrast.view(-1, 1, 1, 1)
        seen = enhance.adjust_saturation_with_gray_subtraction(seen, saturation)
        blot = _inside(self.boxes.to(seen), seen.shape[-1])
        seen = torch.where(blot, seen.mean((2, 3), keepdim=True).detach(), seen)
        if self.noise > 0:
            seen = seen + self.noise * _noise(self.seeds, seen)
        return seen


def _repeated(image: Tensor, homographies: Tensor) -> tuple[Tensor, Tensor]:
    """Return `image` with `_BEYOND` of what is beyond its edges, as a tile goes on, and the maps to it."""
    height, width = image.shape[-2:]
    rows, columns = (torch.arange(round(-_BEYOND * n), round((1 + _BEYOND) * n)) % n for n in (height, width))
    large = image[:, :, rows.to(image.device)][:, :, :, columns.to(image.device)]
    scale = torch.tensor([width / len(columns), height / len(rows), 1.0]).to(homographies)
    return large, scale.diag() @ homographies


def _noise(seeds: Tensor, like: Tensor) -> Tensor:
    generator = torch.Generator()
    drawn = [
        torch.randn(like.shape[1:], generator=generator.manual_seed(int(seed)), dtype=torch.float32)
        for seed in seeds
    ]
    return torch.stack(drawn).to(like)


def _inside(boxes: Tensor, side: int) -> Tensor:
    """Return (n, 1, side, side) bool, true inside each box."""
    at = (torch.arange(side, device=boxes.device) + 0.5) / side
    left, top, right, bottom = (edge.view(-1, 1) for edge in boxes.unbind(1))
    columns, rows = (at >= left) & (at < right), (at >= top) & (at < bottom)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def resample(
    image: Tensor,
    homographies: Tensor,
    span: tuple[float, float],
    side: int,
    beyond: Tensor | None = None,
) -> Tensor:
    """Look at `image`, (1, channels, height, width), through n homographies: (n, channels, side, side).

    There is no aliasing. Past its edge is the colour `beyond`, (1, channels, 1, 1), or what is at the edge.

    `span` is the smallest and the largest size of a view, as parts of the short side. The image is first
    averaged down as far as the smallest allows, then every view is sampled finely enough for the largest and
    averaged down to `side`.
    """
    height, width = image.shape[-2:]
    short = min(height, width)
    shrink = max(1, int(span[0] * short / side))
    if shrink > 1:
        image = F.interpolate(image, size=(height // shrink, width // shrink), mode="area")
    oversample = max(1, math.ceil(span[1] * short / shrink / side - 0.05))
    if beyond is not None:
        image = image - beyond.to(image)
    seen = F.grid_sample(
        image.expand(len(homographies), -1, -1, -1),
        grids(homographies, side * oversample),
        padding_mode="border" if beyond is None else "zeros",
        align_corners=False,
    )
    if beyond is not None:
        seen = seen + beyond.to(seen)
    return F.avg_pool2d(seen, oversample) if oversample > 1 else seen


def grids(homographies: Tensor, side: int) -> Tensor:
    """Return where `side` by `side` points of n views lie on the canvas, both in [-1, 1]: (n, side, side, 2).

    Points are the middles of pixels. A homography is a quotient of sums of something in x and something
    in y, so each sum is one addition a point; no list of points goes through a matrix product.
    """
    steps = torch.arange(side, device=homographies.device, dtype=homographies.dtype)
    ramp = (2 * steps + 1) / side - 1
    across, down, constant = homographies[:, :, :, None, None].unbind(2)
    x, y, w = (across * ramp + down * ramp[:, None] + constant).unbind(1)
    scale = torch.where(w.abs() > _NEARLY_ZERO, w, 1).reciprocal()
    return torch.stack([x * scale, y * scale], dim=-1)


def sample_views(
    recipe: Recipe, height: int, width: int, progress: float, streams: Streams, layout: Layout
) -> Views:
    """Draw the views of one step, of each place of `layout` in turn: at least one for each who looks there.

    `progress` in [0, 1] moves the smallest view from `overview` to `detail`. Sizes are uniform between it and
    `largest`, as parts of a place's short side; positions are uniform over the place and half of what
    `largest` is beyond it, `shift` of the view over its edge. Past its edge is paper, where it has a price to
    draw near the edge (`margin`); otherwise the canvas goes on as it ends.
    """
    n, generator = max(recipe.views, layout.count * recipe.shares), streams.views
    there, place = places(layout, height, width), torch.arange(n) % layout.count
    smallest = recipe.overview + (recipe.detail - recipe.overview) * progress
    sizes = smallest + max(0.0, recipe.largest - smallest) * torch.rand(n, generator=generator)
    homographies = there.maps[place] @ _homographies(recipe, _shapes(there)[place], sizes, generator)

    augment = streams.augment
    jitter = recipe.jitter * (2 * torch.rand(n, 3, generator=augment) - 1) + torch.tensor([0.0, 1.0, 1.0])
    low, high = _ERASE_SIDES
    sides = low + (high - low) * torch.rand(n, 2, generator=augment)
    corner = torch.rand(n, 2, generator=augment) * (1 - sides)
    erased = torch.rand(n, 1, generator=augment) < recipe.erase
    boxes = torch.where(erased, torch.cat([corner, corner + sides], dim=1), torch.zeros(n, 4))
    seeds = torch.randint(2**62, (n,), generator=augment)
    grounds = _grounds(n, augment) if recipe.transparent else None
    if recipe.tile:  # every second view is looked at anywhere on the wallpaper
        away = 2 * torch.rand(n, 2, generator=generator) - 1
        homographies[1::2, :2, 2] += away[1::2]
    parts = there.parts(height, width)
    span = min(parts) * smallest, max(parts) * max(smallest, recipe.largest)
    sizes = torch.tensor(parts)[place] * sizes
    is_paper = recipe.margin > 0 and recipe.picture is None and not (recipe.tile or recipe.transparent)
    beyond = paper_colour(recipe) if is_paper else None
    return Views(
        homographies, place, sizes, span, jitter, recipe.noise, boxes, seeds, recipe.tile, grounds, beyond
    )


def _grounds(n: int, generator: torch.Generator) -> Tensor:
    """Draw grounds to see a transparent picture on, (n, 3, `_CELLS`, `_CELLS`): plain, clouds, or checks.

    After the random backgrounds of Dream Fields (Jain et al., arXiv 2112.01455).
    """
    plain = torch.rand(n, 3, 1, 1, generator=generator).expand(n, 3, _CELLS, _CELLS)
    clouds = F.interpolate(
        torch.rand(n, 3, 3, 3, generator=generator), size=(_CELLS, _CELLS), mode="bilinear"
    )
    other = torch.rand(n, 3, 1, 1, generator=generator)
    at = torch.arange(_CELLS)
    checks = torch.where((at[:, None] + at[None, :]) % 2 == 0, plain, other)
    kind = torch.randint(4, (n, 1, 1, 1), generator=generator)
    return torch.where(kind < 2, plain, torch.where(kind == 2, clouds, checks))  # every second is plain


def _shapes(there: Places) -> Tensor:
    """Return width and height of the square that fits into each place, as parts of the place: (count, 2)."""
    return torch.tensor([[min(size) / size[1], min(size) / size[0]] for size in there.sizes])


def _homographies(recipe: Recipe, shapes: Tensor, sizes: Tensor, generator: torch.Generator) -> Tensor:
    """Compose tilt, mirror, turn, size and position, in that order: (n, 3, 3), view to place.

    `shapes`, (n, 2), are those of `_shapes` for the place of each view, `sizes` (n,) parts of such a square.
    """
    n = len(sizes)

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(shape, generator=generator) - 1

    square = _CORNERS.expand(n, 4, 2)
    tilt: Tensor = get_perspective_transform(square, square + 2 * recipe.perspective * uniform(n, 4, 2))
    mirror = torch.where(torch.rand(n, generator=generator) < recipe.flip, -1.0, 1.0)
    angle = math.radians(recipe.rotate) * uniform(n)
    extent = sizes[:, None] * shapes
    room = 1 + max(0.0, recipe.largest - 1) / 2 * shapes
    centre = uniform(n, 2) * ((room - extent).clamp(min=0) + 2 * recipe.shift * extent)

    placed = torch.zeros(n, 3, 3)
    placed[:, 0, 0] = extent[:, 0] * mirror * angle.cos()
    placed[:, 0, 1] = -extent[:, 0] * angle.sin()
    placed[:, 1, 0] = extent[:, 1] * mirror * angle.sin()
    placed[:, 1, 1] = extent[:, 1] * angle.cos()
    placed[:, :2, 2] = centre
    placed[:, 2, 2] = 1
    return placed @ tilt


def whole(image: Tensor, side: int) -> Tensor:
    """Cut `image` (1, 3, height, width) into the fewest even squares that cover it: (n, 3, side, side).

    This is the judge's fixed, un-augmented look: one square for a square picture.
    """
    return resample(image, _squares(*image.shape[-2:]).to(image), (1.0, 1.0), side)


def closer(image: Tensor, side: int) -> Tensor:
    """Look at `image` (1, 3, height, width) as a whole, and closer at five places of each square of it.

    The closer squares have `_CLOSER` of a side, and stand in the corners and the middle: (n, 3, side, side).
    """
    squares = _squares(*image.shape[-2:])
    looks = [torch.eye(3)]
    for x, y in ((0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)):
        look = torch.diag(torch.tensor([_CLOSER, _CLOSER, 1.0]))
        look[0, 2], look[1, 2] = (1 - _CLOSER) * x, (1 - _CLOSER) * y
        looks.append(look)
    maps = torch.cat([squares @ look for look in looks]).to(image)
    return resample(image, maps, (_CLOSER, 1.0), side)


def placed(image: Tensor, side: int, layout: Layout) -> list[Tensor]:
    """Look at each place of `layout` on `image` (1, 3, height, width) so: (n, 3, side, side) each."""
    height, width = image.shape[-2:]
    there = places(layout, height, width)
    return [
        resample(image, (each @ _squares(*size)).to(image), (part, part), side)
        for each, size, part in zip(there.maps, there.sizes, there.parts(height, width), strict=True)
    ]


def _squares(height: float, width: float) -> Tensor:
    """Return the fewest even squares that cover a rectangle, as maps to it: (n, 3, 3)."""
    short = min(height, width)
    n = math.ceil(max(height, width) / short - 1e-6)
    homographies = torch.eye(3).repeat(n, 1, 1)
    extent = torch.tensor([short / width, short / height])
    homographies[:, 0, 0], homographies[:, 1, 1] = extent
    slack = torch.linspace(-1, 1, n)[:, None] if n > 1 else torch.zeros(1, 1)
    homographies[:, :2, 2] = slack * (1 - extent)
    return homographies
