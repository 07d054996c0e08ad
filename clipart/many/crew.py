"""Several processes that make pictures beside one another, and what they say."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from clipart.many.tasks import Outcome, Task, outcome
from clipart.many.work import work
from clipart.notes import note

LIVES = 2  # times that a task is taken up again after its process has ended
PATIENCE = 60.0  # seconds that a run has to save itself when the crew is sent home
_PERIOD = 0.2  # seconds between two looks whether to stop
_KILLED = "the process that made it ended {} times{}; it may need more memory than there is"
Watch = Callable[[Task, int, int], None]  # told the step of a task, and of how many


@dataclass
class _Hand:
    """One process, and what it works on."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None


class Crew:
    """`jobs` processes that make `tasks` in `base`, with `outputs`, what `Outputs.kept` returned.

    A task whose process ends goes on from its checkpoint in a new one, `LIVES` times.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        base: Path,
        outputs: dict[str, Any],
        jobs: int,
        threads: int | None,
        watch: Watch,
    ) -> None:
        self._waiting, self._watch = deque(tasks), watch
        self._base, self._settings = base, (str(base), outputs, threads, jobs)
        self._jobs, self._hands = min(jobs, len(tasks)), list[_Hand]()
        self._crashes: dict[int, int] = {}
        self._stopped = False

    def outcomes(self, stop_now: Callable[[], bool]) -> Iterator[Outcome]:
        """Yield what came of each task, in the order in which they end.

        Once `stop_now()`, those that go on are saved, and those that wait are left out.
        """
        try:
            while self._waiting or any(hand.task for hand in self._hands):
                if stop_now() and not self._stopped:
                    self._stopped = True
                    self._waiting.clear()
                    self._send_all(do="stop")
                self._hand_out()
                yield from self._hear()
        except GeneratorExit:
            self._go_home()
            raise
        finally:
            for hand in self._hands:
                hand.pipe.close()
            for hand in self._hands:
                if hand.task is not None:
                    hand.process.kill()
                hand.process.join(PATIENCE)
                if hand.process.is_alive():
                    hand.process.kill()

    def _go_home(self) -> None:
        """Let the runs that go on be saved, where nobody waits for what comes of them."""
        self._send_all(do="stop")
        end = time.monotonic() + PATIENCE
        while any(hand.task for hand in self._hands) and time.monotonic() < end:
            for _ in self._hear():
                pass

    def _send_all(self, **order: Any) -> None:
        for hand in self._hands:
            self._send(hand, **order)

    @staticmethod
    def _send(hand: _Hand, **order: Any) -> None:
        with suppress(OSError):  # it has ended, which `_hear` sees
            hand.pipe.send_bytes(json.dumps(order).encode())

    def _hand_out(self) -> None:
        busy = sum(hand.task is not None for hand in self._hands)
        while self._waiting and busy < self._jobs:
            hand = next((each for each in self._hands if each.task is None), None) or self._hire()
            hand.task = self._waiting.popleft()
            recipe = hand.task.recipe.model_dump(mode="json", exclude_none=True)
            self._send(hand, do="make", number=hand.task.number, recipe=recipe)
            busy += 1

    def _hire(self) -> _Hand:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, *self._settings), daemon=True, name="clipart")
        with _signals_held():
            process.start()
        theirs.close()
        self._hands.append(_Hand(process, ours))
        return self._hands[-1]

    def _hear(self) -> Iterator[Outcome]:
        """Yield what came of the tasks that have ended, after a moment in which somebody may say so."""
        ready = wait([hand.pipe for hand in self._hands], timeout=_PERIOD)
        for hand in [each for each in self._hands if each.pipe in ready]:
            try:
                message = json.loads(hand.pipe.recv_bytes())
            except (EOFError, OSError):
                yield from self._ended(hand)
                continue
            if message["event"] == "step" and hand.task is not None:
                self._watch(hand.task, message["step"], message["steps"])
            elif message["event"] == "note":
                note(message["text"])
            elif message["event"] == "over" and hand.task is not None:
                task, hand.task = hand.task, None
                yield outcome(task, message["state"], self._base, message["reason"])

    def _ended(self, hand: _Hand) -> Iterator[Outcome]:
        """Take up the task of a process that has ended, some times."""
        self._hands.remove(hand)
        hand.pipe.close()
        hand.process.join()
        if (task := hand.task) is None:
            return
        crashes = self._crashes[task.number] = self._crashes.get(task.number, 0) + 1
        if self._stopped:
            yield outcome(task, "cut", self._base)
        elif crashes > LIVES:
            code = hand.process.exitcode or 0
            how = f" (signal {-code})" if code < 0 else f" (exit code {code})"
            yield outcome(task, "failed", self._base, _KILLED.format(crashes, how))
        else:
            self._waiting.appendleft(task)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back Ctrl-C and a closed terminal meanwhile; a process that is started never gets them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
