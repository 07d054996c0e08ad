"""The folder of all runs: what is in it, and the files of a run that may be seen. Nothing else is opened.

A run is asked for by the name of its folder, and a file by one of `FILES`. Links are not followed
(`clipart.record.folder`), so that nothing outside is reached, whatever was put there.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError, UsageError
from clipart.notebook import pictures, spread
from clipart.pictures import open_picture
from clipart.recipe import Recipe
from clipart.record.folder import CHECKPOINTS, Folder
from clipart.record.metadata import read_origin
from clipart.record.trajectory import Trajectory, open_trajectory
from clipart.studio.asked import again
from clipart.studio.uploads import keep

FILMS = ("mp4", "webm", "gif", "apng", "webp")
TYPES = {
    "picture.png": "image/png",
    "picture.svg": "image/svg+xml",
    "recipe.toml": "text/plain; charset=utf-8",
    "log.jsonl": "text/plain; charset=utf-8",
    "video.mp4": "video/mp4",
    "video.webm": "video/webm",
    "video.gif": "image/gif",
    "video.apng": "image/apng",
    "video.webp": "image/webp",
}
BYTES = 512 * 2**20  # of a file that is sent
SHOWN = 300  # runs in a list
MOMENTS = 60  # pictures of a timeline
SHEET = 64  # pictures on a sheet
_films = threading.Semaphore(1)
_gone = "There is no such run."


class Shelf:
    """The runs in the folder `root`; nothing is written there if it is `read_only`."""

    def __init__(self, root: Path, read_only: bool = False) -> None:
        self.root, self._read_only = root, read_only
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    @contextmanager
    def run(self, name: str) -> Iterator[Folder]:
        """Open the folder of a run by its name.

        Raises:
            ClipartError: there is none, or it is a link.
        """
        if not name or name.startswith(".") or set(name) & set("/\\\0") or len(name) > 255:
            raise UsageError(_gone)
        with Folder.open(self.root) as base:
            if not base.has(name, "folder"):
                raise UsageError(_gone)
            with base.sub(name) as inner:
                if not inner.has("recipe.toml"):
                    raise UsageError(_gone)
                yield inner

    def runs(self, words: str = "") -> list[dict[str, Any]]:
        """Return the runs whose prompt or name has all of `words` in it, newest first."""
        found = []
        for entry in os.scandir(self.root):
            with suppress(OSError, ClipartError, UnicodeError):
                if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                    continue
                time = Path(entry.path, "recipe.toml").lstat().st_mtime
                found.append((time, entry.name))
        runs: list[dict[str, Any]] = []
        wanted = words.lower().split()
        for time, name in sorted(found, reverse=True):
            with suppress(ClipartError):
                about = self._about(name, time)
                text = f"{about['prompt']} {name}".lower()
                if all(word in text for word in wanted):
                    runs.append(about)
            if len(runs) == SHOWN:
                break
        return runs

    def _about(self, name: str, time: float) -> dict[str, Any]:
        known = self._known.get(name)
        if known is None or known[0] != time:
            recipe = self.recipe(name)
            size = f"{recipe.width}x{recipe.height}"
            values = {"name": name, "prompt": recipe.prompt, "size": size, "seed": recipe.seed, "time": time}
            known = self._known[name] = (time, values)
        with self.run(name) as folder:
            return known[1] | {"picture": folder.has("picture.png")}

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of a run. It is data: nothing that it names is opened."""
        with self.run(name) as folder:
            return read_origin(folder.reach("recipe.toml")).recipe

    def show(self, name: str) -> dict[str, Any]:
        """Return what the page shows of one run."""
        recipe = self.recipe(name)
        with self.run(name) as folder:
            files = [each for each in TYPES if folder.has(each)]
            can_go_on = folder.has(CHECKPOINTS, "folder") and not _has_ended(folder)
            toml = _read(folder, "recipe.toml").decode("utf-8", "replace")
            branch = None
            with suppress(ClipartError, ValueError):
                branch = json.loads(_read(folder, "branch.json")) if folder.has("branch.json") else None
        return {
            "name": name,
            "files": files,
            "recipe": toml,
            "ask": again(recipe),
            "command": shlex.join(["clipart", "replay", str(self.root / name)]),
            "branch": branch if isinstance(branch, dict) else None,
            "resumable": can_go_on,
        }

    def file(self, name: str, file: str) -> tuple[bytes, str]:
        """Return a file of a run, and its type.

        Raises:
            ClipartError: no such run, or no such file of those that are shown.
        """
        if file not in TYPES:
            raise UsageError("There is no such file.")
        with self.run(name) as folder:
            if not folder.has(file):
                raise UsageError("There is no such file yet.")
            return _read(folder, file), TYPES[file]

    def film(self, name: str, kind: str) -> tuple[bytes, str]:
        """Return the film of a run in one of `FILMS`; made if it is not there, by `clipart video`."""
        if kind not in FILMS:
            raise UsageError(f"A film is {', '.join(FILMS)}.")
        with self.run(name) as folder:
            is_there = folder.has(f"video.{kind}")
        if is_there:
            return self.file(name, f"video.{kind}")
        run = str(self.root / name)
        with _films, tempfile.TemporaryDirectory(prefix="clipart-studio-") as place:
            command = [sys.executable, "-m", "clipart", "video", run, "--format", kind, "--quiet"]
            output = Path(place) / f"film.{kind}"
            command += ["--output", str(output)] if self._read_only else []
            done = subprocess.run(command, capture_output=True, timeout=600, check=False)  # noqa: S603
            if done.returncode:
                raise ClipartError(done.stderr.decode("utf-8", "replace")[-500:] or "There is no film.")
            if self._read_only:
                return output.read_bytes(), TYPES[f"video.{kind}"]
        return self.file(name, f"video.{kind}")

    def sheet(self, words: str) -> bytes:
        """Return a PNG of the pictures of the newest runs that `words` finds."""
        from clipart.record.sheet import make_sheet

        runs = [self.root / each["name"] for each in self.runs(words) if each["picture"]][:SHEET]
        if not runs:
            raise UsageError("There is no picture to put on a sheet.")
        with tempfile.TemporaryDirectory(prefix="clipart-studio-") as place:
            make_sheet(runs, Path(place) / "sheet.png", 192)
            return (Path(place) / "sheet.png").read_bytes()

    # --- the timeline ---

    def moments(self, name: str) -> list[int]:
        """Return the steps of a run whose picture can be seen, at most `MOMENTS`, the first and last too."""
        with self.run(name) as folder:
            steps = open_trajectory(folder).steps
        return spread(steps, MOMENTS)

    def moment(self, name: str, step: int) -> bytes:
        """Return the picture of a run at the recorded step nearest to `step`, as JPEG."""
        buffer = io.BytesIO()
        self._frame(name, step).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def keep_moment(self, name: str, step: int) -> str:
        """Keep the picture of a run at a step as an upload is kept, and return its id."""
        return keep(self.root, self._frame(name, step))

    def keep_picture(self, name: str) -> str:
        """Keep the finished picture of a run as an upload is kept, and return its id.

        Raises:
            UsageError, ClipartError: there is no such run, or no picture in it.
        """
        with tempfile.TemporaryDirectory(prefix="clipart-studio-") as folder:
            path = Path(folder) / "picture.png"
            path.write_bytes(self.file(name, "picture.png")[0])
            return keep(self.root, open_picture(path))

    def _frame(self, name: str, step: int) -> Any:
        with self.run(name) as folder:
            trajectory: Trajectory = open_trajectory(folder)
            nearest = min(trajectory.steps, key=lambda each: abs(each - step))
            found = next(pictures(trajectory, [nearest]), None)
            if found is None:
                raise ClipartError("There is no picture of this run yet.")
            return found[1]


def _read(folder: Folder, name: str) -> bytes:
    with os.fdopen(folder.open_file(name, os.O_RDONLY), "rb") as file:
        if os.fstat(file.fileno()).st_size > BYTES:
            raise UsageError(f"The file has more than {BYTES // 2**20} MB.")
        return file.read(BYTES)


def _has_ended(folder: Folder) -> bool:
    """Say whether a run came to its own end, by the last line of its log."""
    if not folder.has("log.jsonl"):
        return False
    with suppress(ValueError, AttributeError):
        last = _read(folder, "log.jsonl").rstrip().rpartition(b"\n")[2]
        return json.loads(last).get("stop") not in (None, "interrupted")
    return False
