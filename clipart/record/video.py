"""The trajectory of a run, recorded as it happens.

A trajectory is a Matroska file that grows by one whole frame at a time, so that a run that is killed leaves
a film that plays up to its last frame. Its time stamps are steps, at `STEPS_PER_SECOND`: it can be rendered
to a film of any length later (`clipart.record.render`), and a run that goes on knows where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from clipart.errors import ClipartError
from clipart.files import explain

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from torch import Tensor

    from clipart.iterates import Iterate

STEPS_PER_SECOND = 25  # how fast a trajectory plays by itself; 40 ms a step is exact in Matroska's clock
MAX_SIDE = 1920  # pixels; larger pictures are filmed smaller, as what plays videos expects
DENSE = 125  # steps: the gap between two recorded steps is step // DENSE, at least 1
GRACE = 0.5  # seconds that recording may take before its share of the run's time is looked at
# The quickest preset: a run should not wait for its film, and the file is small either way.
_RECORD = {"preset": "ultrafast", "crf": "14", "tune": "zerolatency"}
_BT709, _LIMITED_RANGE = 1, 1


def require_encoder() -> None:
    """Check that this installation can write videos.

    Raises:
        ClipartError: PyAV, or the H.264 encoder in it, is missing; the message says what to install.
    """
    try:
        import av
        import imageio.plugins.pyav  # noqa: F401

        av.codec.Codec("libx264", "w")
        missing = {"matroska", "mp4"} - av.formats_available
    except ImportError as error:
        raise ClipartError(
            f"Videos need PyAV and imageio ({error}). Type: pip install av imageio   or add: --video none"
        ) from error
    except ValueError:  # PyAV's UnknownCodecError
        missing = {"libx264"}
    if missing:
        raise ClipartError(
            f"The installed PyAV has no {', '.join(sorted(missing))}. Its own builds have: "
            "pip install --force-reinstall --only-binary av av   or add: --video none"
        )


def film_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height in which a picture of `width` x `height` pixels is filmed: 16 to `MAX_SIDE`."""
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(16, round(width * scale)), max(16, round(height * scale))


class Recorder:
    """Writes the iterates that it is called with to a trajectory, in constant memory.

    While it is open the file is `<stem>.part<suffix>` beside `path`: it plays up to its last frame even if
    the process is killed. `close`, also after an exception, gives it the name `path`. Every step is recorded
    at first, later ones ever more rarely, so that 500 steps make about 350 frames and a million about 1,300.
    If recording takes more than `share` of the time since it began (and more than `GRACE`), steps are left
    out. The last iterate of a run is always recorded.

    `width` and `height` are the picture's, in pixels; images of other sizes are resized.

    Raises:
        UsageError, ResourceError, ClipartError: the file cannot be written; also on each call.
    """

    def __init__(self, path: Path, width: int, height: int, share: float = 0.04) -> None:
        self.path = path
        self.frames = 0
        self.seconds = 0.0  # spent recording
        self._part = path.with_name(f"{path.stem}.part{path.suffix}")
        self._size = film_size(width, height)
        self._share = share
        self._last = -1
        self._closed = False
        self._began = time.perf_counter()
        with plain_errors(self._part):
            self._open()

    def _open(self) -> None:
        import av

        self._part.touch()  # PyAV opens the file at the first frame; a bad place is told now
        # A cluster for each frame, each handed to the system at once: what is written stays readable.
        options = {"flush_packets": "1", "cluster_time_limit": "1"}
        self._container = av.open(str(self._part), "w", format="matroska", options=options)
        self._stream = self._container.add_stream("libx264", STEPS_PER_SECOND, options=_RECORD)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv444p"
        set_colours(self._stream.codec_context)
        self._stream.codec_context.thread_count = 1

    def __call__(self, it: Iterate) -> None:
        """Record `it`, if its turn has come."""
        self.add(it.image, it.step, last=it.stop is not None)

    def add(self, image: Tensor, step: int, last: bool = False) -> None:
        """Record `image`, (3, H, W) RGB in [0, 1] on the CPU, if `step` is due or the `last`.

        A step that is not beyond the one recorded before is left out.
        """
        now = time.perf_counter()
        if step <= self._last:
            return
        if not last and not self._is_due(step, now - self._began):
            return
        with plain_errors(self._part):
            frame = to_frame(image, self._size)
            frame.pts = step
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        self._last = step
        self.frames += 1
        self.seconds += time.perf_counter() - now

    def _is_due(self, step: int, elapsed: float) -> bool:
        gap = max(1, step // DENSE) if self.frames else 1
        return step - self._last >= gap and self.seconds <= GRACE + self._share * elapsed

    def close(self) -> None:
        """End the trajectory and give it its name; without a frame, remove it."""
        if self._closed:
            return
        self._closed = True
        with plain_errors(self._part):
            try:
                if self.frames:
                    for packet in self._stream.encode():
                        self._container.mux(packet)
            finally:
                self._container.close()
            if self.frames:
                self._part.replace(self.path)
            else:
                self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_steps(trajectory: Path) -> list[int]:
    """Return the steps that `trajectory` has a frame of, in order, without decoding it.

    Raises:
        ClipartError: it cannot be read, or has no frame.
    """
    steps = []
    with _open_trajectory(trajectory) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None:
                steps.append(round(packet.pts * packet.time_base * STEPS_PER_SECOND))
    if not steps:
        raise ClipartError(f"{trajectory}: no frame in it.")
    return sorted(steps)  # packets of other films may be in another order than frames


def read_frames(trajectory: Path) -> Iterator[av.VideoFrame]:
    """Yield the frames of `trajectory` in order, yuv444p, one for each of `read_steps`.

    Raises:
        ClipartError: it cannot be read.
    """
    with _open_trajectory(trajectory) as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


@contextmanager
def _open_trajectory(path: Path) -> Iterator[InputContainer]:
    import av

    container = None
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ClipartError(f"{path}: no film in it.")
            yield container
    except (OSError, av.error.FFmpegError) as error:
        if container is None or not isinstance(error, av.error.InvalidDataError):
            raise ClipartError(f"{path}: could not be read ({error.strerror or error}).") from error
        # Cut off in the middle of a frame: what came before it is good.


def to_frame(image: Tensor, size: tuple[int, int]) -> av.VideoFrame:
    """Return `image`, (3, H, W) RGB in [0, 1], as a frame of `size` (width, height) in yuv444p, BT.709."""
    import av
    import numpy as np

    # NumPy, not torch: one thread does it in 0.1 ms, two that wait for busy cores took 7 ms.
    levels = image.detach().cpu().numpy() * np.float32(255) + np.float32(0.5)
    planes = np.clip(levels, 0, 255, out=levels).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(planes.transpose(1, 2, 0), "gbrp")
    return frame.reformat(
        *size, format="yuv444p", dst_colorspace="ITU709", interpolation="BICUBIC", threads=1
    )


def set_colours(context: Any) -> None:
    """Say what the numbers mean; without this, players guess by the size of the picture."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what PyAV and the system say about `path` into errors for a person."""
    import av

    try:
        yield
    except OSError as error:
        raise explain(error, path) from error
    except av.error.FFmpegError as error:
        raise ClipartError(f"{path}: {error.strerror or error}.") from error
