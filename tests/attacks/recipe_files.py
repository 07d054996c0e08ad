"""Pictures with a recipe inside that a careless reader would choke on, or obey.

    python tests/attacks/recipe_files.py FOLDER

writes one honest `.png` and one file for each attack. None of them may take much time or memory to read, read or
write another file, or print what drives a terminal.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
RECIPE = {"prompt": "apple", "seed": 7, "steps": 2, "width": 16, "height": 16}
BOMB = 1 << 30  # bytes that a few thousand unpack to


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right)


def png(*chunks: bytes) -> bytes:
    """A grey picture of one pixel with more chunks in it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"".join([PNG, header, *chunks, chunk(b"IDAT", zlib.compress(b"\0\x80")), chunk(b"IEND", b"")])


def ours(recipe: Any = None, **more: Any) -> str:
    """What clipart writes, with parts of it replaced."""
    return json.dumps({"format": 1, "recipe": recipe or RECIPE, "models": {}, "versions": {}} | more)


def itxt(text: str | bytes, packed: bool = False) -> bytes:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return chunk(b"iTXt", b"clipart\0" + (b"\1\0" if packed else b"\0\0") + b"\0\0" + data)


def bomb() -> bytes:
    """A gigabyte of spaces, deflated."""
    worker, block = zlib.compressobj(9), b" " * (1 << 20)
    return b"".join(worker.compress(block) for _ in range(BOMB >> 20)) + worker.flush()


def honest() -> bytes:
    return png(itxt(ours()))


def unreadable() -> dict[str, bytes]:
    """Files of which nothing can be read; by file name."""
    deflated = bomb()
    return {
        "huge-text.png": png(itxt(" " * (2 << 20))),
        "bomb-ztxt.png": png(chunk(b"zTXt", b"clipart\0\0" + deflated)),
        "bomb-itxt.png": png(itxt(deflated, packed=True)),
        "length-lies.png": PNG + struct.pack(">I4s", 0x7FFFFFFF, b"tEXt") + b"clipart\0",
        "wrong-checksum.png": png(chunk(b"tEXt", b"clipart\0{}", checksum=1)),
        "not-deflate.png": png(itxt(b"\xff\xff", packed=True)),
        "cut-itxt.png": png(chunk(b"iTXt", b"clipart\0\0\0")),
        "not-utf-8.png": png(itxt(b"\xff\xfe{}")),
        "many-chunks.png": PNG + chunk(b"teSt", b"") * 120_000,
        "huge-comment.gif": b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + (b"\xff" + b"c" * 255) * 6000 + b"\0\x3b",
        "many-blocks.gif": b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\0" * 120_000 + b"\x3b",
        "huge-xmp.webp": b"RIFF\0\0\0\0WEBPXMP " + struct.pack("<I", 2 << 20) + b" " * (2 << 20),
        "cut.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X",
        "cut.mp4": b"\0\0\0\x20ftypisom" + b"\0" * 40,
        "noise.webm": b"\x1a\x45\xdf\xa3" + b"\xff" * 4000,
        "text.txt": b"prompt: apple",
        "empty.png": b"",
    }


def refused() -> dict[str, bytes]:
    """Pictures whose text can be read, and is no recipe; by file name."""
    texts = {
        "broken-json": ours()[:-2],
        "nested": "[" * 100_000,
        "nested-recipe": '{"format":1,"recipe":{"prompt":' + "[" * 900 + "]" * 900 + "}}",
        "not-a-number": ours().replace('"seed": 7', '"seed": NaN'),
        "many-digits": ours().replace('"seed": 7', f'"seed": {"9" * 10_000}'),
        "a-list": "[1]",
        "recipe-is-text": ours("apple"),
        "other-format": ours(format=99),
        "format-is-a-list": ours(format=[[1]]),
        "no-prompt": ours({"seed": 7}),
        "unknown-key": ours(RECIPE | {"output": "/etc/passwd"}),
        "unknown-key-that-drives": ours(RECIPE | {"\x1b[2J": 1}),
        "wrong-type": ours(RECIPE | {"steps": "many"}),
        "out-of-range": ours(RECIPE | {"width": 10**9}),
        "too-many-stages": ours(RECIPE | {"stages": [{"name": "a", "share": 1}] * 5000}),
        "prompt-that-drives": ours(RECIPE | {"prompt": "\x1b]0;owned\x07apple"}),
        "model-that-drives": ours(RECIPE | {"clip": ["tiny\x1b[2J"]}),
        "surrogate": ours(RECIPE | {"prompt": "\ud800"}),
    }
    return {f"{name}.png": png(itxt(text)) for name, text in texts.items()}


def paths() -> dict[str, bytes]:
    """Pictures whose recipe reads a file of whoever replays it; by file name."""
    recipes = {
        "init": {"init": "/etc/passwd"},
        "init-up": {"init": "../../secret.png"},
        "local-dir": {"clip": ["local-dir:/srv/model"]},
        "local-dir-weighted": {"clip": ["tiny", "local-dir:/srv/model::2"]},
        "weights": {"clip": ["ViT-B-32@/srv/model.bin"]},
        "judge": {"judge": "local-dir:/srv/model"},
        "vqgan": {"canvas": "vqgan", "vqgan": "/srv/vqgan.safetensors"},
    }
    return {f"{name}.png": png(itxt(ours(RECIPE | values))) for name, values in recipes.items()}


def write_all(folder: Path) -> None:
    for name, data in ({"honest.png": honest()} | unreadable() | refused() | paths()).items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
