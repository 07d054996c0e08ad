"""From a trajectory to a film: which moment of the run each frame of the film shows, in which size."""

from __future__ import annotations

import bisect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from clipart.errors import ClipartError, UsageError
from clipart.record.encoders import CLEAR, FORMATS, encode
from clipart.record.folder import Place, Slot, written
from clipart.record.tags import append_tags
from clipart.record.trajectory import Trajectory
from clipart.record.video import plain_errors, to_frame

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray
    from torch import Tensor

    Planes = NDArray[Any]

EASE = 1.6  # of the motion's time u in [0, 1], the film is at step u ** EASE of the run
MAX_SIDE = 4096


@dataclass(frozen=True)
class Film:
    """How a trajectory is shown: `seconds` long at `fps` frames a second.

    The run's motion, then the finished picture for `hold` seconds, at most half of the film. `ease` 1 gives
    every step the same time; more gives the early, fast steps more of it. `reverse` runs it backwards;
    `boomerang` there and back, with the hold in between. `interpolate` fades from one recorded step to the
    next. `size` is the longer side in pixels, None as recorded. `caption` is a line below the picture, to
    which the step is added.

    Raises:
        UsageError: a value out of range.
    """

    fps: int = 30
    seconds: float = 10.0
    hold: float = 1.5
    ease: float = EASE
    size: int | None = None
    reverse: bool = False
    boomerang: bool = False
    interpolate: bool = False
    caption: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 240:
            raise UsageError(f"fps = {self.fps} is out of range: a film has 1 to 240 frames a second.")
        if not 0.1 <= self.seconds <= 3600 or not self.hold >= 0:
            raise UsageError(
                f"seconds = {self.seconds}, hold = {self.hold}: a film takes 0.1 to 3600 s, a hold 0 up."
            )
        if not 0.1 <= self.ease <= 10:
            raise UsageError(f"ease = {self.ease} is out of range: 0.1 to 10; 1 is even.")
        if self.size is not None and not 16 <= self.size <= MAX_SIDE:
            raise UsageError(f"size = {self.size} is out of range: 16 to {MAX_SIDE} pixels.")
        if self.reverse and self.boomerang:
            raise UsageError("A film runs backwards, or there and back: give reverse or boomerang.")


def render(
    trajectory: Trajectory,
    path: Place,
    film: Film | None = None,
    last: Tensor | None = None,
    texts: Mapping[str, str] | None = None,
    cut: Callable[[Planes], Planes] | None = None,
) -> int:
    """Render `trajectory` to `path` and return the count of frames; the suffix of `path` says the format.

    `last`, (3, H, W) RGB in [0, 1] of any size, is the finished picture that is held; without it, that is the
    last recorded frame. `texts` are what the file carries (`clipart.record.metadata.tags`). Odd sizes are
    padded to even ones by repeating the edge, where the format wants that. `cut` makes RGBA, (H, W, 4) uint8,
    of RGB, (H, W, 3), for films with a transparent ground. Written atomically, in constant memory; a
    trajectory that a crash cut short is rendered as far as it goes.

    Raises:
        UsageError: a suffix of no known format.
        UsageError, ResourceError, ClipartError: `path` cannot be written.
    """
    film, kind = film or Film(), path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path}: a film ends in {', '.join(f'.{name}' for name in FORMATS)}.")
    if cut is not None and kind not in CLEAR:
        kinds = " or ".join(CLEAR)
        raise UsageError(f"--cutout: a film with a transparent ground is {kinds}. Type --format webp")
    moments = schedule(trajectory.steps, film)
    forward = kind != "gif" and all(a <= b for a, b in pairwise(moments))  # a GIF needs two passes
    named = path.path if isinstance(path, Slot) else path
    with written(path) as temporary, plain_errors(named), _Reel(trajectory, film, last, forward) as reel:
        pictures = partial(map, reel.picture, moments)
        encode(pictures, temporary, kind, film.fps, texts or {}, cut)
        append_tags(temporary, texts or {})
    return len(moments)


def schedule(steps: Sequence[int], film: Film) -> list[float]:
    """Return for each frame of the film which recorded frame it shows, by index into `steps`.

    len(steps) stands for the finished picture; 2.25 for three parts of frame 2 and one of frame 3.
    """
    total = max(1, round(film.seconds * film.fps))
    held = min(round(film.hold * film.fps), total // 2)
    there = total - held if not film.boomerang else (total - held + 1) // 2
    moments = pace(steps, there, film.ease, film.interpolate)
    back = moments[: total - held - there][::-1]
    moments = [*moments, *[float(len(steps))] * held, *back]
    return moments[::-1] if film.reverse else moments


def pace(steps: Sequence[int], count: int, ease: float = EASE, between: bool = False) -> list[float]:
    """Return for each of `count` frames of a motion through `steps` which recorded frame it shows.

    It is the nearest one, or with `between` a fraction: 2.25 is a quarter of the way from frame 2 to 3.
    """
    first, length = steps[0], steps[-1] - steps[0]
    middles = [(a + b) / 2 for a, b in pairwise(steps)]
    moments: list[float] = []
    for k in range(count):
        step = min(first + length * (k / max(1, count - 1)) ** ease, steps[-1])
        if not between:
            moments.append(float(bisect.bisect_left(middles, step)))
            continue
        index = max(0, bisect.bisect_right(steps, step) - 1)
        gap = (steps[index + 1] - steps[index] if index + 1 < len(steps) else 1) or 1
        moments.append(index + (step - steps[index]) / gap)
    return moments


class _Reel:
    """The pictures of a film by moment, as planes (3, H, W) uint8 in yuv444p, BT.709.

    Moments that only go `forward` are decoded as they come, two frames in memory; for others, all frames go
    to a temporary file first.
    """

    def __init__(self, trajectory: Trajectory, film: Film, last: Tensor | None, forward: bool) -> None:
        self._steps, self._film, self._last = trajectory.steps, film, last
        self._source = self._planes(trajectory)
        self._next, self._shape = 0, (0, 0, 0)
        self._cache: dict[int, Planes] = {}
        self._disk: Any = None
        if not forward:
            self._disk = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
            for index in range(len(self._steps) + 1):
                self._cache = {index: self._advance(index)}
                self._disk.write(self._cache[index].tobytes())

    def __enter__(self) -> _Reel:
        return self

    def __exit__(self, *_: object) -> None:
        if self._disk is not None:
            self._disk.close()

    def picture(self, moment: float) -> Planes:
        """Return what the film shows at `moment`."""
        import numpy as np

        index, part = int(moment), moment % 1
        planes = self._frame(index)
        if part:
            mixed = planes * np.float32(1 - part) + self._frame(index + 1) * np.float32(part)
            planes = np.rint(mixed).astype(np.uint8)
        if not self._film.caption:
            return planes
        from clipart.record.caption import caption

        steps = [*self._steps, self._steps[-1]]
        step = round(steps[index] + part * (steps[min(index + 1, len(steps) - 1)] - steps[index]))
        return caption(planes, self._film.caption, f"step {step}")

    def _frame(self, index: int) -> Planes:
        import numpy as np

        if self._disk is not None:
            size = int(np.prod(self._shape))
            self._disk.seek(index * size)
            return np.frombuffer(self._disk.read(size), np.uint8).reshape(self._shape)
        if index not in self._cache:
            self._cache[index] = self._advance(index)
            for old in [key for key in self._cache if key < index - 1]:
                del self._cache[old]
        return self._cache[index]

    def _advance(self, index: int) -> Planes:
        """Decode on to the frame `index`; where the trajectory ends earlier, that is its last one."""
        newest = self._cache[max(self._cache)] if self._cache else None
        for planes in self._source:
            newest = planes
            self._next += 1
            if self._next > index:
                break
        if newest is None:
            raise ClipartError("There is no frame in the trajectory.")
        return newest

    def _planes(self, trajectory: Trajectory) -> Iterator[Planes]:
        """Yield the frames in the size of the film, and the finished picture as the last of them."""
        size, count = None, 0
        for frame in trajectory.frames():
            size = size or fitted(frame.width, frame.height, self._film.size)
            count += 1
            yield self._sized(frame, size)
        if self._last is not None and size is not None:
            finished = self._sized(to_frame(self._last, size), size)
            for _ in range(count, len(self._steps) + 1):
                yield finished

    def _sized(self, frame: av.VideoFrame, size: tuple[int, int]) -> Planes:
        if (frame.width, frame.height, frame.format.name) != (*size, "yuv444p"):
            frame = frame.reformat(*size, format="yuv444p", interpolation="LANCZOS")
        planes: Planes = frame.to_ndarray()
        self._shape = planes.shape
        return planes


def fitted(width: int, height: int, longer: int | None) -> tuple[int, int]:
    """Return `width` and `height` scaled so that the longer side has `longer` pixels, 16 at least a side."""
    if longer is None:
        return width, height
    scale = longer / max(width, height)
    return max(16, round(width * scale)), max(16, round(height * scale))
