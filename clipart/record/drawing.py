"""Lines and words on a page that is written as SVG or as PNG, and looks the same in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from clipart.record.caption import font

if TYPE_CHECKING:
    from PIL.Image import Image

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]
_SAMPLES = 2  # a side, for smooth edges in a PNG
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


@dataclass(frozen=True)
class Line:
    """A line through `points`, in pixels from the upper left."""

    points: Sequence[Point]
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Words:
    """A line of text whose baseline begins, has its middle or ends at `at`."""

    at: Point
    text: str
    size: int = 12
    colour: str = "#333333"
    anchor: Anchor = "start"


Mark = Line | Words


def to_svg(marks: Sequence[Mark], width: int, height: int) -> str:
    """Return the page as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans, Noto Sans, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for mark in marks:
        if isinstance(mark, Line):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in mark.points)
            stroke = f'stroke="{mark.colour}" stroke-width="{mark.width:g}"'
            lines.append(f'<polyline points="{points}" fill="none" {stroke}/>')
        else:
            x, y = mark.at
            lines.append(
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{mark.size}" fill="{mark.colour}" '
                f'text-anchor="{mark.anchor}">{escape(_plain(mark.text))}</text>'
            )
    return "\n".join([*lines, "</svg>", ""])


def to_picture(marks: Sequence[Mark], width: int, height: int) -> Image:
    """Return the page as a picture."""
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (width * _SAMPLES, height * _SAMPLES), "white")
    draw = ImageDraw.Draw(page)
    for mark in marks:
        if isinstance(mark, Line):
            points = [(x * _SAMPLES, y * _SAMPLES) for x, y in mark.points]
            if len(points) > 1:
                draw.line(points, mark.colour, round(mark.width * _SAMPLES), joint="curve")
        else:
            x, y = mark.at
            letters = font(mark.size * _SAMPLES)
            place = (x * _SAMPLES, y * _SAMPLES)
            draw.text(place, _plain(mark.text), mark.colour, letters, anchor=_ANCHORS[mark.anchor])
    return page.resize((width, height), Image.Resampling.LANCZOS)


def _plain(text: str) -> str:
    """Return `text` without what XML and fonts do not take."""
    return "".join(char for char in text if char.isprintable())
