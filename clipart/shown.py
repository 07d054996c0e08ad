"""Pictures that are shown to a critic in place of words, or as a style: how they are typed, and their parts.

`FILE` or `FILE::WEIGHT`: the weight is that of a part of a prompt, and may be negative.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from clipart.errors import UsageError
from clipart.prompt import MAX_WEIGHT, Part, Prompt, parse
from clipart.template import MARK, filled
from clipart.text import kept_name, real_name
from clipart.values import number

KEY = "shown"  # of what is held of them, with a number
_WEIGHED = re.compile(r"(?P<name>.*?)\s*::\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+))?\s*", re.DOTALL)
_NAME_CHARACTERS = 60  # of a file's name, as a part is called


def read_shown(text: str) -> tuple[str, float]:
    """Return the name of a file, as a recipe keeps it, and its weight.

    Raises:
        UsageError: there is no name, or the weight is out of range.
    """
    found = _WEIGHED.fullmatch(text)
    name, weight = (found["name"], float(found["weight"] or 1)) if found else (text, 1.0)
    if not name.strip():
        raise UsageError(f"{text[:60]!r}: names no picture. Type FILE or FILE::WEIGHT, such as cat.png::0.5")
    if not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
        raise UsageError(f"{text[:60]}: weights go from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}. Type cat.png::0.5")
    return kept_name(name), weight


def write_shown(name: str, weight: float) -> str:
    """Return what `read_shown` reads."""
    return name if weight == 1 and not _WEIGHED.fullmatch(name) else f"{name}::{number(weight)}"


def canonical(text: str) -> str:
    """Return it as a recipe keeps it."""
    return write_shown(*read_shown(text))


def canonical_style(text: str) -> str:
    """Return it as a recipe keeps it, of a picture whose look is wanted.

    Raises:
        UsageError: as `read_shown`, or the weight is not above 0.
    """
    name, weight = read_shown(text)
    if weight <= 0:
        raise UsageError(
            f"{text[:60]}: the weight of a style is above 0, up to {MAX_WEIGHT:g}. Type cat.png::0.5"
        )
    return write_shown(name, weight)


def parts_of(prompt: str, no: Sequence[str], shown: Sequence[str], template: str = MARK) -> Prompt:
    """Return the parts of a prompt within `template`, and after them one for each picture that is shown.

    A prompt without words has the parts of its pictures only.
    """
    pictures = []
    for index, text in enumerate(shown):
        name, weight = read_shown(text)
        label = " ".join(Path(real_name(name)).name[:_NAME_CHARACTERS].split()) or "picture"
        pictures.append(Part(label.encode(errors="replace").decode(), weight, picture=f"{KEY}/{index}"))
    if pictures and not prompt.strip():
        avoided = parse("a", no=no).parts[1:]  # a prompt that is only to be avoided does not read by itself
        return Prompt((*avoided, *pictures))
    words = parse(prompt, no=no)
    if not pictures and template == MARK:
        return words
    return Prompt((*(filled(template, part) for part in words.parts), *pictures))
