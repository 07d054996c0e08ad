"""The template: words around each wanted part of a prompt, such as `{prompt}, linocut print`.

It is written in the notation of a part, so its words may have emphasis. `docs/prompts.md` has the rule.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from clipart.errors import UsageError
from clipart.prompt import Part, Span, parse

MARK = "{prompt}"  # stands for the part
_EXAMPLE = f'Type for example --template "{MARK}, linocut print"'


def read_template(text: str) -> str:
    """Check a template.

    Raises:
        UsageError: it has no `{prompt}`, or more than one; or it is no single part without a weight.
    """
    _read(text)
    return text


def filled(template: str, part: Part) -> Part:
    """Return `part` with the words of `template` around its own, its weight kept.

    A part that is a picture, or that pushes away, is as it was. Emphasis around `{prompt}` multiplies that in
    the part.

    Raises:
        UsageError: as `read_template`; or an emphasis multiplies to more than is allowed.
    """
    if template == MARK or part.picture or part.weight < 0:
        return part
    around = _read(template)
    before, _, after = around.text.partition(MARK)
    weights, end = _weights(around), len(before) + len(MARK)
    inner = [weights[len(before)] * weight for weight in _weights(part)]
    weights = [*weights[: len(before)], *inner, *weights[end:]]
    text = f"{before}{part.text}{after}"
    return replace(part, text=text, spans=tuple(_spans(text, weights)), typed=part.text)


def _read(template: str) -> Part:
    count = template.count(MARK)
    if count != 1:
        said = f"has no {MARK}, which stands for each part" if count == 0 else f"has {MARK} {count} times"
        raise UsageError(f"--template {template[:60]!r}: {said}. {_EXAMPLE}.")
    parts = parse(template).parts
    if len(parts) != 1 or parts[0].weight != 1 or MARK not in parts[0].text:
        raise UsageError(
            f"--template {template[:60]!r}: is put around each part, which keeps its own weight, so it is "
            f"one part without a weight. {_EXAMPLE}."
        )
    return parts[0]


def _weights(part: Part) -> list[float]:
    """Return the emphasis of every character of a part."""
    found = [1.0] * len(part.text)
    for span in part.spans:
        found[span.start : span.end] = [span.weight] * (span.end - span.start)
    return found


def _spans(text: str, weights: list[float]) -> list[Span]:
    """Return the longest stretches of words with one emphasis other than 1."""
    found, start = [], 0
    for weight, run in groupby(weights):
        piece = text[start : start + len(list(run))]
        first = start + len(piece) - len(piece.lstrip())
        start += len(piece)
        if weight != 1 and piece.strip():
            found.append(Span(first, first + len(piece.strip()), weight))
    return found
