"""Regularisers: small losses on the whole image that say nothing of the prompt.

A term is built once, with its weight and all that it compares with, and is called with the image alone:
(1, 3, height, width) RGB, not yet clamped, to a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.base import over
from clipart.canvas.start import paper_colour
from clipart.critic.places import places
from clipart.layout import Layout
from clipart.recipe import Recipe

# Their weights are settings of these names.
REGULARISERS = (
    "tv",
    "range",
    "saturation",
    "ink",
    "margin",
    "keep",
)
_MARGIN = 0.16  # of each side
_OPACITY = 1.0  # weight of the price of an alpha channel


@dataclass(frozen=True)
class Term:
    """A loss on the image, called `name` in the log, that counts `weight` times."""

    name: str
    weight: float
    loss: Callable[[Tensor], Tensor]


def build_terms(
    settings: Recipe,
    layout: Layout,
    height: int,
    width: int,
    device: torch.device,
    kept: Tensor | None = None,
) -> list[Term]:
    """Return the terms that have a weight in `settings`, for a canvas of this size, with `layout`.

    A picture to keep to, `kept` of any size, takes the place of the paper. An image with an alpha channel is
    priced as it lies on the paper, and its alpha by `Opacity`.
    """
    paper = paper_colour(settings).to(device)
    if kept is not None:
        paper = F.interpolate(kept, size=(height, width), mode="bicubic", antialias=True).clamp(0, 1)
    losses: dict[str, Callable[[Tensor], Tensor]] = {
        "tv": total_variation,
        "range": out_of_range,
        "saturation": saturation,
        "ink": Ink(paper),
    }
    if not settings.tile:  # a tile has no edge
        losses["margin"] = Margin(paper, layout, height, width)
    if kept is not None:
        losses["keep"] = Keep(paper)
    terms = [Term(name, getattr(settings, name), loss) for name, loss in losses.items()]
    if settings.transparent:
        opacity = Opacity(settings.opacity, layout, height, width, device)
        terms = [Term(each.name, each.weight, _laid(each.loss, paper)) for each in terms]
        terms.append(Term("opacity", _OPACITY, opacity))
    return [term for term in terms if term.weight]


def _laid(loss: Callable[[Tensor], Tensor], paper: Tensor) -> Callable[[Tensor], Tensor]:
    """Return `loss` of an image with an alpha channel, as it lies on `paper`."""
    return lambda image: loss(over(image, paper))


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, the L2 total variation of Mahendran and Vedaldi (2015)."""
    rows, columns = image.diff(dim=2), image.diff(dim=3)
    return rows.square().mean() + columns.square().mean()


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared distance from [0, 1], what no screen can show (Crowson's range loss)."""
    return (image - image.clamp(0, 1)).square().mean()


def saturation(image: Tensor) -> Tensor:
    """Mean squared distance of each pixel from its own grey."""
    return (image - image.mean(dim=1, keepdim=True)).square().mean()


class Keep:
    """Mean squared distance from the picture that is kept, (1, 3, height, width)."""

    def __init__(self, picture: Tensor) -> None:
        self.picture = picture

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of `image`."""
        return (image - self.picture).square().mean()


class Ink:
    """Mean distance from the paper: its colour, (1, 3, 1, 1), or a picture in its place.

    Being an L1 distance it keeps what helps and lets go of what hardly does, so that the paper stays clean.
    """

    def __init__(self, paper: Tensor) -> None:
        self.paper = paper

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of `image`."""
        return (image - self.paper).abs().mean()


class Margin:
    """Mean squared distance from the paper, as `Ink` has it, weighted near the edge of a place.

    The weight rises from 0 at `_MARGIN` of each side of one of the places to 1 at its edge and beyond.
    What is kept off the edge closes into ONE thing in the middle; without it, a CLIP is content with parts of
    things that run out of the sheet.
    """

    def __init__(self, paper: Tensor, layout: Layout, height: int, width: int) -> None:
        self.paper = paper
        self.weight = _near_edges(layout, height, width, paper.device)

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of `image`."""
        return (self.weight * (image - self.paper).square()).mean()


class Opacity:
    """What an alpha channel costs: more than `most` of the picture, less than half of that, and edges.

    The first is the target of Dream Fields (Jain et al., arXiv 2112.01455) for the mean of the alpha; the
    second is `Margin` for the alpha.
    """

    def __init__(self, most: float, layout: Layout, height: int, width: int, device: torch.device) -> None:
        self.most, self.weight = most, _near_edges(layout, height, width, device)

    def __call__(self, image: Tensor) -> Tensor:
        """Return the loss of `image`, (1, 4, height, width)."""
        alpha = image[:, 3]
        mean = alpha.mean()
        beyond = (mean - self.most).clamp(min=0) + (self.most / 2 - mean).clamp(min=0)
        return beyond + (self.weight * alpha).mean()


def _near_edges(layout: Layout, height: int, width: int, device: torch.device) -> Tensor:
    """Return (height, width): 0 in the middle of a place, 1 at its edge and outside of all."""
    maps = places(layout, height, width).maps.to(device)
    rows = 1 - _nearness(height, maps[:, 1, 1], maps[:, 1, 2])
    columns = 1 - _nearness(width, maps[:, 0, 0], maps[:, 0, 2])
    return 1 - (rows[:, :, None] * columns[:, None, :]).amax(dim=0)


def _nearness(length: int, extent: Tensor, middle: Tensor) -> Tensor:
    """Return how near each of `length` pixels is to an edge: 1 there and outside, 0 at `_MARGIN` from it.

    The edges are those of n places, given by `extent` (n,) and `middle` (n,) on a canvas that goes from -1
    to 1. Returns (n, length).
    """
    at = (2 * torch.arange(length, device=extent.device) + 1) / length - 1
    inside = (1 - (at - middle[:, None]).abs() / extent[:, None]) / 2
    return (1 - inside / _MARGIN).clamp(0, 1)
