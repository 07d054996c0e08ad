"""The choice of a start: a few steps from each of several, and the run begins with the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from clipart.critic.views import sample_views
from clipart.errors import DivergedError
from clipart.session import Session

TRIED = 20  # steps from each start
SHARE = 1 / 3  # of the seconds that a run may take, for the choice, at most
_TIMED = 3  # steps after which the time that a step takes is known: the first ones are slower
# Views that are harder than those that were climbed: smaller, more turned, noisier, with boxes blotted out.
_HARD = {"views": 48, "overview": 0.5, "detail": 0.5, "rotate": 20.0, "perspective": 0.1, "jitter": 0.4}
_HARD |= {"noise": 0.2, "erase": 0.5}


def choose_start(
    session: Session,
    stop_now: Callable[[], bool],
    trying: Callable[[int, int], None],
    began: float = 0.0,
) -> None:
    """Take `TRIED` steps from each of the recipe's starts, and put `session` at the best of them.

    That is the one of which the critics are surest, in harder views than those that were climbed; the judge
    is not asked. Starts are tried on a small canvas, however large the picture. `trying` is told the number
    of each start, from 1, and how many there are. Once `stop_now()`, no more starts are tried. Of the
    recipe's `seconds`, counted from `began` on the clock of `time.monotonic`, the choice takes `SHARE` at
    most: what does not fit is not tried, and where no two starts fit the run begins with the first.
    """
    starts = session.recipe.starts or 1
    if starts == 1 or session.recipe.picture is not None:
        return
    end = began + SHARE * (session.recipe.seconds or math.inf)

    def fits(more: float) -> bool:
        return time.monotonic() + more <= end

    found: dict[int, float] = {}
    first = time.monotonic()
    for start in range(starts):
        trying(start + 1, starts)
        session.begin_at(start, small=True)
        found[start] = _try(session, fits, 2 if start == 0 else 1)
        if stop_now() or not fits((time.monotonic() - first) / len(found)):
            break
    session.begin_at(min(found, key=found.__getitem__))


def _try(session: Session, fits: Callable[[float], bool] = lambda more: True, times: int = 1) -> float:
    """Return the critics' loss after the first steps from here, in hard views: the less, the surer.

    It is infinite where the steps do not lead on, or where the time for all of them, `times` over, is not
    what still `fits`.
    """
    settings, process = session.recipe.at(1), session.process
    tried, began = min(TRIED, session.recipe.steps), time.monotonic()
    try:
        for step in range(1, tried + 1):
            session.take_step(step, settings)
            if step >= _TIMED and not fits((time.monotonic() - began) / step * (times * tried - step)):
                return math.inf
    except DivergedError:
        return math.inf
    hard = settings.model_copy(update=_HARD)
    done = 1 / session.recipe.steps
    views = sample_views(hard, *process.canvas.size, done, session.streams, session.layout)
    (loss,) = session.objective.score(process.image().clamp(0, 1), views, settings, whole=False)
    return loss
