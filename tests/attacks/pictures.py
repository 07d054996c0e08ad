"""Pictures as cameras, scanners and other programs write them, and broken ones; made of a few bytes each.

    python tests/attacks/pictures.py FOLDER

writes one file for each kind, and 300 broken ones.
"""

from __future__ import annotations

import io
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

KINDS = {
    "png": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "jpg": ("RGB", "L", "CMYK"),
    "webp": ("RGB", "RGBA"),
    "gif": ("P", "L"),
    "bmp": ("RGB", "L", "1"),
    "tiff": ("RGB", "RGBA", "L", "CMYK", "LAB", "I;16", "I", "F"),
    "avif": ("RGB", "RGBA"),
    "ppm": ("RGB", "L", "1"),
    "jp2": ("RGB", "L", "I;16"),
}
# Adobe RGB (1998): its primaries adapted to D50, and its gamma of 563/256, in the units of ICC.
ADOBE = {
    "r": (0.60974, 0.31111, 0.01947),
    "g": (0.20528, 0.62567, 0.06087),
    "b": (0.14919, 0.06322, 0.74457),
}
GAMMA = 563


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(space: bytes = b"RGB ", gamma: int = GAMMA, primaries: dict[str, Any] = ADOBE) -> bytes:
    """An ICC profile of version 2, of a matrix and a gamma for RGB, or of a gamma for GRAY."""
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, gamma)
    tags = {b"wtpt": b"XYZ " + bytes(4) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))}
    if space == b"RGB ":
        for channel, xyz in primaries.items():
            tags[channel.encode() + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(fixed, xyz))
            tags[channel.encode() + b"TRC"] = curve
    else:
        tags[b"kTRC"] = curve
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 2) + b"a\0" + bytes(8 + 3 + 67)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0"
    place, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += name + struct.pack(">II", place + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = place + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", space, b"XYZ ")
    head += (
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + b"".join(map(fixed, (0.9642, 1, 0.8249)))
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def exif(orientation: int, *strange: tuple[int, int, int, bytes]) -> bytes:
    """EXIF with an orientation and entries of (tag, type, count, four bytes) that may be anything."""
    entries = sorted([(0x0112, 3, 1, struct.pack(">Hxx", orientation)), *strange])
    body = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + body + bytes(4)


# Valid pictures have these from cameras and phones; writing them again raises what stands behind each.
STRANGE = {
    "argument out of range": (0x011A, 5, 1, b"\xff\xff\xff\xf0"),
    "a text for a number": (0x0128, 2, 4, b"inch"),
    "a number for a text": (0x010F, 3, 1, b"\0\1\0\0"),
    "a type that is none": (0x9999, 99, 1, b"\0\0\0\0"),
    "more than there is": (0x010E, 2, 0xFFFFFFF0, b"\0\0\0\x08"),
    "a folder for EXIF that is none": (0x8769, 4, 1, b"\xff\xff\xff\xff"),
    "a folder in a circle": (0x8769, 4, 1, b"\0\0\0\x08"),
}


def ramp(dtype: Any, top: float) -> Any:
    """A picture of 64 x 16 whose grey goes evenly from 0 to `top`."""
    return np.tile(np.linspace(0, top, 64).astype(dtype), (16, 1))


def tiff(values: Any, order: str, sample_format: int | None, photometric: int = 1) -> bytes:
    """A TIFF of one strip, as scanners and laboratories write them: `order` "<" or ">"."""
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    bits = values.dtype.itemsize * 8
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric)]
    tags += [(277, 3, 1), (278, 4, height), (279, 4, len(data))]
    tags += [(339, 3, sample_format)] if sample_format else []
    start = 8 + 2 + 12 * (len(tags) + 1) + 4
    body = b""
    for tag, kind, value in sorted([*tags, (273, 4, start)]):
        packed = struct.pack(order + "Hxx", value) if kind == 3 else struct.pack(order + "I", value)
        body += struct.pack(order + "HHI", tag, kind, 1) + packed
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + struct.pack(order + "H", len(tags) + 1) + body + bytes(4) + data


def pgm(values: Any, top: int) -> bytes:
    return b"P5 %d %d %d\n" % (values.shape[1], values.shape[0], top) + values.astype(">u2").tobytes()


def deep() -> dict[str, bytes]:
    """Ramps from black to white of more than 8 bits; by file name."""
    full = ramp(np.uint16, 65535)
    return {
        "png-16.png": saved(full, "PNG"),
        "tiff-16-little.tif": tiff(full, "<", None),
        "tiff-16-big.tif": tiff(full, ">", None),
        "tiff-32.tif": tiff(ramp(np.uint32, 2**32 - 1), "<", 1),
        "tiff-32-big.tif": tiff(ramp(np.int32, 2**31 - 1), ">", 2),
        "tiff-inverted.tif": tiff(full[:, ::-1].copy(), "<", 1, photometric=0),
        "tiff-signed-16.tif": tiff(ramp(np.int16, 32767), "<", 2),
        "tiff-signed-32.tif": tiff(ramp(np.int32, 2**31 - 1), "<", 2),
        "tiff-32-of-16.tif": tiff(ramp(np.int32, 65535), "<", 2),
        "tiff-32-of-8.tif": tiff(ramp(np.int32, 255), "<", 2),
        "tiff-float.tif": tiff(ramp(np.float32, 1), "<", 3),
        "tiff-float-big.tif": tiff(ramp(np.float32, 1), ">", 3),
        "tiff-float-255.tif": tiff(ramp(np.float32, 255), "<", 3),
        "tiff-float-65535.tif": tiff(ramp(np.float32, 65535), "<", 3),
        "pgm-16.pgm": pgm(full, 65535),
        "pgm-12.pgm": pgm(ramp(np.uint16, 4095), 4095),
        "jp2-16.jp2": saved(full, "JPEG2000"),
    }


def saved(values: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    picture.save(file, kind, **options)
    return file.getvalue()


def whole() -> dict[str, bytes]:
    """One valid file of 12 x 9 pixels for every format and mode; by file name."""
    files, noise = {}, np.random.default_rng(0)
    for suffix, modes in KINDS.items():
        for mode in modes:
            if mode in ("I;16", "I", "F"):
                dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
                picture = Image.fromarray(noise.integers(0, 256, (9, 12)).astype(dtype))
            elif mode == "LAB":
                picture = Image.frombytes("LAB", (12, 9), noise.bytes(12 * 9 * 3))
            else:
                picture = Image.fromarray(noise.integers(0, 256, (9, 12, 4), np.uint8)).convert(mode)
            Image.init()
            kind = Image.EXTENSION[f".{suffix}"]
            options = {"exif": exif(6)} if suffix in ("jpg", "png", "webp", "avif") else {}
            if mode == "RGB" and suffix in ("jpg", "png", "webp", "avif", "tiff"):
                options["icc_profile"] = profile()
            files[f"{mode.replace(';', '-')}.{suffix}"] = saved(picture, kind, **options)
    return files


def mutated(files: dict[str, bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield `count` broken files, made of `files` in turn: cut, overwritten, doubled, bits turned."""
    chance, names = random.Random(seed), sorted(files)  # noqa: S311 (no secret)
    for number in range(count):
        name = names[number % len(names)]
        data = bytearray(files[name])
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            at = chance.randrange(max(1, len(data)))
            match chance.randrange(6):
                case 0:
                    del data[at:]
                case 1:
                    data[at : at + 4] = chance.choice(
                        (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                    )
                case 2:
                    data[at:at] = data[at : at + chance.randrange(64)]
                case 3:
                    del data[at : at + chance.randrange(16)]
                case _ if data:
                    data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        yield name, bytes(data)


def write_all(folder: Path) -> None:
    for name, data in (whole() | deep()).items():
        (folder / name).write_bytes(data)
    for number, (name, data) in enumerate(mutated(whole(), 300)):
        (folder / f"broken-{number}-{name}").write_bytes(data)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
