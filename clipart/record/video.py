"""Frames of films, by PyAV: made of images, in our size and colours, and read back; and its errors.

The time stamps of a trajectory (`clipart.record.recorder`) are steps, at `STEPS_PER_SECOND`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart import limits
from clipart.errors import ClipartError
from clipart.files import explain
from clipart.record.films import film_in, open_film

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from torch import Tensor

STEPS_PER_SECOND = 25  # how fast a trajectory plays by itself; 40 ms a step is exact in Matroska's clock
MAX_SIDE = 1920  # pixels; larger pictures are filmed at this size, since many players take no more
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


def read_steps(trajectory: Path) -> list[int]:
    """Return the steps that `trajectory` has a frame of, in order, without decoding it.

    Raises:
        ClipartError: it cannot be read, or has no frame.
    """
    steps = []
    with _open_trajectory(trajectory) as (container, stream):
        for packet in container.demux(stream):
            if packet.pts is not None:
                steps.append(round(packet.pts * packet.time_base * STEPS_PER_SECOND))
            if len(steps) > limits.FILM_FRAMES:
                raise ClipartError(f"{trajectory}: has more than {limits.FILM_FRAMES:,} frames.")
    if not steps:
        raise ClipartError(f"{trajectory}: no frame in it.")
    return sorted(steps)  # packets of other films may be in another order than frames


def read_frames(trajectory: Path) -> Iterator[av.VideoFrame]:
    """Yield the frames of `trajectory` in order, yuv444p, one for each of `read_steps`.

    Raises:
        ClipartError: it cannot be read.
    """
    with _open_trajectory(trajectory) as (container, stream):
        yield from container.decode(stream)


@contextmanager
def _open_trajectory(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    import av

    stream = None
    try:
        with open_film(path) as container:
            stream = film_in(container, path)
            yield container, stream
    except (OSError, ValueError, ArithmeticError, av.error.FFmpegError) as error:
        if stream is None or not isinstance(error, av.error.InvalidDataError):
            reason = getattr(error, "strerror", None) or error
            raise ClipartError(f"{path}: could not be read ({reason}).") from error
        # The file ends in the middle of a frame: the frames before it have been read.


def to_frame(image: Tensor, size: tuple[int, int]) -> av.VideoFrame:
    """Return `image`, (3, H, W) RGB in [0, 1], as a frame of `size` (width, height) in yuv444p, BT.709."""
    import av
    import numpy as np

    # NumPy, not torch: one thread takes 0.1 ms for it; torch's two took 7 ms while other processes ran.
    levels = image.detach().cpu().numpy() * np.float32(255) + np.float32(0.5)
    planes = np.clip(levels, 0, 255, out=levels).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(planes.transpose(1, 2, 0), "gbrp")
    return frame.reformat(
        *size, format="yuv444p", dst_colorspace="ITU709", interpolation="BICUBIC", threads=1
    )


def set_colours(context: Any) -> None:
    """Tag a stream as BT.709 in limited range; without tags, players guess by the picture's size."""
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
