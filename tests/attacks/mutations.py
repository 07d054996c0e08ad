"""Files broken by chance, from whole ones: cut, overwritten, doubled, with bits turned or words exchanged."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_NUMBERS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
# What takes the place of a word, number or quoted text in a file of text.
_WORDS = (
    *(b"1e999", b"-1", b"0", b"99999999999999999999", b"1e-400", b"NaN", b"null", b"true", b"[]", b"{}"),
    *(
        b'""',
        b'"\\u0000"',
        b'"\\ud800"',
        b'"' + b"x" * 20_000 + b'"',
        b"[" * 2000,
        b'{"a":' * 2000,
        b"9" * 5000,
    ),
    *(
        b"\xff",
        b"\x1b[2J",
        b"\xc2\x85",
        b"1970-01-01",
        b"0x" + b"f" * 5000,
        b"'",
        b'"',
        b"\n",
        b"inf",
        b"a.b.c",
    ),
)
_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"|[\w.+-]+|\S')


def mutated(files: dict[str, bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield `count` broken files with their names, made of `files` in turn."""
    chance, names = random.Random(seed), sorted(files)  # noqa: S311 (no secret)
    for number in range(count):
        name = names[number % len(names)]
        whole = files[name]
        if is_text(whole) and chance.random() < 0.7:
            yield name, exchanged(whole, chance)
        else:
            yield name, damaged(whole, chance)


def is_text(data: bytes) -> bool:
    return b"\0" not in data and data[:1].isascii() and data[:1].decode().isprintable()


def exchanged(whole: bytes, chance: random.Random) -> bytes:
    """Return a text with some of its words, numbers and marks exchanged for others."""
    words = list(_WORD.finditer(whole))
    data = whole
    for found in sorted(
        chance.sample(words, min(len(words), chance.choice((1, 1, 2, 5)))), key=lambda w: -w.start()
    ):
        other = chance.choice((*_WORDS, chance.choice(words)[0]))
        data = data[: found.start()] + other + data[found.end() :]
    return data


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """Return a file with bytes lost, overwritten, doubled or turned; half of the time near its beginning."""
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(max(1, len(data) if chance.random() < 0.5 else min(len(data), 400)))
        match chance.randrange(7):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 4] = chance.choice(_NUMBERS)
            case 2:
                data[at:at] = data[at : at + chance.randrange(64)]
            case 3:
                del data[at : at + chance.randrange(16)]
            case _ if data:
                data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
    return bytes(data)
