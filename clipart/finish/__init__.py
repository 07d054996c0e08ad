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
        "sharpen": "clipart.finish.sharpen:sharpen",
        "paper": "clipart.finish.paper:paper",
        "crisp": "clipart.finish.crisp:crisp",
        "redraw": "clipart.finish.redraw:redraw",
        "contrast": "clipart.finish.contrast:contrast",
        "white-balance": "clipart.finish.white_balance:white_balance",
        "vignette": "clipart.finish.vignette:vignette",
        "border": "clipart.finish.border:border",
        "posterise": "clipart.finish.posterise:posterise",
        "mosaic": "clipart.finish.mosaic:mosaic",
        "stitch": "clipart.finish.stitch:stitch",
        "halftone": "clipart.finish.halftone:halftone",
        "lead": "clipart.finish.lead:lead",
        "lines": "clipart.finish.lines:lines",
        "blueprint": "clipart.finish.blueprint:blueprint",
        "chalk": "clipart.finish.chalk:chalk",
        "neon": "clipart.finish.neon:neon",
        "woodcut": "clipart.finish.woodcut:woodcut",
        "cutout": "clipart.finish.cutout:cutout",
        "trace": "clipart.finish.trace:trace",
    },
)
# Of steps that leave a file beside the picture: from the finished one, (3 or 4, H, W), and the step's
# numbers, to bytes by the ending of the file's name.
LEAVES: Table[Callable[..., dict[str, bytes]]] = Table(
    "file of a finish step", "clipart.leaves", {"trace": "clipart.finish.trace:leaf"}
)
