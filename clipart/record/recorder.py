"""The trajectory of a run, recorded as it happens.

A trajectory is a Matroska file that grows by one whole frame at a time, so that a run that is killed leaves
a film that plays up to its last frame. Its time stamps are steps, at `STEPS_PER_SECOND`: it can be rendered
to a film of any length later (`clipart.record.render`), and a run that goes on knows where it was.

imageio has no way to say the encoder's options, the time stamp of a frame, or that each packet goes to the
system at once, so this is written with PyAV.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from clipart.errors import ClipartError
from clipart.record.films import protocol_free
from clipart.record.folder import Place, as_slot
from clipart.record.video import STEPS_PER_SECOND, film_size, plain_errors, set_colours, to_frame

if TYPE_CHECKING:
    from torch import Tensor

    from clipart.iterates import Iterate

DENSE = 125  # steps: the gap between two recorded steps is step // DENSE, at least 1
GRACE = 0.5  # seconds that recording may take before its share of the run's time is looked at
# x264's quickest preset, so that a run does not wait for its film.
_RECORD = {"preset": "ultrafast", "crf": "14", "tune": "zerolatency"}


class Recorder:
    """Writes the iterates that it is called with to a trajectory, in constant memory.

    While it is open the file is `<stem>.part<suffix>` beside `path`: it plays up to its last frame even if
    the process is killed. `close`, also after an exception, gives it the name `path`. Up to step
    249 every step is recorded; later there are step // `DENSE` steps from one to the next, so that 500 steps
    make about 350 frames and a million about 1,300. Steps are left out while recording has taken more than
    `GRACE` seconds and `share` of the time since it began. The last iterate of a run is always recorded.

    `width` and `height` are the picture's, in pixels; images of other sizes are resized.

    Raises:
        UsageError, ResourceError, ClipartError: the file cannot be written; also on each call.
    """

    def __init__(self, path: Place, width: int, height: int, share: float = 0.04) -> None:
        self._slot = as_slot(path)
        self.path = self._slot.path
        self.frames = 0
        self.seconds = 0.0  # spent recording
        self._part = self._slot.beside(f"{self.path.stem}.part{self.path.suffix}")
        self._size = film_size(width, height)
        self._share = share
        self._last = -1
        self._closed = False
        self._began = time.perf_counter()
        with plain_errors(self._part.path):
            self._open()

    def _open(self) -> None:
        import av

        # PyAV opens the file at the first frame; a bad place is told now.
        self._part.folder.make(self._part.name)
        # One cluster a frame, each given to the system at once: a killed process leaves all but the last few.
        options = {"flush_packets": "1", "cluster_time_limit": "1"}
        name = protocol_free(self._part.reach)
        self._container = av.open(name, "w", format="matroska", options=options)
        self._stream = self._container.add_stream("libx264", STEPS_PER_SECOND, options=_RECORD)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv444p"
        set_colours(self._stream.codec_context)
        self._stream.codec_context.thread_count = 1

    def __call__(self, it: Iterate) -> None:
        """Record `it`, if its step is due or it is the last."""
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
        with plain_errors(self._part.path):
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
        with plain_errors(self._part.path):
            try:
                if self.frames:
                    for packet in self._stream.encode():
                        self._container.mux(packet)
            finally:
                self._container.close()
            if self.frames:
                self._part.folder.rename(self._part.name, self._slot.name)
            else:
                self._part.folder.remove(self._part.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:  # what went wrong first is what a person has to know
            with suppress(ClipartError):
                self.close()
