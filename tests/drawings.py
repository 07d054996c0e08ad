"""Plain drawings that the embedded models know: a sun and a mushroom, for tests of what they see."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw


def sun(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    """A golden disc with twelve rays."""
    for k in range(12):
        angle = k * math.pi / 6
        tip = (x + 1.7 * radius * math.cos(angle), y + 1.7 * radius * math.sin(angle))
        draw.line((x, y, *tip), fill="orange", width=5)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill="gold", outline="orange", width=3)


def mushroom(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    """A red cap with white spots on a pale stem."""
    draw.rectangle((x - radius * 0.3, y, x + radius * 0.3, y + radius), fill="wheat")
    draw.pieslice((x - radius, y - radius, x + radius, y + radius), 180, 360, fill="red")
    for dx, dy in ((-0.4, -0.4), (0.3, -0.5), (0, -0.25)):
        spot = (x + dx * radius, y + dy * radius)
        draw.ellipse((spot[0] - 5, spot[1] - 5, spot[0] + 5, spot[1] + 5), fill="white")


def draw_all(folder: Path) -> dict[str, Path]:
    """Write `sun.png`, `mushroom.png`, and `both.png` with the sun on the left, into `folder`."""
    found = {}
    for name, width, things in (
        ("sun", 128, [(sun, 64, 64, 30)]),
        ("mushroom", 128, [(mushroom, 64, 64, 45)]),
        ("both", 256, [(sun, 64, 64, 30), (mushroom, 192, 64, 45)]),
    ):
        picture = Image.new("RGB", (width, 128), "white")
        for draw, *where in things:
            draw(ImageDraw.Draw(picture), *where)
        found[name] = folder / f"{name}.png"
        picture.save(found[name])
    return found
