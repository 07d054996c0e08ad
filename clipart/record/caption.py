"""A line of text below a picture: what it is of on the left, the step on the right."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAPER, INK = 16, 235  # luma of the strip and of the letters
GREY = 128  # chroma of no colour
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf")  # know more scripts than Pillow's own


def caption(planes: NDArray[Any], left: str, right: str) -> NDArray[Any]:
    """Return `planes`, (3, H, W) uint8 in yuv444p, with a strip of text below: (3, H + strip, W)."""
    import numpy as np

    _, height, width = planes.shape
    strip = np.full((3, strip_height(height, width), width), GREY, np.uint8)
    strip[0] = _line(left, right, width, strip.shape[1])
    return np.concatenate([planes, strip], axis=1)


def strip_height(height: int, width: int) -> int:
    """Return how many pixels high the strip below a picture is; an even number."""
    return 2 * max(8, round(min(height, width) / 28))


@cache
def font(size: int) -> Any:
    """Return a font of `size` pixels: one of the system's that knows many scripts, or Pillow's own."""
    from PIL import ImageFont

    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def shortened(text: str, width: float, letters: Any) -> str:
    """Return `text`, or as much of its beginning as is at most `width` pixels wide."""
    text = " ".join(text.split())[:500]
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..." if text else ""


def _line(left: str, right: str, width: int, height: int) -> NDArray[Any]:
    import numpy as np
    from PIL import Image, ImageDraw

    image = Image.new("L", (width, height), PAPER)
    draw, letters, gap = ImageDraw.Draw(image), font(round(height * 0.6)), height // 3
    room = width - 2 * gap
    used = letters.getlength(right) + gap
    if used > room / 2:  # too narrow for both
        right, used = "", 0
    draw.text((gap, height / 2), shortened(left, room - used, letters), INK, letters, anchor="lm")
    draw.text((width - gap, height / 2), right, INK, letters, anchor="rm")
    return np.asarray(image)
