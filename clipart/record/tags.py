"""Texts in the files of pictures and films, by keyword: read with limits, appended in place.

No pixel is decoded to read them. PNG has its text chunks; JPEG, WebP and AVIF an XMP packet with ours inside,
and EXIF; GIF a comment; MP4 and WebM the tags of their containers. How much is read is in `clipart.limits`.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from html import escape, unescape
from pathlib import Path
from typing import IO

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.inputs import opened
from clipart.pictures import read_about
from clipart.record.films import open_film
from clipart.text import allowed

OURS, THEIRS, XMP = "clipart", "parameters", "XML:com.adobe.xmp"
MAX_BYTES, MAX_PARTS = limits.TEXT_BYTES, limits.TEXT_PARTS
_PNG, _UUID = b"\x89PNG\r\n\x1a\n", bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP part 3, 1.2.7
_IN_XMP = re.compile(r"<clipart:(clipart|parameters)>([^<]*)</clipart:\1>")
_VP8X_EXIF, _VP8X_XMP = 0x08, 0x04
_AVIF = (b"avif", b"avis")
_USER_COMMENT, _EXIF_IFD = 0x9286, 0x8769


class BrokenError(ValueError):
    """A file that is not built as its kind is."""


def read_tags(path: Path) -> dict[str, str]:
    """Return what `path` carries of `clipart` and `parameters`, empty if nothing.

    Raises:
        UsageError: it cannot be read, is of another kind, broken, or has a text of more than 1 MiB.
    """
    try:
        with opened(path) as file:
            texts = _texts(path, file)
            if texts is not None:
                return _known(texts)
    except OSError as error:
        raise UsageError(f"{path}: could not be read ({error.strerror or error}).") from None
    except (BrokenError, struct.error, zlib.error, ValueError, IndexError) as error:
        reason = str(error) if isinstance(error, BrokenError) else "not built as such a file is"
        raise UsageError(f"{path}: its texts cannot be read: {reason}.") from None
    raise UsageError(
        f"{path}: neither PNG, JPEG, WebP, AVIF, GIF, MP4 nor WebM, so there is no recipe in it."
    )


def _texts(path: Path, file: IO[bytes]) -> Iterator[tuple[str, str]] | None:
    """Return the texts in a file by its kind, None where it is of none of ours."""
    head = file.read(16)
    if head.startswith(_PNG):
        return _png_texts(file)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp_texts(file)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _gif_texts(file)
    if head.startswith(b"\xff\xd8\xff") or (head[4:8] == b"ftyp" and head[8:12] in _AVIF):
        return _xmp_texts(read_about(path).get("xmp", b""))
    is_film = head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3")
    return _film_texts(path) if is_film else None


def _known(texts: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return the first text of each of our keywords; what stands behind both is not looked at."""
    found: dict[str, str] = {}
    for key, text in texts:
        if key in (OURS, THEIRS):
            found.setdefault(key, text)
        if len(found) == 2:
            break
    return found


def _limited(length: int) -> int:
    if length > MAX_BYTES:
        raise BrokenError("a text of more than 1 MiB")
    return length


def _unpack(packed: bytes) -> bytes:
    worker = zlib.decompressobj()
    data = worker.decompress(packed, MAX_BYTES + 1)
    _limited(len(data))
    return data


def _png_texts(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    file.seek(len(_PNG))
    seen, total, chunks = set(), 0, 0
    for _ in range(MAX_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            if kind == b"IEND":
                return
            file.seek(length + 4, 1)
            continue
        data = file.read(_limited(length))
        if struct.unpack(">I", file.read(4))[0] != zlib.crc32(kind + data):
            raise BrokenError("a chunk of text with a wrong checksum")
        key, _, rest = data.partition(b"\0")
        name = key.decode("latin-1")
        total, chunks = total + length, chunks + 1
        if total > limits.TEXT_TOTAL or chunks > limits.TEXT_CHUNKS:
            most = f"{limits.TEXT_CHUNKS} texts, or {limits.TEXT_TOTAL // limits.MEGA} MiB of them"
            raise BrokenError(f"more than {most}")
        if name in (OURS, THEIRS) and name not in seen:
            seen.add(name)
            yield name, _png_text(kind, rest)
    raise BrokenError(f"more than {MAX_PARTS} chunks")


def _png_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _unpack(rest[1:]).decode("latin-1")
    packed = rest[0] == 1
    text = rest[2:].split(b"\0", 2)[2]
    return (_unpack(text) if packed else text).decode()


def _webp_texts(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    file.seek(12)
    for _ in range(MAX_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return
        kind, length = struct.unpack("<4sI", head)
        if kind == b"XMP ":
            yield from _xmp_texts(file.read(_limited(length)))
            return
        file.seek(length + length % 2, 1)
    raise BrokenError(f"more than {MAX_PARTS} chunks")


def _xmp_texts(packet: bytes) -> Iterator[tuple[str, str]]:
    _limited(len(packet))
    for found in _IN_XMP.finditer(packet.decode()):
        yield found[1], unescape(found[2])


def _gif_texts(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    file.seek(10)
    flags = file.read(3)[0]
    file.seek(3 << (flags & 7) + 1 if flags & 0x80 else 0, 1)
    for _ in range(MAX_PARTS):
        kind = file.read(1)
        if kind == b"\x21":
            is_comment = file.read(1) == b"\xfe"
            data = b"".join(_gif_blocks(file, keep=is_comment))
            if is_comment and data.startswith(b"clipart:"):
                yield OURS, data.removeprefix(b"clipart:").decode()
        elif kind == b"\x2c":
            flags = file.read(9)[8]
            file.seek((3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1, 1)
            for _ in _gif_blocks(file, keep=False):
                pass
        else:  # the trailer, or an end without one
            return
    raise BrokenError(f"more than {MAX_PARTS} blocks")


def _gif_blocks(file: IO[bytes], keep: bool) -> Iterator[bytes]:
    total = 0
    while length := file.read(1):
        if length == b"\0":
            return
        if keep:
            total = _limited(total + length[0])
            yield file.read(length[0])
        else:
            file.seek(length[0], 1)


def _film_texts(path: Path) -> Iterator[tuple[str, str]]:
    import av

    try:
        with open_film(path) as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
    except (av.error.FFmpegError, ClipartError) as error:
        raise BrokenError(getattr(error, "strerror", None) or "not a film") from None
    for key, text in ((OURS, tags.get("comment", "")), (THEIRS, tags.get("description", ""))):
        if text:
            _limited(len(text.encode("utf-8", "replace")))
            yield key, text


def film_tags(texts: Mapping[str, str]) -> dict[str, str]:
    """Return `texts` as the tags of a container: what it was made with as its comment."""
    if not texts:
        return {}
    return {"comment": texts[OURS], "description": texts[THEIRS], "title": texts[THEIRS].split("\n")[0]}


def append_tags(path: Path, texts: Mapping[str, str]) -> None:
    """Add `texts` to the film at `path` in place: APNG, WebP, GIF, MP4; WebM has them from the start."""
    with path.open("r+b") as file:
        head = file.read(16)
        if not texts:
            return
        if head.startswith(_PNG):
            _append_png(file, texts)
        elif head[:4] == b"RIFF":
            _append_webp(file, texts)
        elif head[:3] == b"GIF":
            file.seek(-1, 2)
            data = b"clipart:" + texts[OURS].encode()
            blocks = (data[at : at + 255] for at in range(0, len(data), 255))
            file.write(b"\x21\xfe" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0\x3b")
        elif head[4:8] == b"ftyp":
            packet = _UUID + texts[XMP].encode()
            file.seek(0, 2)
            file.write(struct.pack(">I4s", 8 + len(packet), b"uuid") + packet)


def _append_png(file: IO[bytes], texts: Mapping[str, str]) -> None:
    file.seek(-12, 2)  # over the end chunk, which is written again
    for key, text in texts.items():
        data = key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
        file.write(_chunk(b"iTXt", data))
    file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture_xmp(texts: Mapping[str, str]) -> bytes:
    """Return the XMP packet with `clipart` and `parameters` inside, for a file that has no other place."""
    inner = "".join(f"<clipart:{key}>{escape(texts[key])}</clipart:{key}>" for key in (OURS, THEIRS))
    opening = '<rdf:Description rdf:about="" xmlns:clipart="urn:clipart:1">'
    packet = allowed(texts[XMP].replace("</rdf:RDF>", f"{opening}{inner}</rdf:Description></rdf:RDF>"))
    return packet.encode()


def picture_exif(texts: Mapping[str, str]) -> bytes:
    """Return EXIF with `parameters` as its user comment, where galleries look for it in a WebP."""
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + texts[THEIRS].encode("utf-16-be")
    return exif.tobytes()


def _append_webp(file: IO[bytes], texts: Mapping[str, str]) -> None:
    file.seek(12)
    kind = file.read(8)[:4]
    if kind != b"VP8X":
        raise BrokenError("a WebP without an extended header")
    flags = file.read(1)[0]
    file.seek(-1, 1)
    file.write(bytes([flags | _VP8X_EXIF | _VP8X_XMP]))
    file.seek(0, 2)
    for name, data in ((b"EXIF", picture_exif(texts)), (b"XMP ", picture_xmp(texts))):
        file.write(struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2))
    end = file.tell()
    file.seek(4)
    file.write(struct.pack("<I", end - 8))
