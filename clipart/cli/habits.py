"""Notations that people bring along from other tools and that are plain text here: what to type instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from clipart.errors import shell_word

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_PIPES = re.compile(r"\s*\|\s*")
_ONE_COLON = re.compile(rf"(?<![:：\\]):\s*({_NUMBER})(?=\s*$)")
_COMMA = re.compile(rf"::({_NUMBER})[,;]\s*")
_BARE = re.compile(rf"(?<![:：\\(\[])\b([^\W\d][\w'-]*):({_NUMBER})(?=[\s,]|$)")
_FLAG = re.compile(r"(?<!\S)--([A-Za-z][\w-]*)")
_ANGLE = re.compile(r"<[\w-]+:[^<>]*>")


def _brackets_left_out(text: str) -> str:
    """Return `text` with what stands in brackets blanked out: there, one colon is right."""
    depth, shown = 0, []
    for char in text:
        depth += char in "(["
        shown.append(" " if depth else char)
        depth -= char in ")]" and depth > 0
    return "".join(shown)


def _piped(text: str) -> str:
    if "|" not in text or "::" in text:
        return ""
    parts = [part.strip() for part in _PIPES.split(text) if part.strip()]
    weighed = [_ONE_COLON.sub(r"::\1", part) for part in parts]
    meant = " ".join(part if "::" in part else f"{part}::" for part in weighed)
    return f"`|` is text here; parts are split by `::`, with the weight behind it: {shell_word(meant)}"


def _comma(text: str) -> str:
    found = _COMMA.search(text)
    if found is None:
        return ""
    meant = _COMMA.sub(r"::\1 ", text).strip()
    return f"`{found[1]}` is text here, since a weight is followed by a space: {shell_word(meant)}"


def _bare(text: str) -> str:
    found = None if "|" in text else _BARE.search(_brackets_left_out(text))
    if found is None:
        return ""
    word, number = found.groups()
    return (
        f"`{found[0]}` is text here; `({word}:{number})` stresses the word, and `{word}::{number}` is a part "
        "of that weight"
    )


def _flag(text: str) -> str:
    found = _FLAG.search(text)
    return f"`{found[0]}` stands in the quotes, so it is text; options stand outside them" if found else ""


def _angle(text: str) -> str:
    found = _ANGLE.search(text)
    return f"`{found[0][:40]}` is text here; there are no such additions" if found else ""


HABITS: tuple[Callable[[str], str], ...] = (_piped, _comma, _bare, _flag, _angle)


def habits(prompt: str) -> list[str]:
    """Return a hint for each notation of another tool in a prompt; the prompt is drawn as it is."""
    return [hint for hint in (habit(prompt) for habit in HABITS) if hint]
