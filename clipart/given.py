"""Pictures that a program gives in memory, in place of a file: named by what they show, and found so."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from clipart.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

MARK = "image:"
_KEPT = 64  # pictures; the one that was longest not asked for goes first
_given: OrderedDict[str, Image] = OrderedDict()


def remember(picture: Image) -> str:
    """Keep `picture`, a PIL image, for this process, and return its name: `image:` and part of a hash."""
    shown = picture.convert("RGBA")
    digest = hashlib.sha256(f"{shown.size}".encode() + shown.tobytes()).hexdigest()
    name = f"{MARK}{digest[:16]}"
    _given[name] = shown
    _given.move_to_end(name)
    while len(_given) > _KEPT:
        _given.popitem(last=False)
    return name


def recall(name: str, option: str = "--init") -> Image:
    """Return the RGBA picture that `remember` named; `option` is what it was given for, for a message.

    Raises:
        UsageError: it was given in another process, or too many were given since.
    """
    if name not in _given:
        raise UsageError(
            f"{option} {name}: that picture was given in memory, by a program, and is gone. "
            f"Save it, and type {option} FILE."
        )
    _given.move_to_end(name)
    return _given[name]
