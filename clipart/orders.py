"""The worker's end of a pipe by which one process tells another what to make, in JSON; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any


class Orders:
    """What was ordered by `pipe`, and a way to answer; without the other end, everything stops.

    `waiting` are the orders that are to be carried out, `stopped` says that the one under way has to end, and
    `closed` that there is nobody at the other end.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.stopped = self.closed = False
        self.waiting: list[dict[str, Any]] = []

    def send(self, message: Mapping[str, Any], *attached: bytes) -> None:
        """Send a message, and what is attached to it as messages of their own."""
        try:
            self._pipe.send_bytes(json.dumps(message).encode())
            for data in attached:
                self._pipe.send_bytes(data)
        except OSError:
            self.closed = True

    def look(self, seconds: float | None = 0.0) -> None:
        """Read the orders that are there, waiting up to `seconds` for the first; None waits for ever."""
        try:
            while self._pipe.poll(seconds):
                self.take(json.loads(self._pipe.recv_bytes()))
                seconds = 0.0
        except (EOFError, OSError):
            self.closed = True

    def take(self, order: dict[str, Any]) -> None:
        """Take in one order."""
        if order["do"] == "stop":
            self.stopped = True
        else:
            self.waiting.append(order)

    def stop_now(self) -> bool:
        """Say whether the run has to end after this step."""
        self.look()
        return self.stopped or self.closed
