"""The tokens that are shown are those that open_clip makes."""

from __future__ import annotations

import open_clip
import pytest
from open_clip.tokenizer import bytes_to_unicode

from clipart.models import bytepairs
from clipart.models.embedded import everyday_words

TEXTS = [
    "",
    " ",
    "an apple",
    "a RED apple, 3.14 & it's   they'll (bright!) don't",
    "été tårt Straße 你好 עברית 🍎🍏 caf&eacute; &amp;amp; schÃ¶n",
    "aaa aaaa aaaaaaaaa lalalala bananananana x" * 3,
    "<start_of_text> a <END_OF_TEXT> <end_of_text>x",
    "supercalifragilisticexpialidocious_under_score\tand\ttabs\nand lines",
    " ".join(everyday_words()),
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_tokens_are_those_of_open_clip(text: str) -> None:
    tokenizer = open_clip.SimpleTokenizer()
    merges = bytepairs.vocabulary()
    assert merges is not None
    assert bytepairs.tokens(text, merges) == [tokenizer.decoder[each] for each in tokenizer.encode(text)]


def test_numbers_are_those_of_open_clip() -> None:
    merges = bytepairs.vocabulary()
    assert merges is not None
    assert bytepairs.numbers(merges) == open_clip.SimpleTokenizer().encoder


def test_letters_are_those_of_open_clip() -> None:
    assert dict(enumerate(bytepairs.letters())) == bytes_to_unicode()
