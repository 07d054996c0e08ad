"""Canvases: what a run changes, and how to see it as an image. Tables that import no torch.

A canvas is a class in a module of its own (`clipart.canvas.base` says what it has to be) and an entry here.
So is a map of what a canvas shows (`clipart.canvas.mapped`), by the name of the setting that asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipart.tables import Table

if TYPE_CHECKING:
    from clipart.canvas.base import Canvas
    from clipart.canvas.mapped import Map

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

MAPS: Table[type[Map]] = Table(
    "map",
    "clipart.maps",
    {  # in the order in which they are applied
        "transparent": "clipart.canvas.transparent:Transparent",
        "symmetry": "clipart.canvas.symmetry:Symmetry",
        "tile": "clipart.canvas.tile:Tile",
        "mask": "clipart.canvas.mask:Mask",
    },
)
