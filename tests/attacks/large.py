"""Small files that ask for much work, or for a file of their own choice."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.attacks.recipe_files import chunk, itxt, ours, png

DEEP = 300_000
PRIME = 2**61 - 1  # Python's hash of a whole number is what is left after dividing by this


def texts() -> dict[str, bytes]:
    """Pictures that are costly to look through for their recipe; by file name."""
    packed = zlib.compress(b" " * 1_000_000, 9)
    once = itxt(ours())
    return {
        "same.png": png(*[chunk(b"zTXt", b"parameters\0\0" + packed)] * 4000),
        "others.png": png(*[chunk(b"zTXt", b"other\0\0" + packed)] * 4000),
        "long.png": png(*[chunk(b"tEXt", b"other\0" + b" " * 900_000)] * 20),
        "honest-and-same.png": png(once, *[chunk(b"zTXt", b"clipart\0\0" + packed)] * 900),
    }


def toml() -> dict[str, str]:
    """Recipes and presets that are costly to read; by file name."""
    return {
        "keys.toml": "".join(f"key{n} = 1\n" for n in range(95_000)),
        "stage-keys.toml": '[[stages]]\nname = "a"\nshare = 1\n'
        + "".join(f"k{n} = 1\n" for n in range(80_000)),
        "clips.toml": 'clip = ["tiny"' + ', "tiny"' * 60_000 + "]\n",
        "stages.toml": '[[stages]]\nname = "a"\nshare = 1\n' * 20_000,
        "extras.toml": "[extras]\n" + "".join(f"k{n} = 1\n" for n in range(80_000)),
        "left.toml": 'left = ["judge"' + ', "judge"' * 60_000 + "]\n",
        "long.toml": f'paper = "{"x" * 900_000}"\n',
        "device.toml": 'device = "cuda:99999999999999999999"\n',
        "number.toml": f"steps = 0x{'f' * 20_000}\n",
    }


def chained(folder: Path, count: int) -> Path:
    """Write presets of which each extends the next, and return the first."""
    for number in range(count):
        (folder / f"p{number}.toml").write_text(f'extends = "p{number + 1}.toml"\n')
    (folder / f"p{count}.toml").write_text("steps = 5\n")
    return folder / "p0.toml"


def yaml() -> dict[str, str]:
    return {
        "flow.yaml": "[" * 30_000,
        "maps.yaml": "{a: " * 15_000,
        "blocks.yaml": "".join(f"{' ' * n}a:\n" for n in range(300)),
        "alias.yaml": "a: &a [1]\nb: [*a, *a]\n",
    }


def archive(pickled: bytes) -> bytes:
    """A checkpoint of torch's with this program in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a/data.pkl", pickled)
        packed.writestr("a/version", "3\n")
        packed.writestr("a/byteorder", "little")
    return file.getvalue()


def pickles() -> dict[str, bytes]:
    """Programs of pickles that end Python, or keep it busy; by name."""
    whole = b"".join(b"\x8a\x0c" + (PRIME * n).to_bytes(12, "little") + b"K\x01" for n in range(1, 3000))
    minus = (b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff")  # -1 and -2 have one hash
    same = b"".join(
        b"(" + b"".join(minus[n >> bit & 1] for bit in range(16)) + b"tK\x01" for n in range(3000)
    )
    pairs = b"".join(
        b"(" + b"".join(minus[n >> bit & 1] for bit in range(16)) + b"tK\x01\x86" for n in range(3000)
    )
    return {
        "tuples-as-key": b"\x80\x02})" + b"\x85" * DEEP + b"K\x01s.",
        "marks-as-key": b"\x80\x02}" + b"(" * DEEP + b"t" * DEEP + b"K\x01s.",
        "tuples": b"\x80\x02)" + b"\x85" * DEEP + b".",
        "lists": b"\x80\x02" + b"(" * DEEP + b"l" * DEEP + b".",
        "in-a-set": b"\x80\x04\x8f()" + b"\x85" * DEEP + b"\x90.",
        "frozen": b"\x80\x04()" + b"\x85" * DEEP + b"\x91.",
        "by-memo": b"\x80\x02)q\0" + b"h\0\x85q\0" * 100_000 + b".",
        "equal-hashes": b"\x80\x02}(" + whole + b"u.",
        "equal-tuples": b"\x80\x02}(" + same + b"u.",
        "equal-pairs": b"\x80\x02ccollections\nOrderedDict\n](" + pairs + b"e\x85R.",
        "marks-open": b"\x80\x02" + b"(" * DEEP,
        "nothing-there": b"\x80\x02s.",
        "far-memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    }


def big_film(kind: str, side: int) -> bytes:
    """A film of hardly any bytes whose frames are squares of `side` pixels."""
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    if kind == "apng":
        row = zlib.compress(b"\0" * 10_000)
        control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 25, 0, 0))
        return (
            head
            + chunk(b"acTL", struct.pack(">II", 1, 0))
            + control
            + chunk(b"IDAT", row)
            + chunk(b"IEND", b"")
        )
    screen = struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    return (
        b"GIF89a" + screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\0\x3b"
    )


Made = Callable[[], dict[str, bytes]]
