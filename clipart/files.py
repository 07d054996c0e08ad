"""Files on the disk: written whole or not at all, room for them, their sizes in words, locks and hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clipart.errors import ClipartError, ResourceError, UsageError

UNITS = ("bytes", "kB", "MB", "GB", "TB")
ELSEWHERE = "choose another place with -o"  # what a person can do where a place cannot be written
ORPHAN_AGE = 86_400.0  # seconds after which a temporary file is nobody's, if it is not locked
_TEMPORARY = re.compile(r"\.clipart-(\d{1,10})-[0-9a-f]{8}-.*", re.DOTALL)


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
    try:
        with replaced(final.parent, final.name) as temporary:
            yield temporary
    except OSError as error:
        raise explain(error, path, elsewhere) from error


@contextmanager
def replaced(folder: Path, name: str, handle: int | None = None) -> Iterator[Path]:
    """Yield the path of a new temporary file in `folder`, which becomes the file `name` of it in the end.

    A link called `name` is replaced, not followed. `handle` is the folder's descriptor, if it is open: then
    the file is made and moved in that folder, whatever has its name by now. What killed processes left is
    removed.

    Raises:
        OSError: what the system says, with the folder as it was.
    """
    clear_orphans(folder, handle)
    ending = Path(name)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = f".clipart-{mark}-{ending.stem[:20]}{ending.suffix}"

    def at(name: str) -> str | Path:
        return name if handle is not None else folder / name

    claim: int | None = None
    try:
        # Not tempfile.mkstemp: its files are for the owner only, and stay so after the move.
        claim = os.open(at(temporary), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666, dir_fd=handle)
        if hold(claim) is None:  # a system without such locks may not move a file that is open
            os.close(claim)
            claim = None
        mode = (folder / temporary).stat().st_mode
        yield folder / temporary
        if (folder / temporary).stat().st_mode != mode:  # safetensors makes its own, for the owner only
            (folder / temporary).chmod(mode)
        _sync(folder / temporary)
        os.replace(at(temporary), at(name), src_dir_fd=handle, dst_dir_fd=handle)
        if os.name == "posix":
            _sync(folder)
    finally:
        with suppress(OSError):
            os.unlink(at(temporary), dir_fd=handle)
        if claim is not None:
            os.close(claim)


def hold(handle: int) -> bool | None:
    """Lock an open file against other processes, without waiting; say whether it is ours now.

    The lock ends when the file is closed, also by the end of the process. None: this system or disk has no
    such locks.
    """
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def clear_orphans(folder: Path, handle: int | None = None) -> None:
    """Remove the temporary files of `replaced` in `folder` whose processes were killed.

    Such a file is locked by the process that writes it, and has the number of that process in its name. It is
    removed if neither is alive; a number may have been given again, so after `ORPHAN_AGE` the lock decides.
    """
    with suppress(OSError):
        for name in os.listdir(folder if handle is None else handle):  # noqa: PTH208 (of a descriptor)
            if match := _TEMPORARY.fullmatch(name):
                _clear_orphan(name if handle is not None else folder / name, int(match[1]), handle)


def _clear_orphan(place: str | Path, process: int, handle: int | None) -> None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with suppress(OSError):
        opened = os.open(place, flags, dir_fd=handle)
        try:
            about = os.fstat(opened)
            is_free = hold(opened) is not False
        finally:
            os.close(opened)
        old = time.time() - about.st_mtime > ORPHAN_AGE
        if stat.S_ISREG(about.st_mode) and is_free and (old or not is_alive(process)):
            os.unlink(place, dir_fd=handle)


def is_alive(process: int) -> bool:
    """Say whether a process of this number runs on this machine; True where that cannot be known."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


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
    if error.errno == errno.EFBIG:
        return ResourceError(f"{path}: larger than a file may be here (ulimit -f). Or {elsewhere}.")
    if error.errno == errno.ENOENT and not path.parent.is_dir():
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
