"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal): one asks a run to end well, a second ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

HANGUP: int | None = getattr(signal, "SIGHUP", None)  # not on Windows
SIGNALS = tuple(number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None)


class Interrupts:
    """While entered, the first signal makes `stop_now()` true, and the second raises KeyboardInterrupt.

    SIGHUP asks as the others do, but is no second signal: where a terminal is closed, kernel, shell and
    session manager each send one, and a SIGTERM beside it.

    Python runs the handler between two instructions of the main thread, perhaps in the midst of drawing
    the bar, so it only takes note; whoever polls says so.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked = False  # by another signal than SIGHUP
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int | None:
        """130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, None if there was no signal."""
        return None if self.signal is None else 128 + self.signal

    def stop_now(self) -> bool:
        """Say whether a signal has come in."""
        return self.signal is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            ours = [number for number in SIGNALS if number != HANGUP or not _is_ignored(number)]
            self._before = {number: signal.signal(number, self._handle) for number in ours}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = self._asked and number != HANGUP, number
        self._asked = self._asked or number != HANGUP
        if again:
            raise KeyboardInterrupt


def _is_ignored(number: int) -> bool:
    """Say whether the process was started to go on after this signal, as by `nohup`."""
    return signal.getsignal(number) == signal.SIG_IGN


def signal_name(number: int | None) -> str:
    """Return what a person calls the signal."""
    return {signal.SIGTERM: "SIGTERM", HANGUP: "SIGHUP"}.get(number, "Ctrl-C") if number else "Ctrl-C"
