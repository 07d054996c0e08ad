"""Many pictures in Python: `clipart.sweep` and `clipart.batch`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipart.errors import UsageError
from clipart.many.checks import all_wrong, require_all
from clipart.many.crew import Watch
from clipart.many.gather import gather
from clipart.many.page import Index
from clipart.many.rows import Row, read_file, recipe_of
from clipart.many.tasks import Outcome, Task, make_tasks
from clipart.recipe import Recipe, make_recipe
from clipart.record.files import slug
from clipart.runs import Outputs
from clipart.shelf import Shelf


def sweep(
    recipes: Iterable[Recipe | Mapping[str, Any] | str],
    *,
    folder: str | os.PathLike[str] = "outputs/sweep",
    jobs: int = 1,
    threads: int | None = None,
    outputs: Outputs | None = None,
) -> Iterator[Outcome]:
    """Make a picture of each recipe, and yield what came of it, in the order in which they end.

    Called again, what is done is not made again, and what was cut off goes on. What fails does not stop the
    others: its `state` is "failed". The pictures are those of single runs, to the bit, with as many threads.
    With more than one job, a script must begin its work under `if __name__ == "__main__":`, since the other
    processes import it.

    Args:
        recipes: recipes, the settings of recipes, or prompts. One without a seed has the seed 1; the same
            again 2, and so on.
        folder: gets one folder for each run, `index.csv`, `index.html` and `sheet.png`.
        jobs: pictures that are made at the same time, 1 to 64, each but one in a process of its own.
        threads: of torch, for each job; None: those of one process, divided by the jobs.
        outputs: which files a run leaves; its `folder` and `file` are not used. None: no film.

    Raises:
        UsageError, ModelError: a recipe that cannot be made; all that are wrong are named before the first
            picture. Or another process works in the folder.
    """
    tasks = make_tasks([_recipe(each) for each in recipes])
    require_all(tasks)
    return run_all(tasks, Path(folder), outputs, jobs, threads)


def batch(
    file: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    threads: int | None = None,
    outputs: Outputs | None = None,
    preset: str | None = None,
    **settings: Any,
) -> Iterator[Outcome]:
    """Make the pictures that a file asks for (docs/many.md), and yield what came of each, as `sweep` does.

    Args:
        file: lines of text, or .csv, or .toml.
        folder: as in `sweep`; None: `outputs/batch-` and the file's name.
        jobs: as in `sweep`.
        threads: as in `sweep`.
        outputs: as in `sweep`.
        preset: of the rows that name none.
        settings: of all rows; what a row says goes before them.

    Raises:
        UsageError, ModelError: as `sweep`; or the file cannot be read. Every bad row is named.
    """
    rows = read_file(file)
    tasks = tasks_of(rows, os.fspath(file), settings, preset)
    return run_all(tasks, Path(folder) if folder else folder_for(file), outputs, jobs, threads)


def folder_for(file: str | os.PathLike[str]) -> Path:
    """Return the folder in which the pictures of a file are made where nobody names one."""
    return Path("outputs") / f"batch-{slug(Path(file).stem)}"


def tasks_of(rows: Sequence[Row], name: str, under: Mapping[str, Any], preset: str | None) -> list[Task]:
    """Return the tasks of the rows of the file `name`; `under` are the settings of all, and `preset` too.

    Raises:
        UsageError, ModelError: naming every row that cannot be made, with its line.
    """
    recipes, wrong = [], []
    seed = under.get("seed")
    for row in rows:
        try:
            recipes.append(recipe_of(row, {k: v for k, v in under.items() if k != "seed"}, preset))
        except UsageError as error:
            wrong.append((row.where, str(error)))
    if wrong:
        raise UsageError(f"{name}:\n{all_wrong(wrong, len(rows))}")
    try:
        tasks = make_tasks(recipes, [row.where for row in rows], first_seed=1 if seed is None else seed)
        require_all(tasks)
    except UsageError as error:
        raise UsageError(f"{name}:\n{error}") from None
    return tasks


def run_all(
    tasks: Sequence[Task],
    folder: Path,
    outputs: Outputs | None = None,
    jobs: int = 1,
    threads: int | None = None,
    *,
    title: str = "",
    axes: Mapping[str, Sequence[str]] | None = None,
    stop_now: Callable[[], bool] = lambda: False,
    watch: Watch = lambda task, step, steps: None,
    shelf: Shelf | None = None,
) -> Iterator[Outcome]:
    """Yield what `gather` yields, and keep table, page and sheet in `folder` up to date.

    The table is written after each picture, page and sheet at the end, also if it comes early.
    """
    index = Index(folder, title or folder.name, axes or {})
    found: list[Outcome] = []
    made = replace(outputs or Outputs(video="none"), folder=folder, file=None)
    try:
        for each in gather(tasks, made, jobs, threads, stop_now, watch, shelf):
            found.append(each)
            if each.state != "there":
                index.write_table(found)
            yield each
    finally:
        if found:
            index.write(found)


def _recipe(given: Recipe | Mapping[str, Any] | str) -> Recipe:
    if isinstance(given, Recipe):
        return given
    return make_recipe({"prompt": given} if isinstance(given, str) else dict(given))
