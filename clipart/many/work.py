"""The work on one task, and the process that does such work, one task after another, as it is told by a pipe.

Messages are JSON; nothing is pickled. Without the other end of the pipe a run is saved, and the process ends.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.errors import ClipartError, is_out_of_memory
from clipart.many.tasks import State, Task, look
from clipart.orders import Orders
from clipart.shelf import Shelf

if TYPE_CHECKING:
    from clipart.iterates import Iterate
    from clipart.runs import Outputs

Tell = Callable[[int, int], None]  # told the step, and of how many
_PERIOD = 0.2  # seconds from one step that is told to the next


def carry_out(
    task: Task, outputs: Outputs, shelf: Shelf, stop_now: Callable[[], bool], tell: Tell
) -> tuple[State, str]:
    """Make the picture of `task`, or go on with it, in its folder in `outputs.folder`.

    Returns what came of it, and the reason if that is "failed". Only KeyboardInterrupt and its like go on.
    """
    from clipart.record.checkpoint import latest
    from clipart.runs import resume, run

    assert outputs.folder is not None  # noqa: S101 (its callers give one)

    def watch(it: Iterate) -> None:
        tell(it.step, it.steps)

    try:
        found = look(outputs.folder, task.name)
        if found.done:
            return "there", ""
        saved = None
        if found.folder is not None:
            with suppress(ClipartError):  # no checkpoint can be used: from the beginning
                saved = latest(found.folder)
        with shelf.used():
            if saved is not None:
                done = resume(saved, consumers=[watch], stop_now=stop_now)
            else:
                done = run(task.recipe, replace(outputs, name=task.name), [watch], stop_now)
    except Exception as error:  # the others go on
        return "failed", explained(error)
    return ("cut", "") if done.stop == "interrupted" else ("made", "")


def explained(error: Exception) -> str:
    """Return in words why a run failed."""
    if isinstance(error, ClipartError):
        return "\n".join([str(error), *getattr(error, "__notes__", [])])
    if is_out_of_memory(error):
        return "Out of memory. Try a smaller size, fewer views at once (chunk), or fewer jobs."
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return f"Unexpected {type(error).__name__}: {reason}"


class Line(Orders):
    """The worker's end of the pipe, which tells how far a run is."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(pipe)
        self._told = 0.0

    def tell(self, **message: Any) -> None:
        """Send a message."""
        self.send(message)

    def step(self, step: int, steps: int) -> None:
        """Tell how far the run is, a few times a second."""
        if step in (0, steps) or time.monotonic() - self._told >= _PERIOD:
            self._told = time.monotonic()
            self.tell(event="step", step=step, steps=steps)


def work(pipe: Connection, base: str, outputs: dict[str, Any], threads: int | None, jobs: int) -> None:
    """Make what comes by `pipe`, until its other end is closed.

    Args:
        pipe: to the process that hands out the tasks.
        base: the folder in which the folders of the runs are.
        outputs: what `clipart.runs.Outputs.kept` returned.
        threads: of torch, for each process; None: an equal part of what one process alone would have.
        jobs: the number of processes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other process, which then says so
    import torch

    from clipart.notes import listen
    from clipart.recipe import make_recipe
    from clipart.runs import Outputs

    torch.set_num_threads(threads or max(1, torch.get_num_threads() // jobs))
    line, shelf = Line(pipe), Shelf()
    listen(lambda text: line.tell(event="note", text=text))
    made = Outputs(folder=Path(base), **outputs)
    while not line.closed:
        line.look(None)
        while line.waiting and not line.closed:
            order = line.waiting.pop(0)
            task = Task(order["number"], make_recipe(order["recipe"]))
            state, reason = (
                ("cut", "") if line.stopped else carry_out(task, made, shelf, line.stop_now, line.step)
            )
            line.tell(event="over", number=task.number, state=state, reason=reason)
