"""Our own folders: where they are on this system, and writing to them. Reading makes none.

| folder | what lies in it |
|---|---|
| `home` | hashes recorded at first use, models put there by hand |
| `config` | a person's own settings |
| `cache` | what can be computed again: text features of earlier runs |

`CLIPART_HOME` names one folder in place of all three.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from platformdirs import PlatformDirs

from clipart.files import write_whole

ELSEWHERE = "set CLIPART_HOME to a folder elsewhere"
_DIRS = PlatformDirs("clipart", appauthor=False)


def home() -> Path:
    """Return the folder of our data: `CLIPART_HOME`, or where this system keeps the data of programs.

    That is ~/.local/share/clipart on Linux, or where `XDG_DATA_HOME` says.
    """
    if own := _own():
        return own
    folder, before = _DIRS.user_data_path, Path.home() / "Library" / "Application Support" / "clipart"
    # Up to 0.1.0 there was no other place on a Mac, whatever XDG_DATA_HOME says.
    is_there = sys.platform == "darwin" and before.is_dir() and not folder.is_dir()
    return before if is_there else folder


def config() -> Path:
    """Return the folder of a person's own settings: ~/.config/clipart on Linux, or `CLIPART_HOME`."""
    return _own() or _DIRS.user_config_path


def cache() -> Path:
    """Return the folder of what can be computed again: ~/.cache/clipart on Linux, or `CLIPART_HOME`."""
    return _own() or _DIRS.user_cache_path


def cached(name: str) -> Path:
    """Return where `name` is in `cache`, or in `home` if a version up to 0.1.0 wrote it there."""
    before = home() / name
    return before if before.is_file() else cache() / name


def _own() -> Path | None:
    own = os.environ.get("CLIPART_HOME")
    return Path(own).expanduser() if own else None


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, a file in one of our folders, whole or not at all, making its folder.

    Raises:
        UsageError, ResourceError, ClipartError: it cannot be written; `path` is as it was.
    """
    write_whole(path, data, ELSEWHERE)
