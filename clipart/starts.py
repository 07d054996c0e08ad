"""The choice of a start: a few steps from each of several, and the run begins with the best.

Starts that trail half-way are left, which is one round of successive halving (Jamieson and Talwalkar,
arXiv 1502.07943).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from clipart.critic.views import sample_views
from clipart.errors import DivergedError
from clipart.session import Session

TRIED = 20  # steps from a start, at most
KEPT = 2  # starts that go on after half of them; the others trail
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
    """Take up to `TRIED` steps from each of the recipe's starts, and put `session` at the best of them.

    That is the one of which the critics are surest, in harder views than those that were climbed; the judge
    is not asked. Of more than `KEPT` starts, only the best `KEPT` after half of the steps are tried to the
    end. Starts are tried on a small canvas, however large the picture. `trying` is told the number
    of each start, from 1, and how many there are. Once `stop_now()`, no more starts are tried. Of the
    recipe's `seconds`, counted from `began` on the clock of `time.monotonic`, the choice takes `SHARE` at
    most: what does not fit is not tried, and where no two starts fit the run begins with the first.
    """
    starts, steps = session.recipe.starts or 1, min(TRIED, session.recipe.steps)
    if starts == 1 or session.recipe.picture is not None:
        return
    end = began + SHARE * (session.recipe.seconds or math.inf)

    def fits(more: float) -> bool:
        return time.monotonic() + more <= end

    half = steps if starts <= KEPT else (steps + 1) // 2
    found, aside, first = {}, {}, time.monotonic()
    for start in range(starts):
        trying(start + 1, starts)
        session.begin_at(start, small=True)
        found[start] = _try(session, 1, half, fits, 2 if start == 0 else 1)
        aside[start] = session.aside()
        if stop_now() or not fits((time.monotonic() - first) / len(found)):
            break
    best = sorted(found, key=found.__getitem__)
    if half < steps and len(found) == starts:
        best = _tried_to_the_end(
            session, {start: aside[start] for start in best[:KEPT]}, half, fits, stop_now
        )
    session.begin_at(best[0])


def _tried_to_the_end(
    session: Session,
    aside: Mapping[int, dict[str, Any]],
    half: int,
    fits: Callable[[float], bool],
    stop_now: Callable[[], bool],
) -> list[int]:
    """Return the starts that were set `aside` after `half` of the steps, the surest after all of them first.

    Where there is no time for all of them, the order stays.
    """
    found: dict[int, float] = {}
    for start, each in aside.items():
        if stop_now():
            return list(aside)
        session.take_up(each)
        found[start] = _try(session, half + 1, min(TRIED, session.recipe.steps), fits)
    return sorted(found, key=found.__getitem__)


def _try(
    session: Session,
    first: int,
    last: int,
    fits: Callable[[float], bool] = lambda more: True,
    times: int = 1,
) -> float:
    """Return the critics' loss after steps `first` to `last` from here, in hard views: the less, the surer.

    It is infinite where the steps do not lead on, or where the time for all of them, `times` over, is not
    what still `fits`. Views that are drawn for the loss do not change those of the steps after it.
    """
    settings, process = session.recipe.at(1), session.process
    began = time.monotonic()
    try:
        for step in range(first, last + 1):
            session.take_step(step, settings)
            taken = step - first + 1
            left = times * (last - first + 1) - taken
            if taken >= _TIMED and not fits((time.monotonic() - began) / taken * left):
                return math.inf
    except DivergedError:
        return math.inf
    hard = settings.model_copy(update=_HARD)
    done, streams = 1 / session.recipe.steps, session.streams.state()
    views = sample_views(hard, *process.canvas.size, done, session.streams, session.layout)
    session.streams.load(streams)
    (loss,) = session.objective.score(process.image().clamp(0, 1), views, settings, whole=False)
    return loss
