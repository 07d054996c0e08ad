"""What may be given in place of a recipe's own values: a path, a PIL image, one for several, a size."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from clipart import limits
from clipart.errors import UsageError
from clipart.given import remember

_SIZE = re.compile(r"(\d{1,6})(?:\s*[xX×*]\s*(\d{1,6}))?")


def one_or_more(value: Any) -> Any:
    """Return a text or a model that stands alone as a tuple of one; anything else as it is."""
    return value if isinstance(value, (list, tuple)) or not _stands_alone(value) else (value,)


def _stands_alone(value: Any) -> bool:
    # a ModelSpec has a kind
    return isinstance(value, (str, os.PathLike)) or hasattr(value, "kind") or _is_picture(value)


def _is_picture(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("mode", "size", "convert", "tobytes"))


def place(value: Any) -> Any:
    """Return the path of a path object as text, and the name of a PIL image, which is kept in memory."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if _is_picture(value):
        return remember(value)
    return value


def number(value: Any) -> str:
    """Return a number, or a text, as a text without an exponent."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        return str(value)
    return f"{float(value):.12f}".rstrip("0").rstrip(".")


def require_few(values: Mapping[str, Any]) -> None:
    """Refuse more settings, of a recipe or of a stage, than a recipe can have, before each is looked at.

    Raises:
        UsageError: there are more than `clipart.limits.SETTINGS`.
    """
    stages = values.get("stages")
    tables = [values, *(stages if isinstance(stages, (list, tuple)) else ())]
    most = max((len(each) for each in tables if isinstance(each, Mapping)), default=0)
    if most > limits.SETTINGS or len(tables) > limits.SETTINGS:
        raise UsageError(f"{max(most, len(tables)):,} settings; a recipe has at most {limits.SETTINGS}.")


def sized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with `width` and `height` in place of `size`: 512, "512x384" or (512, 384).

    Raises:
        UsageError: it is none of these, or a side is given twice.
    """
    found = dict(values)
    size = found.pop("size", None)
    if size is None:
        return found
    if found.get("width") is not None or found.get("height") is not None:
        raise UsageError("size is the width and the height. Give either size, or width and height.")
    read = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if read is not None:
        sides: tuple[Any, ...] = (int(read[1]), int(read[2] or read[1]))
    else:
        sides = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
    if (isinstance(size, str) and read is None) or len(sides) != 2:
        raise UsageError(f"size = {size!r}: give 512, (512, 384) or '512x384', width before height.")
    return found | dict(zip(("width", "height"), sides, strict=True))
