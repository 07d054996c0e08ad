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

from clipart.critic.places import places
from clipart.recipe import Recipe
from clipart.rng import Streams

_CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
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
    """

    homographies: Tensor
    place: Tensor
    sizes: Tensor
    span: tuple[float, float]
    jitter: Tensor
    noise: float
    boxes: Tensor
    seeds: Tensor

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, part: slice) -> Self:
        return type(self)(
            self.homographies[part],
            self.place[part],
            self.sizes[part],
            self.span,
            self.jitter[part],
            self.noise,
            self.boxes[part],
            self.seeds[part],
        )

    def render(self, image: Tensor, side: int) -> Tensor:
        """Return the views of `image` (1, 3, height, width) as (n, 3, side, side)."""
        seen = resample(image, self.homographies.to(image), self.span, side)
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


def resample(image: Tensor, homographies: Tensor, span: tuple[float, float], side: int) -> Tensor:
    """Look at `image` through n homographies, without aliasing: (n, 3, side, side).

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
    seen = F.grid_sample(
        image.expand(len(homographies), -1, -1, -1),
        grids(homographies, side * oversample),
        padding_mode="border",
        align_corners=False,
    )
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
    recipe: Recipe, height: int, width: int, progress: float, streams: Streams, count: int
) -> Views:
    """Draw the views of one step, of each of `count` places in turn, so at least as many.

    `progress` in [0, 1] moves the smallest view from `overview` to `detail`. Sizes are uniform between it and
    `largest`, as parts of a place's short side; positions are uniform over the place, `shift` of the view
    over its edge. Past its edge the canvas goes on as it ends.
    """
    n, generator = max(recipe.views, count), streams.views
    there, place = places(count, height, width), torch.arange(n) % count
    smallest = recipe.overview + (recipe.detail - recipe.overview) * progress
    sizes = smallest + max(0.0, recipe.largest - smallest) * torch.rand(n, generator=generator)
    homographies = there.maps[place] @ _homographies(recipe, there.height, there.width, sizes, generator)

    augment = streams.augment
    jitter = recipe.jitter * (2 * torch.rand(n, 3, generator=augment) - 1) + torch.tensor([0.0, 1.0, 1.0])
    low, high = _ERASE_SIDES
    sides = low + (high - low) * torch.rand(n, 2, generator=augment)
    corner = torch.rand(n, 2, generator=augment) * (1 - sides)
    erased = torch.rand(n, 1, generator=augment) < recipe.erase
    boxes = torch.where(erased, torch.cat([corner, corner + sides], dim=1), torch.zeros(n, 4))
    seeds = torch.randint(2**62, (n,), generator=augment)
    part = there.side / min(height, width)
    span = part * smallest, part * max(smallest, recipe.largest)
    return Views(homographies, place, part * sizes, span, jitter, recipe.noise, boxes, seeds)


def _homographies(
    recipe: Recipe, height: float, width: float, sizes: Tensor, generator: torch.Generator
) -> Tensor:
    """Compose tilt, mirror, turn, size and position, in that order: (n, 3, 3), view to canvas."""
    n, short = len(sizes), min(height, width)

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(shape, generator=generator) - 1

    square = _CORNERS.expand(n, 4, 2)
    tilt: Tensor = get_perspective_transform(square, square + 2 * recipe.perspective * uniform(n, 4, 2))
    mirror = torch.where(torch.rand(n, generator=generator) < recipe.flip, -1.0, 1.0)
    angle = math.radians(recipe.rotate) * uniform(n)
    extent = sizes[:, None] * torch.tensor([short / width, short / height])
    centre = uniform(n, 2) * ((1 - extent).clamp(min=0) + 2 * recipe.shift * extent)

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
    height, width = image.shape[-2:]
    short = min(height, width)
    n = math.ceil(max(height, width) / short)
    homographies = torch.eye(3).repeat(n, 1, 1)
    extent = torch.tensor([short / width, short / height])
    homographies[:, 0, 0], homographies[:, 1, 1] = extent
    slack = torch.linspace(-1, 1, n)[:, None] if n > 1 else torch.zeros(1, 1)
    homographies[:, :2, 2] = slack * (1 - extent)
    return resample(image, homographies.to(image), (1.0, 1.0), side)


def placed(image: Tensor, side: int, count: int) -> Tensor:
    """Look at the `count` places of `image` (1, 3, height, width), un-augmented: (count, 3, side, side)."""
    height, width = image.shape[-2:]
    there = places(count, height, width)
    part = there.side / min(height, width)
    return resample(image, there.maps.to(image), (part, part), side)
