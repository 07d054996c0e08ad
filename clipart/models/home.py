"""Our own folder: hashes recorded at first use, models put there by hand, text features of earlier runs.

Nothing here is made before it is written to.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clipart.files import write_whole

ELSEWHERE = "set CLIPART_HOME to a folder elsewhere"


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
    """Write `data` to `path`, a file in our folder, whole or not at all, making its folder.

    Raises:
        UsageError, ResourceError, ClipartError: it cannot be written; `path` is as it was.
    """
    write_whole(path, data, ELSEWHERE)
