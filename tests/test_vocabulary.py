"""Which words the embedded CLIP has met, and what is said of those that it has not."""

from __future__ import annotations

from typing import Any

import pytest

from clipart.cli import main
from clipart.cli.advice import strange
from clipart.critic.vocabulary import near_words, unknown_words
from clipart.prompt import parse


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a red apple", []),
        ("three apples, two berries on 2nd street", []),
        ("a waning gibbous moon", []),  # several tokens each, and in the captions
        ("Apfel", ["apfel"]),
        ("ein Haus, ein Haus", ["haus"]),
        ("a surreal quetzalcoatl", ["surreal", "quetzalcoatl"]),
        ("猫", ["猫"]),
        ("", []),
    ],
)
def test_words_that_are_not_known(text: str, unknown: list[str]) -> None:
    assert unknown_words("tiny", text) == unknown
    assert unknown_words("ViT-B-32/openai", text) == []


def test_words_that_are_spelt_alike() -> None:
    assert near_words("doggo") == ["dog"]
    assert near_words("xyzzy") == []


def test_what_is_said() -> None:
    prompt = parse("ein Haus:: a doggo:: Baum::-0.5")
    assert strange(prompt, ["tiny"]).endswith("'haus', 'doggo' (it knows English words); spelt alike: dog")
    assert "doggo" not in strange(prompt, ["tiny"], only="ein Haus")
    assert strange(prompt, ["tiny", "ViT-B-32/openai"]) == ""
    assert strange(parse("an apple"), ["tiny"]) == ""


def test_parse_says_so(capsys: Any) -> None:
    assert main(["parse", "Apfel"]) == 0
    assert "has not met 'apfel'" in capsys.readouterr().err
    assert main(["parse", "apple"]) == 0
    assert capsys.readouterr().err == ""
