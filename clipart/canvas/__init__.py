"""Canvases: what a run changes, and how to see it as an image.

Every canvas is the start plus a learned change. The start is an image (seeded static, a picture, or what
an earlier stage made), so a stage can hand over to any other canvas at any resolution.
"""

from __future__ import annotations

from torch import Tensor

from clipart.canvas.base import Canvas
from clipart.canvas.pixel import FourierCanvas, MultiResCanvas, PlainCanvas
from clipart.canvas.start import make_start
from clipart.recipe import Recipe

__all__ = ["Canvas", "FourierCanvas", "MultiResCanvas", "PlainCanvas", "build_canvas", "make_start"]

_KINDS: dict[str, type[Canvas]] = {
    "multires": MultiResCanvas,
    "plain": PlainCanvas,
    "fourier": FourierCanvas,
}


def build_canvas(recipe: Recipe, start: Tensor) -> Canvas:
    """Return the canvas that `recipe` names, on `start`: (1, 3, height, width), RGB, any device."""
    return _KINDS[recipe.canvas](start, falloff=recipe.falloff, decorrelated=recipe.colour == "decorrelated")
