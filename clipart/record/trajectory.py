"""The trajectory of a whole run: one film, or several where the run was cut and went on.

A run that goes on from step k records a new film, `trajectory-2.mkv` and so forth, whose first frame is step
k. Frames of older films from step k on are left out: they show steps that were taken again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ClipartError, UsageError
from clipart.record.folder import Folder, Slot
from clipart.record.video import read_frames, read_steps

if TYPE_CHECKING:
    import av

MOST = 999_999  # films of one run
_NAME = re.compile(r"trajectory(?:-(\d{1,6}))?(\.part)?\.mkv")


class Trajectory:
    """The recorded frames of a run, in order: `steps` says of which steps, `frames` decodes them.

    Raises:
        ClipartError: a file cannot be read, or there is no frame in any.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._steps: list[list[int]] = []
        for path in self.files:
            try:
                self._steps.append(read_steps(path))
            except ClipartError:
                if len(self.files) == 1:
                    raise
                self._steps.append([])  # cut off before its first frame was whole
        end = float("inf")
        for steps in reversed(self._steps):
            steps[:] = [step for step in steps if step < end]
            end = min(end, steps[0]) if steps else end
        self.steps = [step for steps in self._steps for step in steps]
        if not self.steps:
            raise ClipartError(f"{self.files[0] if self.files else 'the run'}: no frame in it.")

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the frames in order, one for each of `steps`; fewer where a file ends in half a frame."""
        for path, steps in zip(self.files, self._steps, strict=True):
            if steps:
                for _, frame in zip(steps, read_frames(path), strict=False):
                    yield frame


def open_trajectory(path: Path | Folder) -> Trajectory:
    """Return the trajectory of a run's folder, or the frames of any one film.

    Raises:
        UsageError: a folder without a trajectory.
        ClipartError: as `Trajectory`.
    """
    if isinstance(path, Path) and not path.is_dir():
        return Trajectory([path])
    folder = path if isinstance(path, Folder) else Folder(path)
    files = [folder.reach(name) for name in _names(folder)]
    if not files:
        raise UsageError(f"{folder.path}: no trajectory in it. Was the run made with --video none?")
    return Trajectory(files)


def segments(folder: Path) -> list[Path]:
    """Return the films of the trajectory in a run's folder, the oldest first.

    Raises:
        UsageError: one is a link or no ordinary file.
    """
    return [folder / name for name in _names(Folder(folder))]


def _names(folder: Folder) -> list[str]:
    found = [(_NAME.fullmatch(name), name) for name in folder.names()]
    numbered = [(int(match[1] or 1), not match[2], name) for match, name in found if match]
    return [name for *_, name in sorted(numbered) if folder.has(name)]


def next_segment(run: Folder | Path) -> Slot:
    """Return where a run that goes on records, having ended the films of a process that was killed.

    Raises:
        UsageError: a film there is a link or no ordinary file.
        ClipartError: the folder cannot be written.
    """
    folder = run if isinstance(run, Folder) else Folder(run)
    number = 0
    for name in _names(folder):
        match = _NAME.fullmatch(name)
        number = max(number, int(match[1] or 1) if match else 1)
        whole = name.replace(".part", "")
        if whole != name and not folder.has(whole):
            folder.rename(name, whole)
        elif whole != name:
            folder.remove(name)
    if number >= MOST:
        raise UsageError(f"{folder.path}: there are films numbered up to {number} in it; {MOST} is the most.")
    return folder.slot("trajectory.mkv" if number == 0 else f"trajectory-{number + 1}.mkv")
