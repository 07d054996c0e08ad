"""SVG of a canvas that is made of shapes or strokes."""

from __future__ import annotations

import base64
import io
import re

import torch
from torch import Tensor

from clipart.pictures import to_pil

_PLAIN = 1e-3  # standard deviation of the ground up to which it is one colour


class Svg:
    """Collects paths; lengths come in parts of the short side, from the middle of the picture.

    Args:
        ground: (1, 3, any, any) RGB: the paper, or a picture that is put into the file.
        height, width: of the picture, in pixels.
    """

    def __init__(self, ground: Tensor, height: int, width: int) -> None:
        self.height, self.width, self.short = height, width, min(height, width)
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">',
            self._ground(ground),
        ]

    def _ground(self, ground: Tensor) -> str:
        size = f'width="{self.width}" height="{self.height}"'
        if float(ground.flatten(2).std(dim=2).max()) < _PLAIN:
            return f'<rect {size} fill="{_hex(ground.mean(dim=(0, 2, 3)))}"/>'
        return f'<image {size} href="data:image/png;base64,{_encoded(ground)}"/>'

    def curve(self, points: Tensor, colour: Tensor, opacity: float, width: float) -> None:
        """Add a quadratic Bezier curve through three `points`, (3, 2), with round ends."""
        (ax, ay), (bx, by), (cx, cy) = (self._at(point) for point in points.tolist())
        self.lines.append(
            f'<path d="M{ax} {ay}Q{bx} {by} {cx} {cy}" fill="none" stroke="{_hex(colour)}" '
            f'stroke-opacity="{opacity:.4g}" stroke-width="{width * self.short:.5g}" stroke-linecap="round"/>'
        )

    def outline(self, points: Tensor, colour: Tensor, opacity: float) -> None:
        """Add a filled polygon with `points`, (n, 2)."""
        path = "L".join(f"{x} {y}" for x, y in (self._at(point) for point in points.tolist()))
        self.lines.append(f'<path d="M{path}Z" fill="{_hex(colour)}" fill-opacity="{opacity:.4g}"/>')

    def _at(self, point: list[float]) -> tuple[str, str]:
        x, y = point
        return f"{self.width / 2 + x * self.short:.6g}", f"{self.height / 2 + y * self.short:.6g}"

    def encode(self) -> bytes:
        """Return the file."""
        return "\n".join([*self.lines, "</svg>", ""]).encode()


def size_of(svg: bytes) -> tuple[int, int]:
    """Return (height, width) in pixels of what `Svg.encode` made."""
    width, height = re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg.decode())[0]
    return int(height), int(width)


def cut_out(svg: bytes, alpha: Tensor) -> bytes:
    """Return what `Svg.encode` made with `alpha`, (1, 1, height, width) in [0, 1], as its mask."""
    head, *lines, end = svg.decode().rstrip().split("\n")
    height, width = size_of(svg)
    data = _encoded(torch.cat([torch.ones_like(alpha).expand(-1, 3, -1, -1), alpha], dim=1))
    image = f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/>'
    mask = f'<mask id="alpha" mask-type="alpha">{image}</mask>'
    return "\n".join([head, mask, '<g mask="url(#alpha)">', *lines, "</g>", end, ""]).encode()


def _encoded(image: Tensor) -> str:
    """Return `image`, (1, 3 or 4, height, width), as PNG in base 64."""
    buffer = io.BytesIO()
    to_pil(image[0].clamp(0, 1)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def mirrored(svg: bytes, *, both: bool) -> bytes:
    """Return what `Svg.encode` made with its left half mirrored, or if `both` its upper left quarter."""
    head, *lines, end = svg.decode().rstrip().split("\n")
    height, width = size_of(svg)
    part = f'width="{width / 2:g}" height="{height / 2 if both else height:g}"'
    turns = [f"-1 0 0 1 {width:g} 0"]
    turns += [f"1 0 0 -1 0 {height:g}", f"-1 0 0 -1 {width:g} {height:g}"] if both else []
    copies = [f'<use href="#part" transform="matrix({turn})"/>' for turn in turns]
    clip = f'<clipPath id="half"><rect {part}/></clipPath>'
    return "\n".join(
        [head, clip, '<g id="part" clip-path="url(#half)">', *lines, "</g>", *copies, end, ""]
    ).encode()


def _hex(colour: Tensor) -> str:
    return "#" + "".join(f"{round(255 * value):02x}" for value in colour.detach().clamp(0, 1).tolist())
