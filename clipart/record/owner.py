"""Who writes in the folder of a run: one process at a time, under a lock; and what killed ones left in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError, UsageError
from clipart.files import clear_orphans, hold, is_alive
from clipart.record.folder import CHECKPOINTS, Folder

LOCK = ".lock"
MAX_LOCK_BYTES = 4096
# What versions up to 0.1.0 and the safetensors library leave of a file when they are killed.
_LEFT_BEHIND = re.compile(
    r"\.(picture|video|recipe|log|plot|step-\d{7})-[0-9a-f]{8}\.[a-z4]{3,11}|\.tmp[0-9A-Za-z]{6}"
)


class RunFolder(Folder):
    """The folder of a run, that one process at a time writes a run in."""

    elsewhere = "choose another disk with --folder"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of the folder: its file `.lock` says which process on which machine has it.

        The system ends the lock with the process, so the file of a killed one is in nobody's way.

        Raises:
            UsageError: another process has it, or something in the folder is a link or a special file.
        """
        self.require_plain()
        opened = self._locked()
        try:
            about = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
            with self.explained(LOCK):
                os.lseek(opened, 0, os.SEEK_SET)
                os.ftruncate(opened, os.write(opened, about))
            yield
        finally:
            if os.name != "posix":  # there, an open file cannot be removed
                os.close(opened)
            with suppress(ClipartError):
                self.remove(LOCK)
            if os.name == "posix":
                os.close(opened)

    def _locked(self) -> int:
        for _ in range(100):
            opened = self.open_file(LOCK, os.O_RDWR | os.O_CREAT)
            about, holder, is_ours = os.fstat(opened), _holder(opened), hold(opened)
            if is_ours is False or (is_ours is None and _may_live(holder)):
                os.close(opened)
                again = f" If it has ended, remove {self.path / LOCK}" if is_ours is None else ""
                raise UsageError(self._in_use(holder) + again)
            with suppress(OSError):  # another may just have ended, and removed the file that this one opened
                if os.path.samestat(
                    about, os.stat(self._at(LOCK), dir_fd=self.handle, follow_symlinks=False)
                ):
                    return opened
            os.close(opened)
        raise UsageError(self._in_use({}))

    def _in_use(self, holder: dict[str, Any]) -> str:
        number, host = holder.get("pid"), str(holder.get("host", ""))[:100]
        if not isinstance(number, int) or isinstance(number, bool):
            return f"{self.path}: another process goes on with this run. Wait until it has ended."
        here = host == socket.gethostname()
        where = f"process {number} on {'this machine' if here else 'the machine'} {host!r}"
        stop = f", or stop it: kill {number}" if here else ""
        return f"{self.path}: this run is still going on, in {where}. Wait until it has ended{stop}"

    def clear_away(self) -> None:
        """Remove what a killed process had begun to write in it; to be called under the lock."""
        self._clear(self)
        if self.has(CHECKPOINTS, "folder"):
            with self.sub(CHECKPOINTS) as inner:
                self._clear(inner)

    @staticmethod
    def _clear(folder: Folder) -> None:
        clear_orphans(folder.reach(), folder.handle)
        for name in folder.names():
            if _LEFT_BEHIND.fullmatch(name) and folder.kind(name) == "file":
                with suppress(ClipartError):
                    folder.remove(name)


def require_free(run: Path) -> None:
    """Check that no process goes on with the run in the folder `run`, and that there is no link in it.

    Raises:
        UsageError: as `RunFolder.held`; or no such folder.
    """
    with RunFolder.open(run) as folder, folder.held():
        pass


def resume_command(folder: Path) -> str:
    """Return the command that goes on with the run in `folder`, quoted for a shell."""
    return shlex.join(["clipart", "resume", str(folder)])


def _holder(opened: int) -> dict[str, Any]:
    os.lseek(opened, 0, os.SEEK_SET)
    try:
        found = json.loads(os.read(opened, MAX_LOCK_BYTES))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _may_live(holder: dict[str, Any]) -> bool:
    """Say whether the process that a lock file names may be alive, where the system has no locks."""
    number, host = holder.get("pid"), holder.get("host")
    if not isinstance(number, int) or number < 1:
        return False
    return host != socket.gethostname() or is_alive(number)
