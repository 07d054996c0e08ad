r"""The prompt: weighted parts, with emphasis inside a part, in one notation that can be written back.

Two habits that people bring with them are one grammar here (``docs/prompts.md`` has it in full):

- Midjourney's multi-prompts: ``::`` splits a prompt into parts, and a number right after it weighs
  the part before it. ``apple::2 tart::`` is (apple, 2) and (tart, 1).
- AUTOMATIC1111's emphasis: brackets inside a part turn words up and down. ``a (red:1.5) apple``.

``parse`` reads it, ``str(prompt)`` writes it, and ``parse(str(p)) == p`` for every prompt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from clipart.prompt_error import UNREADABLE, PromptError
from clipart.text import code_point

MAX_LENGTH = 10_000  # characters of a prompt, as typed and as written back
MAX_DEPTH = 24  # brackets inside brackets; 24 round ones multiply to 9.8, one more passes MAX_EMPHASIS
MAX_WEIGHT = 100.0  # of a part, either sign
MAX_EMPHASIS = 10.0  # of a span, after nesting has multiplied
NO_WEIGHT = -0.5  # of a part that comes from --no
STEP = 1.1  # what one bracket multiplies or divides by
DECIMALS = 6  # weights are rounded to this, so 1.1 * 1.1 is 1.21 and sums are exact

_NUMBER = r"[+-]?(?:[0-9０-９]+(?:\.[0-9０-９]*)?|\.[0-9０-９]+)"
_TOKEN = re.compile(
    rf"""\\(?P<literal>[:：]{{2}}|[()\[\]\\])
    | (?P<split>[:：]{{2}})(?P<weight>{_NUMBER}(?=\s|\Z))?
    | (?P<open>[(\[])
    | (?P<close>(?::\s*(?P<factor>{_NUMBER})\s*)?(?P<bracket>[)\]]))
    | (?P<space>\s+)
    | (?P<plain>[^\\:：()\[\]\s]+|[\\:：])""",
    re.VERBOSE,
)
_PAIRS = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Span:
    """An emphasised piece of a part: ``part.text[start:end]`` counts ``weight`` times (0 to 10)."""

    start: int
    end: int
    weight: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _rounded(self.weight))


@dataclass(frozen=True, slots=True)
class Part:
    """One sub-prompt: the clean text that CLIP sees, its weight (-100 to 100), and its emphasis.

    ``text`` has no marks and no escapes, and single spaces between its words. A weight of 0 is
    allowed: such a part is scored and reported, and pulls at nothing. ``spans`` are in order, do not
    overlap, and neither begin nor end with a space; those of weight 1 are dropped, and two that touch
    have different weights. Weights are rounded to six decimals. Anything else raises ``PromptError``.
    ``picture`` is empty for words; of a part that is a picture, it is the key of what is held of it
    (``clipart.shown``), and ``text`` is the name of its file. ``typed`` is empty, or what the text was before
    a template was put around it.
    """

    text: str
    weight: float = 1.0
    spans: tuple[Span, ...] = ()
    picture: str = ""
    typed: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _rounded(self.weight))
        spans = sorted((s for s in self.spans if s.weight != 1), key=lambda s: s.start)
        object.__setattr__(self, "spans", tuple(spans))
        _check_characters(self.text)
        if not self.text or self.text != " ".join(self.text.split()):
            reason = "a part is words with single spaces between them; strip and collapse its text"
            raise PromptError(reason, self.text, 0)
        if not -MAX_WEIGHT <= self.weight <= MAX_WEIGHT:
            raise PromptError(_weight_range(str(self.weight)), self.text, 0)
        self._check_spans()

    def _check_spans(self) -> None:
        last = Span(0, 0, math.nan)
        for span in self.spans:
            piece = self.text[span.start : span.end]
            if not 0 <= span.start < span.end <= len(self.text) or piece != piece.strip():
                reason = f"{span} does not mark words of the part; start and end it at a word"
            elif not 0 <= span.weight <= MAX_EMPHASIS:
                reason = _emphasis_range(str(span.weight))
            elif span.start < last.end or (span.start == last.end and span.weight == last.weight):
                reason = f"{last} and {span} overlap or continue each other; make them one span"
            else:
                last = span
                continue
            raise PromptError(reason, self.text, min(max(span.start, 0), len(self.text) - 1))

    def emphases(self) -> tuple[tuple[str, float], ...]:
        """For each span, the part's text without it, and the span's weight w.

        The embedder computes ``normalise(e_full + sum((w - 1) * (e_full - e_without)))`` from these.
        A span that is the whole part leaves nothing to compare with and is left out: ``(apple)`` is
        ``apple``, whatever its emphasis; to make a whole part count more, weigh it (``apple::1.5``).
        """
        rests = ((self.text[: s.start] + self.text[s.end :], s.weight) for s in self.spans)
        return tuple((" ".join(rest.split()), weight) for rest, weight in rests if rest)

    def __str__(self) -> str:
        """The part in the prompt's notation, escaped, without its own weight."""
        pieces: list[str] = []
        end = 0
        for span in self.spans:
            pieces.append(_escape(self.text[end : span.start]))
            inner = _before_colon(_escape(self.text[span.start : span.end]))
            pieces.append(f"({inner}:{_number(span.weight)})")
            end = span.end
        return "".join(pieces) + _escape(self.text[end:])


@dataclass(frozen=True, slots=True)
class Prompt:
    """One or more parts whose weights sum to more than 0; ``str(prompt)`` is text that parses to it."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        written = str(self)
        _check_sum(self.parts, written, 0)
        if len(written) > MAX_LENGTH:
            raise PromptError(_too_long(len(written), "written in full"), written, MAX_LENGTH)

    def shares(self) -> tuple[float, ...]:
        """Each part's w / sum|w|: the sign is kept and the absolute values sum to 1."""
        total = math.fsum(abs(part.weight) for part in self.parts)
        return tuple(part.weight / total for part in self.parts)

    def __str__(self) -> str:
        """The prompt in its own notation, every weight but 1 written as a number."""
        weights = ("" if part.weight == 1 else _number(part.weight) for part in self.parts)
        texts = (_before_colon(str(part)) for part in self.parts)
        written = " ".join(f"{t}::{w}" for t, w in zip(texts, weights, strict=True))
        return written.removesuffix("::").rstrip()


def numbered(texts: Sequence[str]) -> list[str]:
    """Return the texts as names of their own: of "apple" three times, "apple", "apple 2" and "apple 3"."""
    counts: dict[str, int] = {}
    names = []
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
        names.append(text if counts[text] == 1 else f"{text} {counts[text]}")
    return names


def parse(text: str, *, no: Sequence[str] = ()) -> Prompt:
    r"""Read a prompt: parts split by ``::`` (Midjourney), emphasis by brackets (AUTOMATIC1111).

    A number right after ``::`` and followed by whitespace or the end weighs the part before it, from
    -100 to 100; without one the weight is 1. ``(word)`` has emphasis 1.1, ``[word]`` 1/1.1,
    ``(word:1.5)`` 1.5, from 0 to 10, and nesting multiplies, at most 24 deep.
    ``\:: \( \) \[ \] \\`` are literal. At most 10,000 characters.

    Each text in ``no`` (``--no`` and ``--negative`` on the command line) adds one part of weight -0.5.
    It may carry emphasis; ``::`` in it is an error, as its weight is given.

    Raises ``PromptError``, which points at the character, for brackets that do not pair, a weight
    with no text before it or out of range, weights that sum to 0 or less, control characters, a
    prompt with no text, and one that is too long.
    """
    found = list(_Reader(text).parts())
    if not found:
        raise PromptError("the prompt has no text; say what to draw, such as `apple`", text, 0)
    parts = [part for part, _ in found]
    parts += [_read_no(each) for each in ((no,) if isinstance(no, str) else no)]
    _, lowest = min(found, key=lambda pair: pair[0].weight)
    _check_sum(parts, text, lowest)
    try:
        return Prompt(tuple(parts))
    except PromptError as error:  # too long when written in full
        raise PromptError(error.reason, text, len(text) - 1) from None


def _read_no(text: str) -> Part:
    try:
        found = list(_Reader(text, splits=False).parts())
        if not found:
            raise PromptError("there is no text; name what to avoid, such as `blur`", text, 0)
    except PromptError as error:
        raise PromptError(f"in --no: {error.reason}", text, error.position) from None
    return replace(found[0][0], weight=NO_WEIGHT)


@dataclass(slots=True)
class _Group:
    """A pair of brackets, or the part itself, which is group 0 of every part."""

    bracket: str
    position: int
    parent: int = 0
    factor: float = 1.0


class _Reader:
    """One pass over the tokens of a text. It keeps its own stack, so depth costs no recursion."""

    def __init__(self, text: str, *, splits: bool = True) -> None:
        self.text, self.splits = text, splits
        self._begin()

    def _begin(self) -> None:
        self.groups = [_Group("", 0)]
        self.stack = [0]  # the indices of the groups that are open
        self.fragments: list[tuple[str, int]] = []  # words or whitespace, and their group

    def parts(self) -> Iterator[tuple[Part, int]]:
        """Each part, and where its weight stands, or 0 if it has none."""
        if len(self.text) > MAX_LENGTH:
            raise PromptError(_too_long(len(self.text), "long"), self.text, MAX_LENGTH)
        _check_characters(self.text)
        for token in _TOKEN.finditer(self.text):
            if token["split"]:
                yield from self._split(token)
            elif token["open"]:
                self._open(token)
            elif token["close"]:
                self._close(token)
            else:
                self.fragments.append((token["literal"] or token[0], self.stack[-1]))
        if len(self.stack) > 1:
            group = self.groups[self.stack[-1]]
            bracket, close = group.bracket, _PAIRS[group.bracket]
            reason = f"`{bracket}` is never closed; add `{close}`, or write `\\{bracket}` if it is text"
            raise PromptError(reason, self.text, group.position)
        if part := self._part(1.0):
            yield part, 0

    def _split(self, token: re.Match[str]) -> Iterator[tuple[Part, int]]:
        if not self.splits:
            reason = r"`::` cannot split it; use --no once for each text, or write `\::` if it is text"
            raise PromptError(reason, self.text, token.start())
        if len(self.stack) > 1:
            reason = "`::` splits the prompt, so it cannot stand inside brackets; an emphasis has one colon,"
            reason += r" as in `(word:1.5)`; or close the bracket first, or write `\::` if it is text"
            raise PromptError(reason, self.text, token.start())
        number, position = token["weight"], max(token.start("weight"), 0)
        weight = float(number or 1)
        if not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
            raise PromptError(_weight_range(number), self.text, position)
        if part := self._part(weight):
            yield part, position
        elif number:
            raise PromptError(_weighs_nothing("weight", number, "apple::{}"), self.text, position)
        self._begin()

    def _open(self, token: re.Match[str]) -> None:
        if len(self.stack) > MAX_DEPTH:
            reason = f"brackets are nested more than {MAX_DEPTH} deep; write `(word:1.5)`"
            raise PromptError(reason, self.text, token.start())
        self.groups.append(_Group(token["open"], token.start(), self.stack[-1]))
        self.stack.append(len(self.groups) - 1)

    def _close(self, token: re.Match[str]) -> None:
        index = self.stack[-1]
        group, bracket, number = self.groups[index], token["bracket"], token["factor"]
        if _PAIRS.get(group.bracket) != bracket:
            what = f"`{group.bracket}` is open" if group.bracket else "no bracket is open"
            reason = f"`{bracket}` closes nothing, as {what}; write `\\{bracket}` if it is text"
            raise PromptError(reason, self.text, token.start("bracket"))
        if number is None:
            group.factor = STEP if bracket == ")" else 1 / STEP
        else:
            self._emphasise(token, group, index)
        self.stack.pop()

    def _emphasise(self, token: re.Match[str], group: _Group, index: int) -> None:
        number, position = token["factor"], token.start("factor")
        typed = _short(self.text[group.position + 1 : token.start("bracket")])
        if group.bracket == "[":
            reason = f"`[` takes no number; write `(word:{_short(number)})` for an emphasis,"
            raise PromptError(f"{reason} or `({typed}:0.909)` if the number is text", self.text, position)
        if not 0 <= float(number) <= MAX_EMPHASIS:
            reason = f"{_emphasis_range(number)}, or `({typed}:1.1)` if the number is text"
            raise PromptError(reason, self.text, position)
        # Groups opened after this one, and still before its end, are inside it.
        if not any(i >= index and not words.isspace() for words, i in reversed(self.fragments)):
            raise PromptError(_weighs_nothing("emphasis", number, "(apple:{})"), self.text, position)
        # The notation owns a space before its colon: `(a: :2)` ends in a colon, `(a::2)` would split.
        if self.fragments[-1][0].isspace():
            self.fragments.pop()
        group.factor = float(number)

    def _part(self, weight: float) -> Part | None:
        """The part made of the fragments read so far, or None where they hold no words."""
        runs: list[tuple[str, float]] = []  # longest pieces of one emphasis
        emphases = self._multiply()
        for fragment, index in self.fragments:
            if fragment.isspace():
                if not runs or runs[-1][0].endswith(" "):
                    continue
                fragment = " "
            if runs and runs[-1][1] == emphases[index]:
                runs[-1] = (runs[-1][0] + fragment, runs[-1][1])
            else:
                runs.append((fragment, emphases[index]))
        spans: list[Span] = []
        offset = 0
        for run, emphasis in runs:
            start = offset + len(run) - len(run.lstrip())
            offset += len(run)
            if emphasis != 1 and run.strip():
                spans.append(Span(start, start + len(run.strip()), emphasis))
        text = "".join(run for run, _ in runs).rstrip()
        return Part(text, weight, tuple(spans)) if text else None

    def _multiply(self) -> list[float]:
        products: list[float] = []
        for group in self.groups:  # a parent always stands before its children
            products.append(group.factor * (products[group.parent] if products else 1))
            if products[-1] > MAX_EMPHASIS + 10**-DECIMALS:
                reason = _emphasis_range(_number(products[-1]), "an emphasis that nesting multiplies to")
                raise PromptError(reason, self.text, group.position)
        return [min(_rounded(product), MAX_EMPHASIS) for product in products]


def _check_characters(text: str) -> None:
    if found := UNREADABLE.search(text):
        code = code_point(found[0])
        raise PromptError(f"{code} is a control character or broken UTF-8; delete it", text, found.start())


def _check_sum(parts: Sequence[Part], text: str, position: int) -> None:
    total = sum(round(part.weight * 10**DECIMALS) for part in parts) / 10**DECIMALS
    if total > 0:
        return
    wanted = max([*parts, Part("apple", 0)], key=lambda part: part.weight)
    enough = _number(min(wanted.weight - total + 0.5, MAX_WEIGHT))
    reason = f"the weights sum to {_number(total)} and must sum to more than 0 (--no counts {NO_WEIGHT});"
    reason += f" give what you want more weight, such as `{_short(str(wanted))}::{enough}`"
    raise PromptError(reason, text, position)


def _too_long(length: int, how: str) -> str:
    return f"the prompt is {length:,} characters {how}; at most {MAX_LENGTH:,}: shorten it"


def _weighs_nothing(what: str, number: str, example: str) -> str:
    number = _short(number)
    return f"the {what} {number} has no text before it; write `{example.format(number)}`, or delete it"


def _weight_range(number: str) -> str:
    span = f"from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
    return f"the weight {_short(number)} is out of range; weights go {span}: write `::2` or `::-0.5`"


def _emphasis_range(number: str, what: str = "the emphasis") -> str:
    hint = f"out of range; emphasis goes from 0 to {MAX_EMPHASIS:g}: write `(word:1.5)`"
    return f"{what} {_short(number)} is {hint}, or `word::-0.5` as a part to steer away from a word"


def _rounded(weight: float) -> float:
    return round(float(weight), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0


def _number(weight: float) -> str:
    return f"{weight:.{DECIMALS}f}".rstrip("0").rstrip(".")


def _escape(text: str) -> str:
    return re.sub(r"[()\[\]\\]|[:：]{2}", r"\\\g<0>", text)


def _before_colon(written: str) -> str:
    """Keep a text's last colon apart from the notation's colon that follows it."""
    return written + " " if written.endswith((":", "：")) else written


def _short(text: str, most: int = 24) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
