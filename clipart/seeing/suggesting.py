"""Words that are measured to be drawn well, near a word that somebody has in mind.

What was measured is in `models/drawn.txt`, which `bench/suggest.py` writes: how often the judge named the
pictures of a word that the embedded critic had drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from clipart import models
from clipart.errors import UsageError
from clipart.models.registry import default as default_model
from clipart.seeing.looking import looking, still

TABLE = Path(str(models.__file__)).parent / "drawn.txt"
RELIABLE = 60  # percent of match, at least, that a word has on average which is named every time
MOST_WORDS = 20  # of what is suggested for


@dataclass(frozen=True)
class Drawn:
    """How a word came out: in `first` of `tries` pictures it was named first; `match` is the mean, 0 to 1."""

    word: str
    first: int
    tries: int
    match: float


@dataclass(frozen=True)
class Suggested:
    """A word that was asked for, what is measured of it (None: nothing), and reliable words near it.

    `near` has the cosine of each word's text with the one asked for, -1 to 1, the nearest first.
    """

    word: str
    own: Drawn | None
    near: tuple[tuple[Drawn, float], ...]


@cache
def measured() -> Mapping[str, Drawn]:
    """Return what is measured, by the word."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.is_file() else []
    found = {}
    for line in lines:
        if not line.startswith("#"):
            word, first, tries, match = line.split("\t")
            found[word] = Drawn(word, int(first), int(tries), int(match) / 100)
    return found


def how() -> str:
    """Return how the table was made: machine, date, models, settings, seeds."""
    return TABLE.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def is_reliable(drawn: Drawn) -> bool:
    """Say whether a word is called reliable: named first every time, with a match of `RELIABLE` percent."""
    return drawn.first == drawn.tries and 100 * drawn.match >= RELIABLE


def suggest(words: str, *, most: int = 8) -> Suggested:
    """Return the words near `words` that the embedded critic is measured to draw reliably.

    Near is what the critic's own text side puts near, so for a word that it never met it is a guess.

    Raises:
        UsageError: there are no words, or more than `MOST_WORDS`.
    """
    text = " ".join(words.split())
    if not text or len(text.split()) > MOST_WORDS:
        raise UsageError(
            f'{len(text.split())} words: type 1 to {MOST_WORDS}, such as: clipart suggest "tart"'
        )
    known = [drawn for drawn in measured().values() if is_reliable(drawn) and drawn.word != text.lower()]
    with still():
        clip = looking(default_model("clip"))
        asked, *others = clip.encode_texts([text, *(drawn.word for drawn in known)])
        cosines = torch.stack(others) @ asked
        best = cosines.topk(min(most, len(known)))
    near = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return Suggested(text, measured().get(text.lower()), tuple((known[i], cosine) for i, cosine in near))
