"""The generate-check loop. It draws no bar and writes no file: it yields, and consumers show and save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from clipart.errors import DivergedError
from clipart.iterates import Check, Iterate, StopReason, later
from clipart.process.base import Step
from clipart.recipe import Recipe
from clipart.session import Session
from clipart.starts import choose_start
from clipart.surroundings import as_needed, stepping


def iterate(recipe: Recipe) -> Iterator[Iterate]:
    """Make a picture, yielding it before the first step (step 0) and after every one.

    The last iterate has `stop` set. Leaving the iterator early is safe: nothing is written here.

    Raises:
        ClipartError: the recipe does not fit this machine, or a model is missing.
    """
    return go_on(Session(recipe))


def go_on(
    session: Session,
    stop_now: Callable[[], bool] = lambda: False,
    trying: Callable[[int, int], None] = lambda start, starts: None,
) -> Iterator[Iterate]:
    """Take `session` from where it is to its end, yielding it as it is and after every step.

    `stop_now` is asked after every step; `trying` is told which start is tried, and of how many, where there
    are several. Between two steps the session's state may be saved; torch's own settings are as they were.
    """
    return stepping(_steps(session, stop_now, trying))


def _steps(
    session: Session, stop_now: Callable[[], bool], trying: Callable[[int, int], None]
) -> Iterator[Iterate]:
    recipe = session.recipe
    began = time.monotonic() - session.seconds if session.step else session.born
    taken = Step({}, 0.0)
    if session.step == 0:
        choose_start(session, stop_now, trying, began)
    check = session.check()
    yield _iterate(session, taken, check, None)

    for step in range(session.step + 1, recipe.steps + 1):
        session.enter_stage(step)
        session.move_camera(step)
        stop: StopReason | None = None
        try:
            taken = session.take_step(step, recipe.at(step))
        except DivergedError:
            stop = "diverged"
        session.show(step, time.monotonic() - began)

        stop = stop or _out_of_budget(session) or ("interrupted" if stop_now() else None)
        if stop or step % recipe.check_every == 0:
            if stop == "seconds":
                session.show_at_once()
            check = session.check()
            if recipe.until and check.reached(recipe.until):
                stop = "score"
        yield _iterate(session, taken, check, stop)
        if stop:
            return


def _out_of_budget(session: Session) -> StopReason | None:
    if session.step >= session.recipe.steps:
        return "steps"
    if session.recipe.seconds is not None and session.seconds >= session.recipe.seconds:
        return "seconds"
    return None


def _iterate(session: Session, taken: Step, check: Check, stop: StopReason | None) -> Iterate:
    shown = session.visible  # no step changes it: the next one makes another
    return Iterate(
        step=session.step,
        steps=session.recipe.steps,
        image=later(as_needed()(lambda: shown[0].float().cpu().clone())),
        losses=taken.losses,
        check=check,
        lr=taken.rate,
        stage=session.stage.name if session.stage else "",
        seconds=session.seconds,
        stop=stop,
        start=session.start + 1,
    )
