"""What `--until` asks for: a match in percent, or a cosine."""

from __future__ import annotations

import re
from typing import NamedTuple

from clipart.errors import UsageError

_TARGET = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(%?)\s*")


class Target(NamedTuple):
    """A score at which a run stops: `value` as a match in [0, 1] (`percent`) or as a cosine in [-1, 1]."""

    value: float
    percent: bool

    def __str__(self) -> str:
        """As it is typed: 80% or 0.31."""
        number = 100 * self.value if self.percent else self.value
        return f"{number:.12f}".rstrip("0").rstrip(".") + "%" * self.percent


def parse_target(text: str) -> Target:
    """Read `80%` (match) or `0.31` (cosine).

    Raises:
        UsageError: `text` is neither, or out of range.
    """
    found = _TARGET.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--until {text!r} is not a number. Type a match such as 80%, or a cosine such as 0.31."
        )
    value, percent = float(found[1]), bool(found[2])
    if percent and not 0 < value <= 100:
        raise UsageError(f"--until {text} is out of range: a match lies above 0% and up to 100%. Try 80%.")
    if not percent and not -1 <= value <= 1:
        raise UsageError(
            f"--until {text} is out of range: a cosine lies from -1 to 1. "
            f"Try 0.31, or {text}% if you meant a match."
        )
    return Target(value / 100 if percent else value, percent)
