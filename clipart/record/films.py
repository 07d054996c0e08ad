"""Films that people give us, opened with every guard, for their frames or for their texts.

FFmpeg gets an open file and the name of one demuxer, by the file's first bytes: no name is a protocol, no
list names another file, and nothing goes to the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.inputs import opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

READABLE = "Matroska, WebM, MP4, MOV, AVI, GIF or APNG"
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_OPTIONS = {
    "protocol_whitelist": "none",
    "max_streams": str(limits.FILM_STREAMS),
    "max_pixels": str(limits.FILM_PIXELS),  # of a frame, also while the header is looked at
}


def demuxer(head: bytes) -> str:
    """Return FFmpeg's name of the demuxer for a file that begins with `head`, empty for none of ours."""
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head[4:8] in _QUICKTIME:
        return "mov"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "apng"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    return "avi" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else ""


def protocol_free(path: Path) -> str:
    """Return `path` for FFmpeg to write to: a file's name, also where it has a colon, as in `a:b/c.mkv`."""
    return f"file:{path}"


@contextmanager
def open_film(path: Path) -> Iterator[InputContainer]:
    """Yield the film in a file, opened by PyAV.

    Raises:
        UsageError: there is no such file, or it is not one of `READABLE`.
        av.error.FFmpegError: it is broken.
    """
    import av

    with opened(path) as file:
        kind = demuxer(_head(file))
        if not kind:
            raise UsageError(f"{path}: could not be read as a film. It has to be {READABLE}.")
        with av.open(file, format=kind, metadata_errors="replace", options=_OPTIONS) as container:
            yield cast("InputContainer", container)


def film_in(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream of pictures in a container, ready to be decoded by one thread.

    Raises:
        ClipartError: there is none, nothing here decodes it, or its frames are beyond
            `clipart.limits.FILM_...`.
    """
    if not container.streams.video:
        raise ClipartError(f"{path}: no film in it.")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None:
        raise ClipartError(f"{path}: nothing here decodes its film. Convert it to MP4 (H.264) first.")
    width, height = context.width, context.height
    if not (0 < max(width, height) <= limits.FILM_SIDE and 0 < width * height <= limits.FILM_PIXELS):
        millions = limits.FILM_PIXELS // 1_000_000
        raise ClipartError(
            f"{path}: its frames are too large, or of no size that it says ({width} x {height} pixels). "
            f"Up to {limits.FILM_SIDE} a side and {millions} million in all are read: make it smaller first."
        )
    context.options = {"max_pixels": str(limits.FILM_PIXELS)}  # also of frames that change their size
    context.thread_count = 1
    return stream


def _head(file: BinaryIO) -> bytes:
    head = file.read(16)
    file.seek(0)
    return head
