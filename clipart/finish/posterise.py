"""A picture in few colours."""

from __future__ import annotations

from typing import Annotated

from PIL import Image
from torch import Tensor

from clipart.finish.chain import Range
from clipart.pictures import from_pil, to_pil


def posterise(image: Tensor, colours: Annotated[float, Range(2, 64)] = 6) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], in at most `colours` colours.

    They are found by Pillow's median cut, then k-means.
    """
    few = to_pil(image).quantize(
        int(colours), method=Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE
    )
    return from_pil(few.convert("RGB")).to(image)
