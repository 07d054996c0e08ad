"""The generate-check loop. It draws no bar and writes no file: it yields, and consumers show and save."""

from __future__ import annotations

import time
from collections.abc import Iterator

from clipart.critic.views import sample_views
from clipart.errors import DivergedError
from clipart.iterate import Check, Iterate, StopReason
from clipart.recipe import Recipe
from clipart.session import Session


def iterate(recipe: Recipe) -> Iterator[Iterate]:
    """Make a picture, yielding it before the first step (step 0) and after every one.

    The last iterate has `stop` set. Leaving the iterator early is safe: nothing is written here.

    Raises:
        ClipartError: the recipe does not fit this machine, or a model is missing.
    """
    session = Session(recipe)
    recipe, began = session.recipe, time.monotonic()
    losses: dict[str, float] = {}
    check = session.judge.check(session.shown, step=0)
    yield _iterate(session, 0, losses, check, 0.0, None)

    for step in range(1, recipe.steps + 1):
        settings = session.enter(step)
        views = sample_views(settings, *session.canvas.size, step / recipe.steps, session.streams)
        stop: StopReason | None = None
        try:
            losses = session.proposer.step(session.objective, views, settings, step)
        except DivergedError:
            stop = "diverged"
        session.show()

        seconds = time.monotonic() - began
        stop = stop or _out_of_budget(recipe, step, seconds)
        if stop or step % recipe.check_every == 0:
            check = session.judge.check(session.shown, step)
            if recipe.target and check.reached(recipe.target):
                stop = "score"
        yield _iterate(session, step, losses, check, seconds, stop)
        if stop:
            return


def _out_of_budget(recipe: Recipe, step: int, seconds: float) -> StopReason | None:
    if step >= recipe.steps:
        return "steps"
    if recipe.seconds is not None and seconds >= recipe.seconds:
        return "seconds"
    return None


def _iterate(
    session: Session,
    step: int,
    losses: dict[str, float],
    check: Check,
    seconds: float,
    stop: StopReason | None,
) -> Iterate:
    return Iterate(
        step=step,
        steps=session.recipe.steps,
        image=session.shown[0].float().cpu().clone(),
        losses={name: value for name, value in losses.items() if name != "lr"},
        check=check,
        lr=losses.get("lr", 0.0),
        stage=session.stage.name if session.stage else "",
        seconds=seconds,
        stop=stop,
    )
