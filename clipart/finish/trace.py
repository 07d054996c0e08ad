"""A picture traced to an SVG."""

from __future__ import annotations

import io
from typing import Annotated

from torch import Tensor

from clipart.errors import UsageError
from clipart.finish.chain import WITH_ALPHA, Range
from clipart.pictures import to_pil

try:
    import vtracer
except ImportError:
    raise UsageError('--finish trace needs the package vtracer. Type: pip install "clipart[trace]"') from None


def trace(
    image: Annotated[Tensor, WITH_ALPHA],
    colours: Annotated[float, Range(1, 8)] = 6,
    speckle: Annotated[float, Range(0, 64)] = 4,
) -> Tensor:
    """Return `image` as it is; `leaf` is what the step leaves beside the picture."""
    return image


def leaf(image: Tensor, colours: float = 6, speckle: float = 4) -> dict[str, bytes]:
    """Return `image`, (3 or 4, H, W) in [0, 1], as an SVG of filled curves by VTracer, as ".svg".

    `colours` are the bits that tell one colour of a channel from another, 1 to 8; patches of less than
    `speckle` pixels a side are left out.
    """
    buffer = io.BytesIO()
    to_pil(image).convert("RGBA").save(buffer, "PNG")
    text = vtracer.convert_raw_image_to_svg(
        buffer.getvalue(),
        img_format="png",
        colormode="color",
        hierarchical="stacked",
        mode="spline",
        filter_speckle=round(speckle),
        color_precision=round(colours),
    )
    return {".svg": str(text).encode()}
