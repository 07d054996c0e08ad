"""Tasks made into pictures, in this process or in several; what is done is skipped, what was cut goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart import limits
from clipart.errors import UsageError
from clipart.files import explain
from clipart.given import MARK
from clipart.many.crew import Crew, Watch
from clipart.many.tasks import Outcome, Task, look, outcome
from clipart.many.work import carry_out
from clipart.record.owner import RunFolder
from clipart.shelf import Shelf

if TYPE_CHECKING:
    from clipart.runs import Outputs


def gather(
    tasks: Sequence[Task],
    outputs: Outputs,
    jobs: int = 1,
    threads: int | None = None,
    stop_now: Callable[[], bool] = lambda: False,
    watch: Watch = lambda task, step, steps: None,
    shelf: Shelf | None = None,
) -> Iterator[Outcome]:
    """Make `tasks`, each in its own folder in `outputs.folder`; yield what came of each, as they end.

    Args:
        tasks: what is done already is yielded first, as "there".
        outputs: its `folder` is held, so that no other process works in it.
        jobs: 1: in this process. More: that many processes.
        threads: of torch, for each job; None: what torch would take, divided by the jobs.
        stop_now: asked now and then; once it is true, runs are saved, and no more is begun.
        watch: told the step of a task, and of how many.
        shelf: models that are loaded already, for one job.

    Raises:
        UsageError: another process works in the folder; `jobs` or `threads` out of range.
        ResourceError: the folder cannot be made.
    """
    base = _require(tasks, outputs, jobs, threads)
    with RunFolder.open(base) as folder, folder.held():
        done = {task.number: task for task in tasks if look(base, task.name).done}
        for task in done.values():
            yield outcome(task, "there", base)
        rest = [task for task in tasks if task.number not in done]
        if jobs > 1:
            yield from Crew(rest, base, outputs.kept(), jobs, threads, watch).outcomes(stop_now)
            return
        shelf = shelf or Shelf()
        for task in rest:
            if stop_now():
                return
            with _threads(threads):
                state, reason = carry_out(task, outputs, shelf, stop_now, partial(watch, task))
            yield outcome(task, state, base, reason)


def _require(tasks: Sequence[Task], outputs: Outputs, jobs: int, threads: int | None) -> Path:
    """Return the folder, made, if the numbers are in range."""
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value is not None and not 1 <= value <= limits.JOBS:
            raise UsageError(f"{name} = {value}: from 1 to {limits.JOBS}.")
    if outputs.folder is None:
        raise UsageError("Many pictures need a folder: give one.")
    if jobs > 1:
        for task in tasks:
            if any(name.startswith(MARK) for names in task.recipe.files.values() for name in names):
                raise UsageError(
                    f"{task.where}: a picture that is given in memory is not seen by other processes. "
                    "Save it and give its path, or take jobs=1."
                )
    try:
        outputs.folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{outputs.folder} is a file; pictures need a folder. Choose another.") from None
    except OSError as error:
        raise explain(error, outputs.folder, "choose another place with --folder") from error
    return outputs.folder


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch take `count` threads meanwhile; None: as many as it takes."""
    if count is None:
        yield
        return
    import torch

    before: Any = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
