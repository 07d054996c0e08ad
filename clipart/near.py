"""What a person may have meant by a name that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.6  # likeness of the letters from 0 to 1, as difflib measures it

MOST = 100  # characters of a name that are looked at


def nearest(name: str, known: Iterable[str], most: int = 1, cutoff: float = CUTOFF) -> list[str]:
    """Return at most `most` of the `known` names that are spelt like `name`, the likest first.

    Capital and small letters count as the same. `cutoff` is the least likeness, from 0 (any) to 1 (equal).
    """
    spelt = {each.lower(): each for each in known}
    return [spelt[each] for each in get_close_matches(name[:MOST].lower(), spelt, n=most, cutoff=cutoff)]


def did_you_mean(
    name: str, known: Iterable[str], most: int = 1, cutoff: float = CUTOFF, *, quoted: bool = False
) -> str:
    """Return " Did you mean A or B?" with the `nearest` names, or nothing if none is near.

    The space in front joins it to the sentence before. `quoted` puts the names into quotation marks.
    """
    found = [repr(each) if quoted else each for each in nearest(name, known, most, cutoff)]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def singular_forms(word: str) -> tuple[str, ...]:
    """Return an English word as it is, and as it would be without a plural's ending."""
    return word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)
