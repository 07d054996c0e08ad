"""Our own folder: hashes recorded at first use, models put there by hand, text features of earlier runs.

Nothing here is made before it is written to.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipart.errors import ResourceError

SPARE = 32 * 2**20  # bytes that a download leaves free on the disk


def home() -> Path:
    """Return our folder: `CLIPART_HOME`, or where this system keeps the data of programs."""
    if own := os.environ.get("CLIPART_HOME"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "clipart"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "clipart"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "clipart"


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all, making its folder.

    Raises:
        OSError: the disk is full or read-only; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside `path` against other processes; wait for it as long as it takes."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        yield


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(folder: Path, needed: int) -> None:
    """Check that the disk of `folder`, which need not exist yet, takes `needed` bytes.

    Raises:
        ResourceError: it does not.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed + SPARE:
        raise ResourceError(
            f"Not enough room in {folder}: {size(needed)} to fetch, {size(free)} free. "
            "Make room there, or set HF_HOME to a folder on another disk."
        )


def size(count: float) -> str:
    """Return a number of bytes as a person reads it."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
