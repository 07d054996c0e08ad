"""Our own folders: where they are on this system, and writing to them. Reading makes none.

| folder | what lies in it |
|---|---|
| `home` | hashes recorded at first use, models put there by hand |
| `config` | a person's own settings |
| `cache` | what can be computed again: text features of earlier runs |

`CLIPART_HOME` names one folder in place of all three. Where a system knows no home of a person, as in some
containers, and `CLIPART_HOME` is not set, there is none of the three: nothing is remembered.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from platformdirs import PlatformDirs

from clipart.errors import ResourceError
from clipart.files import write_whole

ELSEWHERE = "set CLIPART_HOME to a folder elsewhere"
_DIRS = PlatformDirs("clipart", appauthor=False)


class NoHomeError(ResourceError):
    """The system says no folder of the person who runs us."""


def home() -> Path:
    """Return the folder of our data: `CLIPART_HOME`, or where this system keeps the data of programs.

    That is ~/.local/share/clipart on Linux, or where `XDG_DATA_HOME` says.

    Raises:
        NoHomeError: there is none.
    """
    return _own() or _of_system(_data)


def _data() -> Path:
    folder, before = _DIRS.user_data_path, Path.home() / "Library" / "Application Support" / "clipart"
    # Up to 0.1.0 there was no other place on a Mac, whatever XDG_DATA_HOME says.
    is_there = sys.platform == "darwin" and before.is_dir() and not folder.is_dir()
    return before if is_there else folder


def config() -> Path:
    """Return the folder of a person's own settings: ~/.config/clipart on Linux, or `CLIPART_HOME`.

    Raises:
        NoHomeError: there is none.
    """
    return _own() or _of_system(lambda: _DIRS.user_config_path)


def cache() -> Path:
    """Return the folder of what can be computed again: ~/.cache/clipart on Linux, or `CLIPART_HOME`.

    Raises:
        NoHomeError: there is none.
    """
    return _own() or _of_system(lambda: _DIRS.user_cache_path)


def cached(name: str) -> Path:
    """Return where `name` is in `cache`, or in `home` if a version up to 0.1.0 wrote it there.

    Raises:
        NoHomeError: there is none.
    """
    before = home() / name
    return before if os.path.isfile(before) else cache() / name  # noqa: PTH113 (False where it may not be seen)


def _own() -> Path | None:
    own = os.environ.get("CLIPART_HOME")
    return _of_system(Path(own).expanduser) if own else None


def _of_system(folder: Callable[[], Path]) -> Path:
    try:
        found = folder()
    except (RuntimeError, KeyError) as error:  # no HOME, and no entry in the list of users
        raise NoHomeError(f"This system knows no home folder of yours. To have one, {ELSEWHERE}.") from error
    if not found.is_absolute() and found.parts[:1] == ("~",):
        raise NoHomeError(f"This system knows no home folder of yours. To have one, {ELSEWHERE}.")
    return found


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, a file in one of our folders, whole or not at all, making its folder.

    Raises:
        UsageError, ResourceError, ClipartError: it cannot be written; `path` is as it was.
    """
    write_whole(path, data, ELSEWHERE)
