"""A line of text below a picture: what it is of on the left, the step on the right."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAPER, INK = 16, 235  # luma of the strip and of the letters
GREY = 128  # chroma of no colour
LATIN = 0x17F  # the last letter that every font here has
# Of Chinese, Japanese and Korean, of Arabic, Hebrew, Hindi and Thai, and of signs, as Linux, macOS and
# Windows call them.
_OF_OTHER_SCRIPTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "msgothic.ttc",
    "malgun.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "Symbola.ttf",
    "seguisym.ttf",
    "NotoEmoji-Regular.ttf",
)
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
def font(size: int, text: str = "") -> Any:
    """Return a font of `size` pixels: one of the system's that has all letters of `text`, or Pillow's own.

    Where none has them all it is the first that there is; `lacking` says so.
    """
    found = _fonts(size)
    return next((each for each in found if not _missing(each, text)), found[0])


def lacking(texts: Iterable[str]) -> bool:
    """Say whether some letter of `texts` is in no font of this system, so that it is drawn as a box."""
    return any(_missing(font(16, text), text) for text in texts)


@cache
def _fonts(size: int) -> list[Any]:
    from PIL import ImageFont

    found = []
    for name in (*_FONTS, *_OF_OTHER_SCRIPTS):
        with suppress(OSError):
            found.append(ImageFont.truetype(name, size))
    return [*found, ImageFont.load_default(size)]


def _missing(letters: Any, text: str) -> bool:
    """Say whether a font has no picture of some letter: it draws what it draws for one that nobody has."""
    nobody = letters.getmask("\U0010fffd")
    box = (nobody.size, bytes(nobody))
    drawn = {char for char in text if ord(char) > LATIN and char.isprintable() and not char.isspace()}
    for char in drawn:
        mask = letters.getmask(char)
        if (mask.size, bytes(mask)) == box:
            return True
    return False


def shortened(text: str, width: float, letters: Any) -> str:
    """Return `text`, or as much of its beginning as is at most `width` pixels wide."""
    text = " ".join(text.split())[:500]
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..." if text else ""


def broken(text: str, width: float, letters: Any, most: int) -> str:
    """Return `text` in at most `most` lines of at most `width` pixels, the last one shortened."""
    lines: list[str] = []
    rest = text.split()[:500]
    while rest and len(lines) < most - 1:
        fits = next((n for n in range(len(rest), 1, -1) if letters.getlength(" ".join(rest[:n])) <= width), 1)
        lines.append(shortened(" ".join(rest[:fits]), width, letters))
        rest = rest[fits:]
    return "\n".join([*lines, *([shortened(" ".join(rest), width, letters)] if rest else [])])


def _line(left: str, right: str, width: int, height: int) -> NDArray[Any]:
    import numpy as np
    from PIL import Image, ImageDraw

    image = Image.new("L", (width, height), PAPER)
    draw, letters, gap = ImageDraw.Draw(image), font(round(height * 0.6), left), height // 3
    room = width - 2 * gap
    used = letters.getlength(right) + gap
    if used > room / 2:  # too narrow for both
        right, used = "", 0
    draw.text((gap, height / 2), shortened(left, room - used, letters), INK, letters, anchor="lm")
    draw.text((width - gap, height / 2), right, INK, letters, anchor="rm")
    return np.asarray(image)
