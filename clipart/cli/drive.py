"""A run from its first step to its summary: progress, signals, exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from clipart.cli.interrupts import Interrupts, signal_name
from clipart.cli.progress import progress_for
from clipart.cli.sink import Sink
from clipart.cli.summary import Trace, done_event, summarise

if TYPE_CHECKING:
    from clipart.iterates import Iterate
    from clipart.recipe import Recipe
    from clipart.runs import Result

    Consumer = Callable[[Iterate], None]
    Job = Callable[[Recipe, list[Consumer], Callable[[], bool], Callable[[int, int], None]], Result]

STOPPING = "stopping after this step, then saving; press Ctrl-C again to stop at once"
DIVERGED = "the loss became infinite or not a number. Try a lower --lr, or another --optimizer."


def drive(sink: Sink, recipe: Recipe, job: Job, again: Callable[[Result], str]) -> None:
    """Run `job(settled, consumers, stop_now, trying)`, show its progress and result, and exit with its code.

    `settled` is `recipe` with every value as used; `again` gives the command that repeats the result.
    """
    trace = Trace()
    with Interrupts() as interrupts:
        stop_now = saying_so(sink, interrupts)
        try:
            with progress_for(sink, recipe) as progress:
                settled = _load(sink, recipe, interrupts)
                result = job(settled, [progress, trace], stop_now, progress.trying)
        except KeyboardInterrupt as error:
            code = interrupts.exit_code or 130
            kept = getattr(error, "__notes__", None) or ["Nothing was written yet."]
            sink.error("\n".join(["Stopped at once.", *kept]), "interrupted", code)
            raise typer.Exit(code) from None
    code = interrupts.exit_code or {"interrupted": 130, "diverged": 1}.get(result.stop, 0)
    command = again(result)
    sink.event("done", **done_event(result, code, command))
    sink.show(*summarise(result, command, signal_name(interrupts.signal), trace.line(sink.out.encoding)))
    sink.brief(result.paths["picture"])
    if result.stop == "diverged":
        sink.error(DIVERGED, "run", code)
    raise typer.Exit(code)


def saying_so(sink: Sink, interrupts: Interrupts) -> Callable[[], bool]:
    """Return what says whether to stop, and says it to a person once."""
    told: list[bool] = []

    def stop_now() -> bool:
        if interrupts.stop_now() and not told:
            told.append(True)
            sink.note(STOPPING, style="yellow")
        return interrupts.stop_now()

    return stop_now


def _load(sink: Sink, recipe: Recipe, interrupts: Interrupts) -> Recipe:
    """Import what a run needs, which takes seconds, and say with which values it begins."""
    import clipart.runs  # noqa: F401 (torch and all)

    if interrupts.stop_now():
        raise KeyboardInterrupt
    settled = recipe.resolve()
    sink.event("start", recipe=settled.model_dump(mode="json"))
    return settled
