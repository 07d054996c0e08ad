"""What is said of captions whose letters no font of this system has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipart.cli.sink import Sink

FONTS = "On Debian and Ubuntu: apt install fonts-noto-cjk fonts-symbola"


def warn_of_boxes(sink: Sink) -> None:
    """Say that some letters were drawn as boxes, and which packages have fonts with more letters."""
    sink.warn(f"some letters of the captions are boxes: no font here has them. {FONTS}")
