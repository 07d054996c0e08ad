"""Regularisers: small losses on the whole image that say nothing of the prompt.

Each takes the canvas as it is, (1, 3, height, width) RGB and not yet clamped, the settings in force, and how
many places the layout has, and returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clipart.canvas.start import paper_colour
from clipart.critic.layout import places
from clipart.recipe import Recipe

_MARGIN = 0.2  # of each side


def total_variation(image: Tensor, _: Recipe, __: int) -> Tensor:
    """Mean squared difference of neighbours, the L2 total variation of Mahendran and Vedaldi (2015)."""
    rows, columns = image.diff(dim=2), image.diff(dim=3)
    return rows.square().mean() + columns.square().mean()


def out_of_range(image: Tensor, _: Recipe, __: int) -> Tensor:
    """Mean squared distance from [0, 1], what no screen can show (Crowson's range loss)."""
    return (image - image.clamp(0, 1)).square().mean()


def saturation(image: Tensor, _: Recipe, __: int) -> Tensor:
    """Mean squared distance of each pixel from its own grey."""
    return (image - image.mean(dim=1, keepdim=True)).square().mean()


def ink(image: Tensor, settings: Recipe, _: int) -> Tensor:
    """Mean distance from the colour of the paper: what is drawn has to be worth its ink.

    Being an L1 distance it keeps what helps and lets go of what hardly does, so that the paper stays clean.
    """
    return (image - paper_colour(settings).to(image)).abs().mean()


def margin(image: Tensor, settings: Recipe, count: int) -> Tensor:
    """Mean squared distance from the colour of the paper, weighted by nearness to the edge of a place.

    The weight rises from 0 at `_MARGIN` of each side of one of the `count` places to 1 at its edge and
    beyond. What is kept off the edge closes into ONE thing in the middle; without it, a CLIP is content with
    parts of things that run out of the sheet.
    """
    height, width = image.shape[-2:]
    maps = places(count, height, width).maps.to(image)
    rows = 1 - _nearness(height, maps[:, 1, 1], maps[:, 1, 2])
    columns = 1 - _nearness(width, maps[:, 0, 0], maps[:, 0, 2])
    weight = 1 - torch.einsum("nh,nw->hw", rows, columns)  # places do not overlap: of the terms one counts
    return (weight * (image - paper_colour(settings).to(image)).square()).mean()


def _nearness(length: int, extent: Tensor, middle: Tensor) -> Tensor:
    """Return how near each of `length` pixels is to an edge: 1 there and outside, 0 at `_MARGIN` from it.

    The edges are those of n places, given by `extent` (n,) and `middle` (n,) on a canvas that goes from -1
    to 1. Returns (n, length).
    """
    at = (2 * torch.arange(length, device=extent.device) + 1) / length - 1
    inside = (1 - (at - middle[:, None]).abs() / extent[:, None]) / 2
    return (1 - inside / _MARGIN).clamp(0, 1)


REGULARISERS: dict[str, Callable[[Tensor, Recipe, int], Tensor]] = {
    "tv": total_variation,
    "range": out_of_range,
    "saturation": saturation,
    "ink": ink,
    "margin": margin,
}
