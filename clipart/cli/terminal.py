"""Streams that may be lost and text that may be hostile: what stands between the sink and a terminal.

A stream that cannot be written, since it is closed, its reader has gone or its disk is full, costs its words
and nothing else. What is printed has no character that could drive a terminal or turn its text round, except
the colours that come from the sink itself.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST, USUAL = 20, (80, 25)  # columns that are written for at least; columns and lines if nobody says
# Control characters but tab and newline, marks that turn the direction of text, lone surrogates, line and
# paragraph separators.
DRIVING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    r"""Return `text` with every character that could drive a terminal written out, as `\x1b` or `\u202e`.

    A byte of a file's name that is no UTF-8 is written as that byte, `\xff`.
    """
    return DRIVING.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps such a byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def open_streams() -> None:
    """Give stdin, stdout and stderr a place where the caller has closed them.

    Else the next file that is opened would get their number, and what a library prints would go into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")  # a terminal without these letters is no reason to fail


class Stream:
    """`file`, or nothing where it is None; what cannot be written is `lost`, and so is all that follows."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.lost: Exception | None = None if file is not None else OSError("it is closed")

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._file, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:
        """What is done with letters that the encoding lacks."""
        return getattr(self._file, "errors", None) or "replace"

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        try:
            return self._file is not None and self._file.isatty()
        except ValueError:  # it was closed
            return False

    def fileno(self) -> int:
        """Return the number of the stream.

        Raises:
            OSError: it has none.
        """
        if self._file is None:
            raise OSError("it is closed")
        return self._file.fileno()

    def write(self, text: str) -> int:
        """Write `text`."""
        self._try(lambda file: file.write(text))
        return len(text)

    def write_name(self, name: str) -> None:
        """Write the name of a file and a newline: to a program in the bytes that the file system has."""
        if self.isatty() or not hasattr(self._file, "buffer"):
            self.write(printable(name) + "\n")
            return
        data = os.fsencode(name) + os.linesep.encode()
        self._try(lambda file: (file.flush(), file.buffer.write(data)))
        self.flush()

    def flush(self) -> None:
        """Hand on what was written."""
        self._try(lambda file: file.flush())

    def _try(self, job: Any) -> None:
        if self.lost is not None:
            return
        try:
            job(self._file)
        except (OSError, ValueError) as error:  # ValueError: the file was closed
            self.lost = error
            with suppress(OSError, ValueError):  # Python flushes once more on its way out: give it a place to
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def make_console(stream: Stream, plain: bool) -> Console:
    """Return a console on `stream`, without styles if `plain`, that is at least NARROWEST columns wide."""
    from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Guarded(Console):
        @property  # type: ignore[misc]
        def size(self) -> ConsoleDimensions:
            wide, high = super().size
            return ConsoleDimensions(max(wide or USUAL[0], NARROWEST), high or USUAL[1])

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                if segment.control or not DRIVING.search(segment.text):
                    yield segment
                else:
                    yield Segment(printable(segment.text), segment.style)

    return Guarded(
        file=stream,  # type: ignore[arg-type]
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )
