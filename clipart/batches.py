"""Many pictures by one command: a folder for each, what is there is skipped, what was cut goes on.

A batch is recipes in an order. Picture 7 lies in a run's folder in `FOLDER/007`. Begun again with the same
recipes, a batch makes what is missing; a run that was cut is resumed, to the bit. A picture that fails does
not stop the others.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.files import require_folder
from clipart.models.kept import models_kept
from clipart.recipe import Recipe, make_recipe
from clipart.record.checkpoint import latest
from clipart.record.folder import is_run
from clipart.record.keep import Outputs
from clipart.record.log import read_log
from clipart.record.metadata import read_origin
from clipart.runs import resume, run

MOST_JOBS = 64
Status = Literal["made", "there", "failed", "stopped"]
PICTURE = "picture.png"


@dataclass(frozen=True)
class Made:
    """What became of one picture of a batch.

    Attributes:
        number: its place in the batch, from 1.
        prompt, seed: of its recipe; the seed is None if it failed before one was drawn.
        status: "made" now, "there" before, "failed", or "stopped" by a signal.
        match: the least of the judge's matches of the parts that were wanted, in [0, 1]; None if nothing
        judged.
        seconds: that it took now.
        run: its folder, None if there is none.
        error: why it failed, empty if it did not.
    """

    number: int
    prompt: str
    status: Status
    seed: int | None = None
    match: float | None = None
    seconds: float = 0.0
    run: Path | None = None
    error: str = ""

    @property
    def picture(self) -> Path | None:
        """The picture's file, None if there is none."""
        return self.run / PICTURE if self.run is not None and (self.run / PICTURE).is_file() else None


def batch(
    recipes: Sequence[Recipe],
    folder: str | os.PathLike[str] = "outputs/batch",
    jobs: int = 1,
    video: str = "none",
    tell: Callable[[Made], None] = lambda made: None,
    stop_now: Callable[[], bool] = lambda: False,
) -> list[Made]:
    """Make the pictures of `recipes` in `folder`, and return what became of each, in their order.

    Models are loaded once a process. With `jobs` above 1 so many processes share the threads of this one,
    each with at least one; a picture is the same to the bit for one number of threads, whatever `jobs` is.
    `tell` is called with each picture when it is done, `stop_now` is asked between two steps: what is under
    way is saved, the rest is not begun.

    Raises:
        UsageError: no recipes or too many, `jobs` out of range, or a folder that cannot be written.
    """
    if not 1 <= len(recipes) <= limits.PICTURES:
        raise UsageError(f"A batch has 1 to {limits.PICTURES:,} pictures, and these are {len(recipes):,}.")
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"jobs = {jobs}: type a number from 1 to {MOST_JOBS}.")
    place = Path(folder)
    require_folder(place)
    tasks = [(number, each, place / f"{number:03}", video) for number, each in enumerate(recipes, 1)]
    found: dict[int, Made] = {}
    making = _one_by_one(tasks, stop_now) if jobs == 1 else _by_jobs(tasks, jobs, stop_now)
    with contextlib.closing(making):
        for made in making:
            found[made.number] = made
            tell(made)
    return [found.get(number) or Made(number, each.prompt, "stopped") for number, each, _, _ in tasks]


Task = tuple[int, Recipe, Path, str]


def _one_by_one(tasks: Sequence[Task], stop_now: Callable[[], bool]) -> Generator[Made]:
    with models_kept():
        for task in tasks:
            if stop_now():
                return
            yield make_one(*task, stop_now)


def make_one(number: int, recipe: Recipe, folder: Path, video: str, stop_now: Callable[[], bool]) -> Made:
    """Make, resume or find one picture; an error of this picture is in what is returned."""
    began = time.monotonic()
    try:
        before = _begun(recipe, folder)
        if before is not None and (ended := _ended(before)):
            return Made(
                number, recipe.prompt, "there", read_origin(before).recipe.seed, ended.match, 0.0, before
            )
        if before is None:
            result = run(recipe, Outputs(folder=folder, video=video), stop_now=stop_now)
        else:
            result = resume(before, stop_now=stop_now)
    except Exception as error:  # whatever is wrong with this picture, the others are made
        reason = str(error) if isinstance(error, ClipartError) else f"{type(error).__name__}: {error}"
        return Made(
            number, recipe.prompt, "failed", recipe.seed, seconds=time.monotonic() - began, error=reason
        )
    matches = [reading.match for reading in result.check.readings if reading.weight > 0]
    return Made(
        number,
        recipe.prompt,
        "stopped" if result.stop == "interrupted" else "made",
        result.recipe.seed,
        min(matches, default=None),
        time.monotonic() - began,
        result.paths["picture"].parent,
    )


def _begun(recipe: Recipe, folder: Path) -> Path | None:
    """Return the folder of the run of `recipe` that was begun in `folder`, None if none can go on.

    Raises:
        UsageError: what was begun there was another recipe.
    """
    runs = (
        sorted(path for path in folder.glob("*") if path.is_dir() and is_run(path)) if folder.is_dir() else []
    )
    for path in reversed(runs):
        try:
            recorded = read_origin(path).recipe
        except ClipartError:  # cut before its recipe was written
            continue
        given = recipe.model_dump(exclude_defaults=True)
        if make_recipe(recorded.model_dump() | given) != recorded:
            raise UsageError(
                f"{folder} has a picture of another recipe ({recorded.prompt!r}). Choose another --folder, "
                "or leave the order of the list as it was."
            )
        if _ended(path) or _can_go_on(path):
            return path
    return None


def _can_go_on(path: Path) -> bool:
    try:
        latest(path)
    except ClipartError:
        return False
    return True


@dataclass(frozen=True)
class _Ended:
    """What the log of a run that came to its end says last; `match` as in `Made`."""

    match: float | None


def _ended(path: Path) -> _Ended | None:
    """Return how the run in `path` ended, None if it was cut, or interrupted, or has no picture."""
    stop, match = None, None
    try:
        for line in read_log(path / "log.jsonl"):
            matches = [reading.match for reading in line.readings or () if reading.weight > 0]
            stop, match = line.stop, min(matches, default=match)
    except ClipartError:
        return None
    finished = stop not in (None, "interrupted") and (path / PICTURE).is_file()
    return _Ended(match) if finished else None


# --- several processes --------------------------------------------------------------------------------


_stop: Any = None  # in a worker: the event that asks it to save and stop


def _by_jobs(tasks: Sequence[Task], jobs: int, stop_now: Callable[[], bool]) -> Generator[Made]:
    """Yield pictures as they are done by `jobs` processes, which are started anew and share nothing."""
    context = multiprocessing.get_context("spawn")
    stop, threads = context.Event(), max(1, _threads() // jobs)
    with ProcessPoolExecutor(min(jobs, len(tasks)), context, _prepare, (stop, threads)) as pool:
        waiting: dict[Future[Made], Task] = {pool.submit(_work, *task): task for task in tasks}
        try:
            while waiting:
                if stop_now() and not stop.is_set():
                    stop.set()
                    for future in [each for each in waiting if each.cancel()]:
                        del waiting[future]
                done, _ = wait(waiting, 0.2, FIRST_COMPLETED)
                for future in done:
                    number, recipe, _, _ = waiting.pop(future)
                    yield _result(future, number, recipe)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _result(future: Future[Made], number: int, recipe: Recipe) -> Made:
    try:
        return future.result()
    except BrokenProcessPool:
        return Made(
            number, recipe.prompt, "failed", recipe.seed, error="its process ended; begin the batch again"
        )


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _prepare(stop: Any, threads: int) -> None:
    """Set up a worker: its threads, its signals (the first process decides), and one set of models."""
    import signal

    import torch

    global _stop
    _stop = stop
    for number in (signal.SIGINT, signal.SIGTERM):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    models_kept().__enter__()  # until the process ends


def _work(number: int, recipe: Recipe, folder: Path, video: str) -> Made:
    if _stop.is_set():
        return Made(number, recipe.prompt, "stopped", recipe.seed)
    return make_one(number, recipe, folder, video, _stop.is_set)
