"""Regularisers: small losses on the whole image that say nothing of the prompt.

Each takes the canvas as it is, (1, 3, height, width) RGB and not yet clamped, and the settings in force, and
returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clipart.canvas.start import paper_colour
from clipart.recipe import Recipe

_MARGIN = 0.2  # of each side


def total_variation(image: Tensor, _: Recipe) -> Tensor:
    """Mean squared difference of neighbours, the L2 total variation of Mahendran and Vedaldi (2015)."""
    rows, columns = image.diff(dim=2), image.diff(dim=3)
    return rows.square().mean() + columns.square().mean()


def out_of_range(image: Tensor, _: Recipe) -> Tensor:
    """Mean squared distance from [0, 1], what no screen can show (Crowson's range loss)."""
    return (image - image.clamp(0, 1)).square().mean()


def saturation(image: Tensor, _: Recipe) -> Tensor:
    """Mean squared distance of each pixel from its own grey."""
    return (image - image.mean(dim=1, keepdim=True)).square().mean()


def ink(image: Tensor, settings: Recipe) -> Tensor:
    """Mean distance from the colour of the paper: what is drawn has to be worth its ink.

    Being an L1 distance it keeps what helps and lets go of what hardly does, so that the paper stays clean.
    """
    return (image - paper_colour(settings).to(image)).abs().mean()


def margin(image: Tensor, settings: Recipe) -> Tensor:
    """Mean squared distance from the colour of the paper, weighted by nearness to the edge.

    The weight rises from 0 at `_MARGIN` of each side to 1 at the edge. What is kept off the edge closes into
    ONE thing in the middle; without it, a CLIP is content with parts of things that run out of the sheet.
    """
    rows, columns = (_nearness(length, image) for length in image.shape[-2:])
    weight = 1 - (1 - rows[:, None]) * (1 - columns[None, :])
    return (weight * (image - paper_colour(settings).to(image)).square()).mean()


def _nearness(length: int, like: Tensor) -> Tensor:
    """Return how near to an edge each of `length` pixels is: 1 at the edge to 0 at `_MARGIN` from it."""
    at = (torch.arange(length, device=like.device) + 0.5) / length
    return (1 - torch.minimum(at, 1 - at) / _MARGIN).clamp(min=0)


REGULARISERS: dict[str, Callable[[Tensor, Recipe], Tensor]] = {
    "tv": total_variation,
    "range": out_of_range,
    "saturation": saturation,
    "ink": ink,
    "margin": margin,
}
