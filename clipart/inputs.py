"""Files that people give us, opened with every guard: ordinary ones only, read up to a bound."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from clipart.errors import UsageError


@contextmanager
def opened(path: str | os.PathLike[str], name: str = "", most: int | None = None) -> Iterator[BinaryIO]:
    """Yield the ordinary file at `path`, open for reading. A pipe, a device or a folder is not waited for.

    `name` is what it is called in messages, by default its path; `most` is how many bytes it may have.

    Raises:
        UsageError: no such file, not an ordinary one, not readable, or more than `most` bytes.
    """
    name = name or os.fspath(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise UsageError(f"{name}: could not be read, there is no such file.") from None
    except OSError as error:
        if Path(path).is_dir():  # where a folder cannot be opened
            raise UsageError(_folder(name)) from None
        raise UsageError(f"{name}: could not be read ({error.strerror or error}).") from None
    try:
        _require_ordinary(os.fstat(handle), name, most)
    except BaseException:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        yield file


def _require_ordinary(found: os.stat_result, name: str, most: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(_folder(name))
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{name}: could not be read, it is no ordinary file. Copy it into one first.")
    if most is not None and found.st_size > most:
        raise UsageError(f"{name}: has {found.st_size:,} bytes; at most {most:,} are read.")


def read_bytes(path: str | os.PathLike[str], most: int, name: str = "") -> bytes:
    """Return the content of the ordinary file at `path`, at most `most` bytes.

    Raises:
        UsageError: as `opened`.
    """
    name = name or os.fspath(path)
    with opened(path, name, most) as file:
        try:
            found = file.read(most + 1)
        except OSError as error:
            raise UsageError(f"{name}: could not be read ({error.strerror or error}).") from None
    if len(found) > most:  # it grew, or the system does not say how long it is
        raise UsageError(f"{name}: has more than {most:,} bytes, which is the most that is read.")
    return found


def _folder(name: str) -> str:
    return f"{name}: could not be read, it is a folder. Give the name of a file in it."
