"""Palettes: colours by their names, or those of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipart.errors import UsageError
from clipart.given import MARK, recall
from clipart.pictures import on_white, open_picture
from clipart.text import kept_name, real_name

_SIDE = 512  # pixels to which a picture is made smaller before its colours are counted
_ROUNDS = 5  # of k-means
_FEWEST = 2


def read_colour(text: str) -> str:
    """Return `text` if it is a colour.

    Raises:
        UsageError: it is none.
    """
    from PIL import ImageColor

    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise UsageError(f"{text[:60]!r} is no colour. Type a name such as white, or #rrggbb") from None
    return text


def is_file(text: str) -> bool:
    """Return whether an entry of a palette is the name of a file: it has a dot or a separator in it."""
    return "(" not in text and any(mark in text for mark in (".", "/", "\\"))


def read_palette(entries: Sequence[str]) -> tuple[str, ...]:
    """Return the entries of a palette: colours, or a single file.

    Raises:
        UsageError: an entry is neither, or there is a file among others.
    """
    files = [text for text in entries if is_file(text)]
    if files and len(entries) > 1:
        raise UsageError(f"--palette {files[0][:60]}: one picture, or colours by commas; not both.")
    return tuple(kept_name(text) if is_file(text) else read_colour(text) for text in entries)


def taken(palette: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return `palette` with at most `count` colours, as #rrggbb, in the place of a file, the commonest first.

    They are found by median cut and k-means (Pillow's `quantize`); transparent parts count as white.

    Raises:
        UsageError: the file is no picture, or has one colour only.
    """
    from PIL import Image

    if not palette or not is_file(palette[0]):
        return palette
    picture = on_white(open_picture(Path(real_name(palette[0])), "--palette"))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    few = picture.quantize(
        count, method=Image.Quantize.MEDIANCUT, kmeans=_ROUNDS, dither=Image.Dither.NONE
    ).convert("RGB")
    counted: list[Any] = few.getcolors(_SIDE * _SIDE) or []
    found = tuple("#" + bytes(colour).hex() for _, colour in sorted(counted, reverse=True))
    if len(found) < _FEWEST:
        raise UsageError(f"--palette {palette[0][:60]}: the picture has one colour. Two are needed.")
    return found


def edge_colour(name: str, option: str) -> str:
    """Return the median colour of the outermost pixels of a picture, as #rrggbb; a recipe keeps `name` so.

    Raises:
        UsageError: it is no picture; the message names it after `option`.
    """
    from PIL import Image

    given = recall(name) if name.startswith(MARK) else open_picture(Path(real_name(name)), option)
    picture = on_white(given).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    last = _SIDE - 1
    edge = [picture.getpixel(at) for k in range(_SIDE) for at in ((k, 0), (k, last), (0, k), (last, k))]
    return "#" + bytes(sorted(channel)[len(edge) // 2] for channel in zip(*edge, strict=True)).hex()
