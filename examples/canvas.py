"""Add a canvas of your own: a picture of square tiles.

python examples/canvas.py [STEPS]
"""

import sys
from pathlib import Path

import torch
from torch import nn

import clipart
from clipart.canvas import CANVASES
from clipart.canvas.base import Canvas


class TilesCanvas(Canvas):
    """One colour for each of `tiles` x `tiles` squares, added to the start."""

    extras = {"tiles": 24}  # its own setting, with its default  # noqa: RUF012

    def __init__(self, start, tiles):
        super().__init__(start)
        self.colours = nn.Parameter(torch.zeros(1, 3, tiles, tiles))

    @classmethod
    def build(cls, start, settings, models, generator):
        """Return a canvas on `start`, (1, 3, height, width), with the recipe's settings."""
        return cls(start, settings.extras["tiles"])

    def forward(self):
        """Return the image, (1, 3, height, width)."""
        return self.start + nn.functional.interpolate(self.colours, self.size)


CANVASES.add("tiles", TilesCanvas)

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
outputs = clipart.Outputs(file=Path("tiles.png"), folder=None)
result = clipart.generate(
    "a fish", canvas="tiles", extras={"tiles": 32}, steps=steps, seed=1, outputs=outputs
)
print(result.paths["picture"])
