"""The choice of a start: a few steps from each of several, and the run begins with the best."""

from __future__ import annotations

import math
from collections.abc import Callable

from clipart.critic.views import sample_views
from clipart.errors import DivergedError
from clipart.session import Session

TRIED = 20  # steps from each start
# Views that are harder than those that were climbed: smaller, more turned, noisier, with boxes blotted out.
_HARD = {"views": 48, "overview": 0.5, "detail": 0.5, "rotate": 20.0, "perspective": 0.1, "jitter": 0.4}
_HARD |= {"noise": 0.2, "erase": 0.5}


def choose_start(session: Session, stop_now: Callable[[], bool], trying: Callable[[int, int], None]) -> None:
    """Take `TRIED` steps from each of the recipe's starts, and put `session` at the best of them.

    That is the one of which the critics are surest, in harder views than those that were climbed; the judge
    is not asked. `trying` is told the number of each start, from 1, and how many there are. Once
    `stop_now()`, no more starts are tried.
    """
    starts = session.recipe.starts or 1
    if starts == 1 or session.recipe.init is not None:
        return
    found: dict[int, float] = {}
    for start in range(starts):
        trying(start + 1, starts)
        session.begin_at(start)
        found[start] = _try(session)
        if stop_now():
            break
    session.begin_at(min(found, key=found.__getitem__))


def _try(session: Session) -> float:
    """Return the critics' loss after the first steps from here, in hard views: the less, the surer."""
    settings, process = session.recipe.at(1), session.process
    try:
        for step in range(1, min(TRIED, session.recipe.steps) + 1):
            session.take_step(step, settings)
    except DivergedError:
        return math.inf
    hard = settings.model_copy(update=_HARD)
    done = 1 / session.recipe.steps
    views = sample_views(hard, *process.canvas.size, done, session.streams, session.layout.count)
    (loss,) = session.objective.score(process.image().clamp(0, 1), views, settings, whole=False)
    return loss
