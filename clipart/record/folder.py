"""A folder that is not trusted, such as that of a run: somebody may have sent it, or write in it too.

A folder is opened once, and everything goes to that folder, whatever has its name later. Links and special
files in it are refused by name, never followed. Where a system cannot open folders (Windows), each use is
preceded by a look for links instead.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.files import (
    ELSEWHERE,
    atomic,
    explain,
    replaced,
    require_writable,
)

Kind = Literal["file", "folder", "link", "special"]
CHECKPOINTS = "checkpoints"
# Every name that clipart gives in the folder of a run.
_OURS = re.compile(
    r"picture[\w.-]*\.\w+|video\.(mp4|webm|gif|apng|webp)|recipe\.toml|log\.jsonl|plot\.(svg|png)|\.lock|checkpoints"
    r"|trajectory(-\d{1,6})?(\.part)?\.mkv"
)
_SEES_HANDLES = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY") and hasattr(os, "O_NOFOLLOW")
_HANDLES = Path("/proc/self/fd")


class Folder:
    """A folder, and what is done in it. `path` is its name in messages; `handle` its descriptor, if open.

    Names are those of files in it, without a separator. What is refused or fails is a `ClipartError`: a
    `UsageError` for a link or a special file, else as `clipart.files.explain` has it.
    """

    elsewhere = ELSEWHERE  # what a person can do where it cannot be written

    def __init__(self, path: Path, handle: int | None = None) -> None:
        self.path, self.handle = path, handle

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder at `path`; a link to a folder, which a person typed, is followed.

        Raises:
            UsageError: there is none.
        """
        if not path.is_dir():
            raise UsageError(
                f"{path}: no such folder. Give the folder of a run, such as outputs/<date>-apple-7"
            )
        try:
            return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY) if _SEES_HANDLES else None)
        except OSError as error:
            raise ClipartError(f"{path}: could not be opened ({error.strerror or error}).") from error

    def close(self) -> None:
        """Close it."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, name: str) -> str | Path:
        return name if self.handle is not None else self.path / name

    def reach(self, name: str = ".") -> Path:
        """Return a path for libraries that take no descriptor; on Linux it leads into the open folder."""
        if self.handle is not None and _HANDLES.is_dir():
            return _HANDLES / str(self.handle) / name
        return self.path / name

    def slot(self, name: str) -> Slot:
        """Return the place of the file `name` in it."""
        return Slot(self, name)

    @contextmanager
    def explained(self, name: str) -> Iterator[None]:
        """Turn what the system says about `name` into an error for a person."""
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and self.is_gone:
                raise ResourceError(f"{self.path}: this folder was removed while it was in use.") from error
            raise explain(error, self.path / name, self.elsewhere) from error

    @property
    def is_gone(self) -> bool:
        """Whether the folder was removed since it was opened."""
        return self.handle is not None and os.fstat(self.handle).st_nlink == 0

    def now_at(self) -> Path:
        """Return its path as it is now: where the folder was moved, if the system knows (Linux)."""
        if self.handle is not None:
            with suppress(OSError):
                if os.path.samestat(os.fstat(self.handle), self.path.stat()):
                    return self.path
            with suppress(OSError):
                return (_HANDLES / str(self.handle)).readlink()
        return self.path

    def names(self) -> list[str]:
        """Return the names of everything in it, in order."""
        with self.explained("."):
            place = self.path if self.handle is None else self.handle
            return sorted(os.listdir(place))  # noqa: PTH208 (of a descriptor)

    def kind(self, name: str) -> Kind | None:
        """Return what `name` is, without following it; None if there is nothing."""
        try:
            mode = os.stat(self._at(name), dir_fd=self.handle, follow_symlinks=False).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise explain(error, self.path / name) from error
        if stat.S_ISLNK(mode):
            return "link"
        return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "special"

    def has(self, name: str, kind: Kind = "file") -> bool:
        """Say whether there is a file `name` in it, or a folder.

        Raises:
            UsageError: it is something else, such as a link.
        """
        found = self.kind(name)
        if found not in (None, kind):
            raise UsageError(_refusal(self.path / name, found, kind))
        return found is not None

    def require_plain(self) -> None:
        """Refuse links and special files among the names in it that clipart gives.

        Raises:
            UsageError: naming the first.
        """
        for name in self.names():
            if _OURS.fullmatch(name):
                self.has(name, "folder" if name == CHECKPOINTS else "file")

    def open_file(self, name: str, flags: int) -> int:
        """Open the file `name` and return its descriptor; never through a link, never waiting for a pipe."""
        self.has(name)
        guards = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with self.explained(name):
            opened = os.open(self._at(name), flags | guards, 0o666, dir_fd=self.handle)
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode) or (flags & (os.O_WRONLY | os.O_RDWR) and about.st_nlink > 1):
            os.close(opened)
            raise UsageError(_refusal(self.path / name, "link" if about.st_nlink > 1 else "special", "file"))
        return opened

    def make(self, name: str) -> None:
        """Make the empty file `name`, in place of an older one."""
        if self.has(name):
            self.remove(name)
        os.close(self.open_file(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def sub(self, name: str, make: bool = False) -> Folder:
        """Open the folder `name` in it, made if need be; a link is refused."""
        if not self.has(name, "folder") and make:
            with self.explained(name):
                os.mkdir(self._at(name), dir_fd=self.handle)
        inner = Folder(self.path / name)
        inner.elsewhere = self.elsewhere
        if self.handle is not None:
            with self.explained(name):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                inner.handle = os.open(name, flags, dir_fd=self.handle)
        return inner

    @contextmanager
    def atomic(self, name: str) -> Iterator[Path]:
        """Yield a temporary path, and make it the file `name` in the end; see `clipart.files.atomic`."""
        self.has(name)
        with self.explained(name), replaced(self.reach(), name, self.handle) as temporary:
            yield temporary

    def rename(self, old: str, new: str) -> None:
        """Give the file `old` the name `new`."""
        self.has(old)
        self.has(new)
        with self.explained(new):
            os.replace(self._at(old), self._at(new), src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def remove(self, name: str) -> None:
        """Remove the file `name`; a link by itself, not what it leads to."""
        with self.explained(name):
            os.unlink(self._at(name), dir_fd=self.handle)


@dataclass(frozen=True)
class Slot:
    """The place of the file `name` in `folder`, there or not. Its text is the path for people."""

    folder: Folder
    name: str

    @property
    def path(self) -> Path:
        """Its path for people."""
        return self.folder.path / self.name

    @property
    def reach(self) -> Path:
        """Its path for libraries."""
        return self.folder.reach(self.name)

    @property
    def suffix(self) -> str:
        """The suffix of its name."""
        return Path(self.name).suffix

    def beside(self, name: str) -> Slot:
        """Return the place of another file in the folder."""
        return Slot(self.folder, name)

    def __str__(self) -> str:
        """Return the path for people."""
        return str(self.path)


Place = Path | Slot


def as_slot(place: Place) -> Slot:
    """Return `place` as one in a folder; that of a path is not opened, but links are refused all the same."""
    return place if isinstance(place, Slot) else Slot(Folder(place.parent), place.name)


def output(place: Place) -> Place:
    """Return where to write what a person asked for at `place`: in a run's folder, links are not followed."""
    if isinstance(place, Slot) or not is_run(place.parent):
        return place
    return as_slot(place)


def written(place: Place) -> AbstractContextManager[Path]:
    """Return a context that yields a temporary path and moves it to `place`, as `clipart.files.atomic`.

    A link is followed where a person named the path, and refused in the folder of a run.
    """
    place = output(place)
    return place.folder.atomic(place.name) if isinstance(place, Slot) else atomic(place)


def require_output(path: Path) -> None:
    """Check, before any work is done, that `written` can write to `path`.

    Raises:
        UsageError, ResourceError: as `clipart.files.require_writable`; or a link in the folder of a run.
    """
    if isinstance(place := output(path), Slot):
        place.folder.has(place.name)
    require_writable(path)


def is_run(folder: Path) -> bool:
    """Say whether `folder` looks like the folder of a run."""
    return any(os.path.lexists(folder / name) for name in ("recipe.toml", "log.jsonl", CHECKPOINTS))


def _refusal(path: Path, found: Kind | None, wanted: Kind) -> str:
    what = {"link": "a link", "folder": "a folder", "file": "a file", "special": "no ordinary file"}
    return (
        f"{path} is {what[found or 'special']}, and should be {what[wanted]}. In a run's folder, clipart "
        f"follows no link and opens no special file. Look at it, then remove it: rm {shlex.quote(str(path))}"
    )
