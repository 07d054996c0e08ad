"""What is said of a prompt that cannot be read: the reason, the line, and a mark under the character."""

from __future__ import annotations

import re
import unicodedata

from clipart.errors import UsageError
from clipart.text import FORBIDDEN

UNREADABLE = FORBIDDEN


class PromptError(UsageError):
    """A prompt that cannot be read. ``str(error)`` is the reason, the line and a caret under the culprit.

    ``text`` is what was being read; ``position`` is the culprit's index in it, 0 where it is empty.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        super().__init__(reason, text, position)
        self.reason, self.text, self.position = reason, text, position

    def __str__(self) -> str:
        return f"{self.reason}\n{_caret(self.text, self.position)}" if self.text else self.reason


def _caret(text: str, position: int, before: int = 40, after: int = 30) -> str:
    """The text around a position on one line, and a caret under it, counted in terminal columns."""
    shown = re.sub(r"\s", " ", UNREADABLE.sub("\ufffd", text))
    start, end = max(0, position - before), position + after
    left = ("…" if start else "") + shown[start:position]
    line = left + shown[position:end] + ("…" if end < len(shown) else "")
    return f"  {line.rstrip()}\n  {' ' * _columns(left)}^"


def _columns(text: str) -> int:
    spacing = (c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in spacing)
