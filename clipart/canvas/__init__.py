"""Canvases: what a run changes, and how to see it as an image.

Every canvas is the start plus a learned change. The start is an image (seeded static, a picture, or what
an earlier stage made), so a stage can hand over to any other canvas at any resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipart.canvas.base import Canvas
from clipart.canvas.pixel import FourierCanvas, MultiResCanvas, PlainCanvas
from clipart.canvas.shapes import ShapesCanvas
from clipart.canvas.start import make_start, paper_colour
from clipart.canvas.vqgan import VqganCanvas
from clipart.models.vqgan import Vqgan
from clipart.recipe import Recipe

__all__ = [
    "Canvas",
    "FourierCanvas",
    "MultiResCanvas",
    "PlainCanvas",
    "ShapesCanvas",
    "VqganCanvas",
    "build_canvas",
    "make_start",
]

_KINDS: dict[str, type[Canvas]] = {
    "multires": MultiResCanvas,
    "plain": PlainCanvas,
    "fourier": FourierCanvas,
}


def build_canvas(
    recipe: Recipe, start: Tensor, vqgan: Vqgan | None = None, generator: torch.Generator | None = None
) -> Canvas:
    """Return the canvas that `recipe` names, on `start`: (1, 3, height, width), RGB, any device.

    A latent canvas needs its `vqgan`. With a `generator`, random codes are mixed into the start, or shapes
    are scattered on the bare paper.
    """
    if recipe.canvas == "shapes":
        if generator is not None:  # the shapes are the static
            start = paper_colour(recipe).to(start).expand_as(start)
        return ShapesCanvas(start, generator=generator, count=recipe.shapes)
    if recipe.canvas == "vqgan":
        if vqgan is None:
            raise ValueError("a latent canvas needs a VQGAN")
        return VqganCanvas(start, vqgan, generator=generator, codes=recipe.codes, pull=recipe.pull)
    return _KINDS[recipe.canvas](start, falloff=recipe.falloff, decorrelated=recipe.colour == "decorrelated")
