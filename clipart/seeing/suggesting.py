"""Words that are measured to be drawn well, near a word that somebody has in mind.

What was measured is in `models/drawn.txt`, which `bench/suggest.py` writes: how often the judge named the
pictures of a word that the embedded critic had drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean

from clipart import models
from clipart.errors import UsageError
from clipart.models.registry import default as default_model
from clipart.seeing.looking import looking, still

TABLE = Path(str(models.__file__)).parent / "drawn.txt"
RELIABLE = 60  # percent of match, at least, that a word has on average which is named every time
NEAR = 0.4  # a cosine; words below it have little to do with the one asked for
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

    `near` has the cosine of each word's text with the one asked for, -1 to 1, the nearest first: the mean of
    what critic and judge say.
    """

    word: str
    own: Drawn | None
    near: tuple[tuple[Drawn, float], ...]


@cache
def measured() -> Mapping[str, Drawn]:
    """Return what is measured, by the word.

    Raises:
        UsageError: the table is not there.
    """
    if not TABLE.is_file():
        raise UsageError(f"{TABLE} is not there. Install clipart anew, or make it: python bench/suggest.py")
    lines, found = TABLE.read_text(encoding="utf-8").splitlines(), {}
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

    Near is what the text sides of the critic and of its judge put near, on average: one alone has words near
    that only look alike to it. For a word that they never met it is a guess. Words below `NEAR` are left out.

    Raises:
        UsageError: there are no words, or more than `MOST_WORDS`, or `most` is below 1.
    """
    text = " ".join(words.split())
    if not text or len(text.split()) > MOST_WORDS:
        raise UsageError(
            f'{len(text.split())} words: type 1 to {MOST_WORDS}, such as: clipart suggest "tart"'
        )
    if most < 1:
        raise UsageError(f"most = {most}: from 1.")
    known = [drawn for drawn in measured().values() if is_reliable(drawn) and drawn.word != text.lower()]
    with still():
        clips = [looking(default_model("clip")), looking()]
        texts = [clip.encode_texts([text, *(drawn.word for drawn in known)]) for clip in clips]
        cosines = [fmean(each) for each in zip(*((own @ own[0]).tolist()[1:] for own in texts), strict=True)]
    near = sorted(zip(known, cosines, strict=True), key=lambda pair: -pair[1])
    near = [pair for pair in near if pair[1] >= NEAR]
    return Suggested(text, measured().get(text.lower()), tuple(near[:most]))
