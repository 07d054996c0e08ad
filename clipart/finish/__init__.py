"""What happens to a picture after the last step. This is the table of finish steps; it imports no torch.

A step is a function from an image, (3, H, W) RGB in [0, 1], and at most two numbers to an image, in a module
of its own, and an entry here. A recipe's `finish` is a chain of their names; `clipart.finish.chain` runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from clipart.tables import Table

if TYPE_CHECKING:
    from torch import Tensor

FINISHES: Table[Callable[..., Tensor]] = Table(
    "finish step",
    "clipart.finishes",
    {
        "clean": "clipart.finish.clean:clean",
        "flat": "clipart.finish.flat:flat",
        "upscale": "clipart.finish.enlarge:enlarge",
    },
)
