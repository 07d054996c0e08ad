"""Soft edges made into drawn ones, by a shock filter."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.finish.chain import Range
from clipart.finish.strips import in_strips

LEVEL = 256  # pixels of the short side at which one looks where the edges are
FINE = 512  # pixels of the short side at which edges are moved, where a picture is smaller
SIGMA, RHO = 1.5, 3.0  # pixels of `LEVEL`: blur of the picture, and of the directions in it
ROUNDS = 18  # at `FINE`; a larger picture takes more in proportion, since its edges are wider
LOOKS = 2  # rounds from one look at where the edges are to the next
SHARE = 0.4  # of the way to the lightest or darkest neighbour, in a round
SHADING, EDGE = 0.1, 0.3  # differences of a channel: below the one nothing is moved, from the other on all
AROUND = 9  # pixels of `LEVEL`, within which they are measured


@torch.no_grad()
def crisp(image: Tensor, strength: Annotated[float, Range(0, 3)] = 1.0) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], with its soft edges as lines between areas.

    A coherence-enhancing shock filter (Weickert, DAGM 2003; Osher and Rudin, 1990): on the light side of an
    edge, seen along the direction in which the picture changes most, a channel goes to its lightest
    neighbour, and on the dark side to its darkest. A picture whose short side is under `FINE` pixels is
    filtered twice as large, so that edges come out smooth. Shading stays: where a channel differs by less
    than `SHADING` nothing is moved. With `strength` 2 edges that are twice as soft as usual become lines,
    with 0.5 only those that are half as soft.
    """
    height, width = image.shape[-2:]
    times = 2 if min(height, width) < FINE else 1
    large = start = _resized(image[None], height * times, width * times)
    short = min(large.shape[-2:])
    rounds = math.ceil(strength * ROUNDS * max(1.0, short / FINE))
    share = torch.zeros(0)
    for done in range(rounds):
        if done % LOOKS == 0:
            small = _resized(large, *(max(1, round(side * LEVEL / short)) for side in large.shape[-2:]))
            small = _blurred(small, SIGMA)
            if not done:
                share = _resized(_share(small), *large.shape[-2:])
            moves = _resized(_moves(small), *large.shape[-2:]).sign() * share
        large = in_strips(_moved, torch.cat([large, moves], dim=1)[0], margin=1)[None, :3]
    return (image + _resized(large - start, height, width)[0]).clamp(0, 1)


def _share(small: Tensor) -> Tensor:
    """Return how much of an edge there is around a pixel of `small`, from 0 to 1: (1, 1, height, width)."""
    around = F.pad(small, (AROUND // 2,) * 4, mode="replicate")
    contrast = F.max_pool2d(around, AROUND, 1) + F.max_pool2d(-around, AROUND, 1)
    return ((contrast.amax(1, keepdim=True) - SHADING) / (EDGE - SHADING)).clamp(0, 1)


def _moves(small: Tensor) -> Tensor:
    """Return for each channel of `small`, (1, 3, height, width), above 0 where it is to become lighter.

    The sign is that of the channel's slope times minus the second derivative of the colour, both along the
    main direction of the structure tensor (Di Zenzo, 1986, for colours), so that all channels have their
    edges in one place.
    """
    around = F.pad(small, (1, 1, 1, 1), mode="replicate")
    left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
    above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
    x, y = (right - left) / 2, (below - above) / 2
    xx, yy = right - 2 * small + left, below - 2 * small + above
    corners = around[..., 2:, 2:] + around[..., :-2, :-2] - around[..., 2:, :-2] - around[..., :-2, 2:]
    a, b, c = (_blurred(each.sum(1, keepdim=True), RHO) for each in (x * x, x * y, y * y))
    angle = torch.atan2(2 * b, a - c) / 2
    cos, sin = angle.cos(), angle.sin()
    slope = cos * x + sin * y
    bend = cos * cos * xx + cos * sin * corners / 2 + sin * sin * yy
    return -slope * (bend * slope).sum(1, keepdim=True)


def _moved(strip: Tensor) -> Tensor:
    """Return the colours of `strip`, (1, 6, height, width), after a round; behind them are its moves.

    A move is from -1, to the darkest neighbour, to 1, to the lightest.
    """
    colours, moves = strip.chunk(2, dim=1)
    around = F.pad(colours, (1, 1, 1, 1), mode="replicate")
    lightest, darkest = F.max_pool2d(around, 3, 1), -F.max_pool2d(-around, 3, 1)
    target = torch.where(moves > 0, lightest, darkest)
    return torch.cat([colours + SHARE * moves.abs() * (target - colours), moves], dim=1)


def _blurred(batch: Tensor, sigma: float) -> Tensor:
    size = 2 * math.ceil(3 * sigma) + 1
    return gaussian_blur2d(batch, (size, size), (sigma, sigma), border_type="replicate")


def _resized(batch: Tensor, height: int, width: int) -> Tensor:
    if batch.shape[-2:] == (height, width):
        return batch
    shrinks = height < batch.shape[-2]
    return F.interpolate(batch, size=(height, width), mode="area" if shrinks else "bilinear")
