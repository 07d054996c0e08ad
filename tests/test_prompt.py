"""The prompt grammar: examples, the tables of docs/prompts.md, and properties that hold for any text."""

from __future__ import annotations

import math
import pickle
import re
import time
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from clipart.prompt import MAX_DEPTH, MAX_LENGTH, Part, Prompt, PromptError, Span, parse

DOCS = Path(__file__).parents[1] / "docs" / "prompts.md"


def pairs(text: str) -> list[tuple[str, float]]:
    return [(part.text, part.weight) for part in parse(text).parts]


def emphasised(text: str) -> list[tuple[str, float]]:
    (part,) = parse(text).parts
    return [(part.text[span.start : span.end], span.weight) for span in part.spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apple tart", [("apple tart", 1)]),
        ("apple:: tart::", [("apple", 1), ("tart", 1)]),
        ("apple::tart", [("apple", 1), ("tart", 1)]),
        ("apple::2 tart", [("apple", 2), ("tart", 1)]),
        ("apple::2\ttart::.5", [("apple", 2), ("tart", 0.5)]),
        ("apple::+2. tart::-0.25", [("apple", 2), ("tart", -0.25)]),
        ("apple::2 tart::0", [("apple", 2), ("tart", 0)]),
        ("apple::0.1 pear::0.2 tart::-0.29", [("apple", 0.1), ("pear", 0.2), ("tart", -0.29)]),
        # A number that is not right after `::`, or that something follows, is text.
        ("apple:: 2", [("apple", 1), ("2", 1)]),
        ("apple::2nd", [("apple", 1), ("2nd", 1)]),
        ("apple::2, tart", [("apple", 1), ("2, tart", 1)]),
        ("apple::2::3", [("apple", 1), ("2", 3)]),
        ("apple::1e1", [("apple", 1), ("1e1", 1)]),
        ("apple::inf", [("apple", 1), ("inf", 1)]),
        ("apple::nan", [("apple", 1), ("nan", 1)]),
        ("apple::-", [("apple", 1), ("-", 1)]),
        ("apple::.", [("apple", 1), (".", 1)]),
        ("apple::1.2.3", [("apple", 1), ("1.2.3", 1)]),
        ("apple::٣", [("apple", 1), ("٣", 1)]),
        ("2:: apple", [("2", 1), ("apple", 1)]),
        # Empty parts without a weight are dropped.
        (":: apple :: :: tart ::::", [("apple", 1), ("tart", 1)]),
        ("() apple:: []", [("apple", 1)]),
        # Colons and escapes.
        (r"C\::D", [("C::D", 1)]),
        (r"std\::2 lib", [("std::2 lib", 1)]),
        ("a:::b", [("a", 1), (":b", 1)]),
        (r"a\:::b", [("a:::b", 1)]),
        (r"a\::::2 b", [("a::", 2), ("b", 1)]),
        (r"a\\::2 b", [("a\\", 2), ("b", 1)]),
        ("12:30 : noon", [("12:30 : noon", 1)]),
        (r"\(a\) \[b\] \\ \n \: c\ ", [("(a) [b] \\ \\n \\: c\\", 1)]),
        (" two \n\t words\u3000here\u00a0 ", [("two words here", 1)]),
        ("猫::2 犬", [("猫", 2), ("犬", 1)]),
    ],
)
def test_parts(text: str, expected: list[tuple[str, float]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "clean", "expected"),
    [
        ("a (red) apple", "a red apple", [("red", 1.1)]),
        ("a ((red)) apple", "a red apple", [("red", 1.21)]),
        ("a [red] apple", "a red apple", [("red", 0.909091)]),
        ("a [[red]] apple", "a red apple", [("red", 0.826446)]),
        ("a (red:1.5) apple", "a red apple", [("red", 1.5)]),
        ("a ( red : 1.5 ) apple", "a red apple", [("red", 1.5)]),
        ("a (red:0) apple", "a red apple", [("red", 0)]),
        ("((red:1.5) apple:2)", "red apple", [("red", 3), ("apple", 2)]),
        ("([red]) apple", "red apple", []),
        ("(red:1) apple", "red apple", []),
        ("(a (b) c)", "a b c", [("a", 1.1), ("b", 1.21), ("c", 1.1)]),
        ("(red) (apple)", "red apple", [("red", 1.1), ("apple", 1.1)]),
        ("(red apple)", "red apple", [("red apple", 1.1)]),
        ("(pine)(apple)s", "pineapples", [("pineapple", 1.1)]),
        ("(pine)[apple]s", "pineapples", [("pine", 1.1), ("apple", 0.909091)]),
        (r"(\(red\)) apple", "(red) apple", [("(red)", 1.1)]),
        ("a (16:9:2) b", "a 16:9 b", [("16:9", 2)]),
        ("a (b: c) d", "a b: c d", [("b: c", 1.1)]),
        ("a (b:2nd) d", "a b:2nd d", [("b:2nd", 1.1)]),
        ("a (b: :2)c", "a b:c", [("b:", 2)]),
        (r"a (b\::2) c", "a b::2 c", [("b::2", 1.1)]),
        ("a (b:10) c", "a b c", [("b", 10)]),
    ],
)
def test_emphasis(text: str, clean: str, expected: list[tuple[str, float]]) -> None:
    assert parse(text).parts[0].text == clean
    assert emphasised(text) == expected


def test_emphases_give_the_text_without_each_span() -> None:
    (part,) = parse("a (red:1.5) apple on [straw]").parts
    assert part.emphases() == (("a apple on straw", 1.5), ("a red apple on", 0.909091))


def test_emphasis_of_a_whole_part_has_nothing_to_compare_with() -> None:
    (part,) = parse("(apple:3)").parts
    assert part.text == "apple"
    assert part.spans == (Span(0, 5, 3),)  # kept, so that a caller can say that it does nothing
    assert part.emphases() == ()


@pytest.mark.parametrize(
    ("text", "culprit", "says"),
    [
        ("", 0, "no text"),
        (" :: () ", 0, "no text"),
        ("::2 apple", 2, "no text before it; write `apple::2`"),
        ("apple:: ::2", 10, "the weight 2 has no text before it"),
        ("apple:: ()::1", 12, "the weight 1 has no text before it"),
        ("apple::0", 7, "sum to 0 "),
        ("pear:: apple::-1", 14, "such as `pear::1.5`"),
        ("apple::0.1 pear::0.2 tart::-0.3", 27, "sum to 0 "),
        ("apple::100.1 tart", 7, "weights go from -100 to 100"),
        ("apple::-101 tart", 7, "the weight -101"),
        ("apple::" + 400 * "9", 7, "the weight 9999"),
        ("a (red apple", 2, r"add `)`, or write `\(`"),
        ("a [red (apple)", 2, r"add `]`, or write `\[`"),
        ("apple :)", 7, r"write `\)` if it is text"),
        ("a (red] apple", 6, "as `(` is open"),
        ("a (red::1.5) apple", 6, "cannot stand inside brackets"),
        ("a (red:: apple", 6, "cannot stand inside brackets"),
        ("a (red:11) apple", 7, "emphasis goes from 0 to 10"),
        ("a (red:-1) apple", 7, "`word::-0.5` as a part"),
        ("at (12:30)", 7, "`(12:30:1.1)` if the number is text"),
        ("a [red:0.5] apple", 7, "write `(word:0.5)`"),
        ("a (:1.5) apple", 4, "the emphasis 1.5 has no text before it"),
        ("a ((red:4):4) apple", 3, "multiplies to 16 is out of range"),
        ("a\x1b[31m", 1, "U+001B"),
        ("a\udcff", 1, "U+DCFF"),
        (25 * "(" + "a" + 25 * ")", 24, "more than 24 deep"),
        (10_000 * "[", 24, "more than 24 deep"),
        (10_001 * "a", 10_000, "10,001 characters long; at most 10,000"),
        (2_500 * "(a) ", 9_999, "written in full; at most 10,000"),
    ],
)
def test_errors_point_at_the_culprit(text: str, culprit: int, says: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text)
    assert (caught.value.text, caught.value.position) == (text, culprit)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "caret"),
    [
        ("apple )", "  apple )\n        ^"),
        ("猫 )", "  猫 )\n     ^"),
        ("cafe\u0301 )", "  cafe\u0301 )\n       ^"),
        ("a\n\tb )", "  a  b )\n       ^"),
        ("a\x07", "  a\ufffd\n   ^"),
    ],
)
def test_caret_stands_under_the_culprit(text: str, caret: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text)
    assert str(caught.value).split("\n", 1)[1] == caret


def test_caret_of_a_long_text_stays_on_the_line() -> None:
    with pytest.raises(PromptError) as caught:
        parse(500 * "word " + ")" + 500 * " word")
    _, line, caret = str(caught.value).split("\n")
    assert len(line) < 80
    assert line.startswith("  …")
    assert line.endswith("…")
    assert line[len(caret) - 1] == ")"


def test_error_survives_pickling() -> None:
    error = PromptError("reason", "a )", 2)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def test_no_adds_parts_of_weight_minus_a_half() -> None:
    prompt = parse("apple::3 tart", no=["blur", "a (red:2) frame"])
    assert [(part.text, part.weight) for part in prompt.parts] == [
        ("apple", 3),
        ("tart", 1),
        ("blur", -0.5),
        ("a red frame", -0.5),
    ]
    assert prompt.parts[3].emphases() == (("a frame", 2),)
    assert str(prompt) == "apple::3 tart:: blur::-0.5 a (red:2) frame::-0.5"


def test_one_text_for_no_is_one_text() -> None:
    assert parse("apple", no="blur") == parse("apple", no=["blur"])


@pytest.mark.parametrize(
    ("no", "culprit", "says"),
    [("a:: b", 1, "use --no once for each text"), ("", 0, "no text"), ("a )", 2, "closes nothing")],
)
def test_errors_in_no_point_into_it(no: str, culprit: int, says: str) -> None:
    with pytest.raises(PromptError, match="in --no: ") as caught:
        parse("apple", no=["fine", no])
    assert (caught.value.text, caught.value.position) == (no, culprit)
    assert says in str(caught.value)


def test_no_counts_in_the_sum() -> None:
    with pytest.raises(PromptError, match=re.escape("such as `apple::1.5`")):
        parse("apple", no=["blur", "frame"])
    parse("apple::1.5", no=["blur", "frame"])


@pytest.mark.parametrize(
    ("text", "weight", "spans"),
    [
        ("", 1, ()),
        (" apple", 1, ()),
        ("red  apple", 1, ()),
        ("red\napple", 1, ()),
        ("red\x00apple", 1, ()),
        ("apple", math.nan, ()),
        ("apple", math.inf, ()),
        ("apple", -100.5, ()),
        ("red apple", 1, (Span(0, 4, 2),)),
        ("red apple", 1, (Span(4, 10, 2),)),
        ("red apple", 1, (Span(-3, 9, 2),)),
        ("red apple", 1, (Span(3, 3, 2),)),
        ("red apple", 1, (Span(0, 3, -1),)),
        ("red apple", 1, (Span(0, 3, math.nan),)),
        ("red apple", 1, (Span(0, 3, 2), Span(1, 9, 3))),
        ("red apple", 1, (Span(0, 2, 2), Span(2, 3, 2))),
    ],
)
def test_a_part_that_cannot_be_written_is_refused(text: str, weight: float, spans: tuple[Span, ...]) -> None:
    with pytest.raises(PromptError) as caught:
        Part(text, weight, spans)
    assert 0 <= caught.value.position < max(1, len(text))


def test_a_part_is_brought_into_one_form() -> None:
    part = Part("red apple", 1 / 3, (Span(4, 9, 2), Span(0, 1, 3), Span(1, 3, 1)))
    assert part == Part("red apple", 0.333333, (Span(0, 1, 3), Span(4, 9, 2)))


@pytest.mark.parametrize("parts", [(), (Part("apple", -1),), (Part("a" * MAX_LENGTH), Part("b"))])
def test_a_prompt_that_cannot_be_read_back_is_refused(parts: tuple[Part, ...]) -> None:
    with pytest.raises(PromptError):
        Prompt(parts)


@pytest.mark.parametrize(
    "text",
    ["(", "[(", "a::", "(a:1.5)", ":1 ", ":", "\\", " ", "\\::", "(a", "::1", "a:: ", "1", "(:"],
)
def test_long_texts_are_read_in_linear_time(text: str) -> None:
    start = time.process_time()
    for long in (text * (MAX_LENGTH // len(text)), "a:" + text * (MAX_LENGTH // len(text) - 1) + ")"):
        try:
            parse(long)
        except PromptError as error:
            assert 0 <= error.position < len(long)  # noqa: PT017
    assert time.process_time() - start < 2


# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Text that is likely to be taken for notation, in any order.
MARKS = ["::", ":", "\\", "(", ")", "[", "]", " ", "  ", "\n", "2", "-1", ".5", "+", "1e3", "inf"]
MARKS += ["(a:2)", "[b]", "::3 ", "::-1", "\\::", "apple", "猫", "e\u0301", "\u200d", "\u00a0", "\x1b"]
nasty = st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=24).map("".join)
anything = nasty | st.text() | st.text(st.characters(codec=None), max_size=12)
numbers = st.one_of(
    st.sampled_from([0.0, 1.0, 1.1, 1 / 1.1, 2.0, 1e-6, 1e-9]), st.floats(0, 10, allow_nan=False)
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    readable = (c for c in draw(nasty) if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    text = " ".join("".join(readable).split())
    assume(text)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans: list[Span] = []
    for start, end in pairwise(cuts):
        span = Span(start, end, draw(numbers))
        touches = spans and spans[-1].end == start and spans[-1].weight == span.weight
        if text[start:end] == text[start:end].strip() and not touches:
            spans.append(span)
    return Part(text, draw(st.floats(-100, 100) | numbers), tuple(spans))


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    drawn = draw(st.lists(parts(), min_size=1, max_size=5))
    assume(sum(part.weight for part in drawn) > 1e-3)
    return Prompt(tuple(drawn))


@pytest.mark.parametrize(
    ("text", "written"),
    [("a:", "a:"), ("a: ::2", "a: ::2"), ("a:: b::-0", "a:: b::0"), ("a::1.50", "a::1.5")],
)
def test_the_written_form_is_tidy(text: str, written: str) -> None:
    assert str(parse(text)) == written


def test_shares_keep_the_sign() -> None:
    assert parse("apple::3 tart::-1 pear::0").shares() == (0.75, -0.25, 0)


@patient
@given(prompts())
@example(Prompt((Part("a:"), Part("::", 2), Part(":", 3, (Span(0, 1, 2),)), Part("\\"))))
@example(Prompt((Part("a"), Part("2"), Part("-3", -0.5), Part("(:1.5)", 1, (Span(0, 6, 2),)))))
def test_what_is_written_reads_back(prompt: Prompt) -> None:
    assert parse(str(prompt)) == prompt


@settings(patient, max_examples=30)
@given(prompts())
def test_shares_are_relative(prompt: Prompt) -> None:
    shares = prompt.shares()
    assert math.fsum(map(abs, shares)) == pytest.approx(1)
    total = math.fsum(abs(part.weight) for part in prompt.parts)
    for part, share in zip(prompt.parts, shares, strict=True):
        assert share * total == pytest.approx(part.weight)


@settings(patient, max_examples=400)
@given(anything, st.lists(anything, max_size=2))
def test_any_text_is_read_or_refused_with_a_place(text: str, no: list[str]) -> None:
    try:
        prompt = parse(text, no=no)
    except PromptError as error:
        assert error.text in (text, *no)  # noqa: PT017
        assert 0 <= error.position < max(1, len(error.text))  # noqa: PT017
        str(error).encode()
        assert str(error).endswith("^") or not error.text  # noqa: PT017
    else:
        assert parse(str(prompt)) == prompt
        assert all(part.text == " ".join(part.text.split()) for part in prompt.parts)


@patient
@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\:()[]"), min_size=1))
def test_text_without_marks_is_itself(text: str) -> None:
    assert parse(text).parts == (Part(text),)


@patient
@given(st.integers(0, MAX_DEPTH), st.integers(0, MAX_DEPTH))
def test_nesting_multiplies(up: int, down: int) -> None:
    assume(up + down <= MAX_DEPTH)
    (part,) = parse("(" * up + "[" * down + "a" + "]" * down + ")" * up + " b").parts
    expected = round(1.1 ** (up - down), 6)
    assert [span.weight for span in part.spans] == ([] if up == down else [pytest.approx(expected)])


def table(heading: str) -> list[list[str]]:
    """The code in each cell of the table under a heading of the manual, empty where it has none."""
    section = DOCS.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    found = [[re.findall(r"`(.*?)`(?=[ ,]|$)", c.strip()) for c in row.split("|")[1:-1]] for row in rows]
    assert len(found) > 5
    return [[cell[0] if cell else "" for cell in row] for row in found]


def test_the_examples_of_the_manual() -> None:
    for typed, full in ((row[0], row[-1]) for row in table("Examples")):
        assert str(parse(typed)) == full, typed


def test_the_errors_of_the_manual() -> None:
    for typed, write in ((row[0], row[-1]) for row in table("What is an error")):
        with pytest.raises(PromptError):
            parse(typed)
        if write:
            parse(write)
