"""How long many pictures will take: a few steps of some of them are measured before the first begins."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from clipart.many.tasks import Task
from clipart.recipe import Recipe
from clipart.session import Session
from clipart.shelf import Shelf
from clipart.starts import KEPT, TRIED

KINDS = 3  # of recipes that are measured; the others are taken to be like the first
_STEPS = 4  # that are measured of each; the first, which is slower, does not count
_SAME = ("clip", "canvas", "process", "width", "height", "views", "scale", "optimizer", "precision")


def estimate(tasks: Sequence[Task], jobs: int, shelf: Shelf) -> float:
    """Return about how many seconds `tasks` will take in `jobs` processes.

    The steps of the starts that are tried count, and `seconds` of a recipe end it. Film and files are not in
    it. With several jobs the processors are taken to be as many.
    """
    paces: dict[tuple[str, ...], tuple[float, float]] = {}
    total = 0.0
    for task in tasks:
        kind = tuple(str(getattr(task.recipe, name)) for name in _SAME)
        if kind not in paces and len(paces) < KINDS:
            paces[kind] = _pace(task.recipe, shelf)
        begin, step = paces.get(kind) or next(iter(paces.values()))
        recipe = task.recipe.resolve()
        taken = begin + step * (recipe.steps + _tried(recipe))
        total += min(taken, recipe.seconds) if recipe.seconds else taken
    return total / min(jobs, len(tasks))


def _tried(recipe: Recipe) -> int:
    """Return the steps that the choice of a start takes."""
    starts, steps = recipe.starts or 1, min(TRIED, recipe.steps)
    if starts == 1 or recipe.picture is not None:
        return 0
    return starts * steps if starts <= KEPT else (starts + KEPT) * ((steps + 1) // 2)


def _pace(recipe: Recipe, shelf: Shelf) -> tuple[float, float]:
    """Return the seconds before the first step, with models that are loaded, and those of a step."""
    with shelf.used():
        Session(recipe)
        began = time.monotonic()
        session = Session(recipe)
    begin, taken = time.monotonic() - began, []
    for step in range(1, min(_STEPS, recipe.steps) + 1):
        began = time.monotonic()
        session.take_step(step, session.recipe.at(step))
        session.show(step, 0.0)
        taken.append(time.monotonic() - began)
    return begin, statistics.median(taken[1:] or taken)
