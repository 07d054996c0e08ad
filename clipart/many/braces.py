r"""Several prompts in one: `a {red, green} apple` is "a red apple" and "a green apple".

The notation is Midjourney's (permutation prompts). Braces may stand inside braces. `\{`, `\}` and `\,` are
literal: a brace, and a comma that separates nothing; outside of braces a comma is a comma anyway.

>>> choices(r"a {red, {pale, dark} green} apple \{1\}")
['a red apple {1}', 'a pale green apple {1}', 'a dark green apple {1}']
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import product

from clipart import limits
from clipart.errors import UsageError
from clipart.prompt_error import PromptError

Group = tuple[list["Sequence"], int]  # the alternatives between two braces, and where the first is
Sequence = list["str | Group"]  # texts and groups, one after another
_MARK = re.compile(r"\\[{},]|[{},]|[^\\{},]+|\\")


def choices(prompt: str) -> list[str]:
    """Return the prompts that `prompt` asks for, each once, in order; the last braces change first.

    Raises:
        PromptError: a brace without its partner, or braces too deep in one another.
        UsageError: they are more than `clipart.limits.PICTURES`.
    """
    marks = [(found[0], found.start()) for found in _MARK.finditer(prompt)]
    tree = _sequence(prompt, iter([*marks, ("", len(prompt))]), 0, None)[0]
    require_few(_count(tree))
    return list(dict.fromkeys(" ".join(text.split()) for text in _expand(tree)))


def require_few(count: int) -> None:
    """Refuse more pictures than are made at once.

    Raises:
        UsageError: naming the number and the limit.
    """
    if count > limits.PICTURES:
        shown = f"{count:,}" if count < 10**12 else "more than a million million"
        raise UsageError(
            f"These are {shown} pictures; at most {limits.PICTURES:,} are made at once. "
            "Take fewer alternatives, seeds or values."
        )


def _sequence(
    prompt: str, marks: Iterator[tuple[str, int]], depth: int, opened: int | None
) -> tuple[Sequence, str, int]:
    """Return what stands up to the next comma or brace that closes, and that, and where it is."""
    found: Sequence = []
    for mark, at in marks:
        if mark == "{":
            if depth == limits.CHOICES_DEPTH:
                raise PromptError(f"braces inside braces, more than {limits.CHOICES_DEPTH} deep", prompt, at)
            found.append(_group(prompt, marks, depth + 1, at))
        elif mark in ("", "}") or (mark == "," and opened is not None):
            if mark == "}" and opened is None:
                raise PromptError(r"a } without its {; a brace that is meant is typed \}", prompt, at)
            if not mark and opened is not None:
                raise PromptError(r"a { without its }; a brace that is meant is typed \{", prompt, opened)
            return found, mark, at
        else:
            found.append(mark[1:] if len(mark) == 2 and mark[0] == "\\" else mark)
    return found, "", len(prompt)


def _group(prompt: str, marks: Iterator[tuple[str, int]], depth: int, at: int) -> Group:
    alternatives, end = [], ","
    while end == ",":
        found, end, _ = _sequence(prompt, marks, depth, at)
        alternatives.append(found)
    return alternatives, at


def _count(tree: Sequence) -> int:
    return math.prod(sum(map(_count, each[0])) for each in tree if not isinstance(each, str))


def _expand(tree: Sequence) -> Iterator[str]:
    options = [
        [each] if isinstance(each, str) else [t.strip() for a in each[0] for t in _expand(a)] for each in tree
    ]
    for found in product(*options):
        yield "".join(found)
