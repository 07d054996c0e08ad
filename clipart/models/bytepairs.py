"""CLIP's byte-pair tokens of a text, without torch: what a model reads is shown at once.

The vocabulary and its merges are those of "Learning Transferable Visual Models From Natural Language
Supervision" (arXiv 2103.00020), which open_clip ships as a file; byte-pair encoding of text is from arXiv
1508.07909. A test compares the tokens with open_clip's own.
"""

from __future__ import annotations

import gzip
import html
import re
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2  # lines after the first that are used
END = "</w>"  # at the end of a word's last token
SPECIAL = ("<start_of_text>", "<end_of_text>")


_SHOWN = (*range(33, 127), *range(161, 173), *range(174, 256))  # bytes that stand for themselves


@cache
def letters() -> tuple[str, ...]:
    """Return the printable letter that stands for each byte, 0 to 255."""
    others = iter(range(256, 512))
    return tuple(chr(byte if byte in _SHOWN else next(others)) for byte in range(256))


def vocabulary() -> Path | None:
    """Return the file of the merges in the installed open_clip, which is not imported; None without one."""
    found = find_spec("open_clip")
    folders = (found.submodule_search_locations if found else None) or []
    return next((path for folder in folders if (path := Path(folder) / VOCABULARY).is_file()), None)


@cache
def _ranks(path: Path) -> dict[tuple[str, str], int]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGES + 1]
    pairs = (line.split() for line in lines)
    return {(first, second): rank for rank, (first, second) in enumerate(pairs)}


@cache
def numbers(merges: Path) -> dict[str, int]:
    """Return the number of every token: letters, letters that end a word, merged pairs, the special two."""
    single = [letters()[byte] for byte in (*_SHOWN, *(each for each in range(256) if each not in _SHOWN))]
    merged = [first + second for first, second in _ranks(merges)]
    every = [*single, *(letter + END for letter in single), *merged, *SPECIAL]
    return {token: number for number, token in enumerate(every)}


@cache
def _words() -> re.Pattern[str]:
    import regex

    special = "|".join(SPECIAL)
    found: re.Pattern[str] = regex.compile(
        special + r"|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE
    )
    return found


def tokens(text: str, merges: Path) -> list[str]:
    """Return `text` in tokens, cleaned and in lower case, with the merges in a file of `vocabulary`."""
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    ranks, shown = _ranks(merges), letters()
    found: list[str] = []
    for word in _words().findall(" ".join(text.split()).lower()):
        if word in SPECIAL:
            found.append(word)
        else:
            found += _merged([shown[byte] for byte in word.encode()], ranks)
    return found


def _merged(pieces: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Merge the pieces of a word, always the pair of the lowest rank first, everywhere it stands."""
    pieces = [*pieces[:-1], pieces[-1] + END]
    while len(pieces) > 1:
        best = min(pairwise(pieces), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged: list[str] = []
        for piece in pieces:
            if merged and (merged[-1], piece) == best:
                merged[-1] += piece
            else:
                merged.append(piece)
        pieces = merged
    return pieces
