"""Canvases: what a run changes, and how to see it as an image. This is their table; it imports no torch.

A canvas is a class in a module of its own (`clipart.canvas.base` says what it has to be) and an entry here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipart.tables import Table

if TYPE_CHECKING:
    from clipart.canvas.base import Canvas

CANVASES: Table[type[Canvas]] = Table(
    "canvas",
    "clipart.canvases",
    {
        "multires": "clipart.canvas.pixel:MultiResCanvas",
        "plain": "clipart.canvas.pixel:PlainCanvas",
        "fourier": "clipart.canvas.pixel:FourierCanvas",
        "shapes": "clipart.canvas.shapes:ShapesCanvas",
        "strokes": "clipart.canvas.strokes:StrokesCanvas",
        "palette": "clipart.canvas.palette:PaletteCanvas",
        "pixelart": "clipart.canvas.palette:PixelArtCanvas",
        "implicit": "clipart.canvas.implicit:ImplicitCanvas",
        "vqgan": "clipart.canvas.vqgan:VqganCanvas",
    },
)
