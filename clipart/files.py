"""Files on the disk: written whole or not at all, room for them, their sizes in words, locks and hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clipart.errors import ClipartError, ResourceError, UsageError

UNITS = ("bytes", "kB", "MB", "GB", "TB")
ELSEWHERE = "choose another place with -o"  # what a person can do where a place cannot be written


@contextmanager
def atomic(path: Path, elsewhere: str = ELSEWHERE) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffix, and move it to `path` when the block succeeds.

    Readers of `path` see the old file or the whole new one, also after a power cut. When the block raises,
    the temporary file is removed and `path` is as it was. A link is followed: the file it names is replaced.
    `elsewhere` is what the message of an error says that a person can do.

    Raises:
        UsageError: `path` is a folder or a device, or its folder does not exist.
        ResourceError: the disk is full or read-only.
        ClipartError: anything else that the system says against writing there.
    """
    final = Path(os.path.realpath(path))
    _refuse_special(final)
    temporary = final.with_name(f".{final.stem[:20]}-{secrets.token_hex(4)}{final.suffix}")
    try:
        # Not tempfile.mkstemp: its files are for the owner only, and stay so after the move.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        mode = temporary.stat().st_mode
        yield temporary
        if temporary.stat().st_mode != mode:  # safetensors makes a file of its own, for the owner only
            temporary.chmod(mode)
        _sync(temporary)
        temporary.replace(final)
        if os.name == "posix":
            _sync(final.parent)
    except OSError as error:
        raise explain(error, path, elsewhere) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes | str, elsewhere: str = ELSEWHERE) -> None:
    """Write `data`, bytes or a text in UTF-8, to `path` by `atomic`, making the folder of `path`.

    Raises:
        UsageError, ResourceError, ClipartError: as `atomic`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, path, elsewhere) from error
    with atomic(path, elsewhere) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(error: OSError, path: Path, elsewhere: str = ELSEWHERE) -> ClipartError:
    """Return what `error`, met while writing `path`, means to a person, and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"{path}: the disk is full. Make room there, or {elsewhere}.")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        todo = elsewhere[:1].upper() + elsewhere[1:]
        return ResourceError(f"{path}: this place is read-only to you. {todo}.")
    if error.errno == errno.ENOENT:
        return UsageError(f"{path}: its folder {path.parent} does not exist. Make it, or choose another.")
    return ClipartError(f"{path}: could not be written ({error.strerror or error}).")


def _refuse_special(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Give a file name in it, such as {path / 'picture.png'}.")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not an ordinary file. Give the name of a new file, such as picture.png.")


def require_writable(path: Path) -> None:
    """Check, before any work is done, that a file can be written at `path` (new, or over an old one).

    Raises:
        UsageError: the folder is missing or no folder, or `path` is a folder or a device.
        ResourceError: the folder or the file is read-only.
    """
    final = Path(os.path.realpath(path))
    folder = final.parent
    _refuse_special(final)
    if not folder.exists():
        raise UsageError(f"{path}: the folder {folder} does not exist. Make it first: mkdir -p '{folder}'")
    if not folder.is_dir():
        raise UsageError(f"{path}: {folder} is a file, not a folder. Choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ResourceError(f"{path}: the folder {folder} is read-only to you. Choose another place.")
    if final.exists() and not os.access(final, os.W_OK):
        raise ResourceError(f"{path}: this file exists and is read-only. Choose another name.")


def require_folder(folder: Path) -> None:
    """Check that folders, and files in them, can be made in `folder`, which need not exist yet.

    One of each is made, in the nearest folder that exists, and removed.

    Raises:
        UsageError: it is a file, or in one.
        ResourceError: it is read-only, or what is made there may not be written (umask).
        ClipartError: anything else that the system says against it.
    """
    there = _existing(folder)
    if not there.is_dir():
        raise UsageError(f"{folder}: {there} is a file, not a folder. Choose another place with --folder.")
    made = there / f".clipart-{secrets.token_hex(4)}"
    try:
        made.mkdir()
        try:
            (made / "file").touch()
        except PermissionError as error:
            if made.stat().st_mode & 0o300 == 0o300:
                raise
            words = f"{folder}: folders that you make may not be written by you. Type first: umask 022"
            raise ResourceError(words) from error
        finally:
            made.chmod(0o700)
            (made / "file").unlink(missing_ok=True)
            made.rmdir()
    except OSError as error:
        raise explain(error, folder, "choose another place with --folder") from error


def require_file_size(path: Path, largest: int) -> None:
    """Check that a file of `largest` bytes may be written.

    Raises:
        ResourceError: the system's limit for a file is lower.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if resource.RLIM_INFINITY != limit < largest:
        raise ResourceError(
            f"{path}: the system allows files of {size_text(limit)}, and {size_text(largest)} may be needed. "
            "Type first: ulimit -f unlimited"
        )


def require_space(path: Path, needed: int, elsewhere: str = "choose another place") -> None:
    """Check that the disk of `path`, which need not exist yet, has `needed` bytes free.

    `elsewhere` is what the message says that a person can do instead of making room.

    Raises:
        ResourceError: it has not; the message names the folder, what is needed and what is free.
    """
    folder, free = _existing(path), free_space(path)
    if free < needed:
        raise ResourceError(
            f"Not enough room in {folder}: {size_text(needed)} needed, {size_text(free)} free. "
            f"Make room there, or {elsewhere}."
        )


def free_space(path: Path) -> int:
    """Return the bytes that are free on the disk of `path`, which need not exist yet."""
    return shutil.disk_usage(_existing(path)).free


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest of the folders above it that exists."""
    there = Path(os.path.realpath(path))
    while not there.exists() and there != there.parent:
        there = there.parent
    return there


def size_text(count: float) -> str:
    """Return a number of bytes as text, in units of 1,000 with one decimal below 100 of a unit.

    >>> [size_text(n) for n in (512, 12_345_678, 605_000_000, 1_300_000_000)]
    ['512 bytes', '12.3 MB', '605 MB', '1.3 GB']
    """
    power = next((power for power in range(4) if count < 999.5 * 1000**power), 4)
    if power == 0:
        return f"{count:.0f} bytes"
    units = count / 1000**power
    return f"{units:.1f} {UNITS[power]}" if units < 99.95 else f"{units:,.0f} {UNITS[power]}"


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock `<path>.lock` against other processes, making its folder; wait for it without limit.

    `waiting` is called once if another process has held it for a second.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
