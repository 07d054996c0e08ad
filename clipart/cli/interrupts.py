"""Ctrl-C and SIGTERM: the first asks a run to end well, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While entered, the first signal makes `stop_now()` true, and the second raises KeyboardInterrupt.

    Python runs the handler between two instructions of the main thread, perhaps in the midst of drawing
    the bar, so it only takes note; whoever polls says so.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int | None:
        """130 after Ctrl-C, 143 after SIGTERM, None if there was no signal."""
        return None if self.signal is None else 128 + self.signal

    def stop_now(self) -> bool:
        """Say whether a signal has come in."""
        return self.signal is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = self.signal is not None, number
        if again:
            raise KeyboardInterrupt
