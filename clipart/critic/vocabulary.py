"""Which words an embedded CLIP has met in training, and which everyday words are spelt like another word.

The text side of an embedded CLIP learned English words from names and captions of drawings. Tokens that it
never met have rows of zeros in its embedding table. A longer word is read as several tokens, met or not;
those of the captions are in a list (`training/met.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from clipart.models import embedded
from clipart.models.tokens import token_numbers
from clipart.near import nearest, singular_forms

SPELT_LIKE = 0.75  # likeness of letters, from 0 to 1, from which a word is named as near


def unknown_words(clip: str, text: str) -> list[str]:
    """Return the words of `text` that the CLIP called `clip` has not met in training, each once.

    Of a CLIP that is not embedded nothing is known, and nothing is returned. Words with a digit are
    left out, and those of one or two letters of ASCII.
    """
    if clip not in embedded.NAMES:
        return []
    words = dict.fromkeys(word for word in words_of(text) if len(word) > 2 or not word.isascii())
    return [word for word in words if not _common() & {*singular_forms(word)} and not _met(clip, word)]


def unknown_to_all(clips: Sequence[str], text: str) -> list[str]:
    """Return the words of `text` that none of the CLIPs called `clips` has met."""
    of_each = [unknown_words(clip, text) for clip in clips]
    return [word for word in of_each[0] if all(word in words for words in of_each)] if of_each else []


def near_words(word: str, most: int = 3) -> list[str]:
    """Return at most `most` everyday words that are spelt like `word`, the likest first."""
    return nearest(word, embedded.everyday_words(), most, SPELT_LIKE)


def words_of(text: str) -> list[str]:
    """Return the words of `text` in small letters, without those that have a digit."""
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if not any(char.isdigit() for char in word)]


@cache
def _common() -> frozenset[str]:
    """Return the everyday words, and the words of the training captions that are several tokens."""
    texts = (*embedded.everyday_words(), *embedded.split_words())
    return frozenset(word for text in texts for word in words_of(text))


def _met(clip: str, word: str) -> bool:
    numbers = token_numbers(clip, word)
    return len(numbers) == 1 and numbers[0] in _known_tokens(clip)


@cache
def _known_tokens(clip: str) -> frozenset[int]:
    from safetensors import safe_open

    with safe_open(embedded.weights(clip), "numpy") as file:
        table = file.get_tensor("token_embedding.weight")
    return frozenset((table != 0).any(axis=1).nonzero()[0].tolist())
