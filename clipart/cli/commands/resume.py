"""`clipart resume`: continue a run that has stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.options import Json, NoColor, Quiet, Run, folder_of_run, option
from clipart.cli.sink import Invocation

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.runs import Result


def resume(
    context: typer.Context,
    run: Run,
    steps: Annotated[
        int | None, option("--steps", "-n", about="steps in all, if more than before", metavar="N", min=1)
    ] = None,
    device: Annotated[
        str | None, option("--device", about="compute on another device than before", metavar="NAME")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Continue a run from its last checkpoint. The picture is the same as without the stop.

    It is equal to the bit on the same machine, with the same versions and the same number of threads. A run
    that has ended writes its picture and film again; with a larger --steps it continues.
    """
    from clipart.cli.drive import drive
    from clipart.cli.summary import again
    from clipart.record.checkpoint import latest
    from clipart.runs import extended

    invocation: Invocation = context.obj
    sink = invocation.choose(json=json, quiet=quiet, no_color=no_color)
    run = folder_of_run(run)
    saved = latest(run, sink.warn)
    recipe = extended(saved, steps, device)
    if steps is not None and steps < saved.recipe.steps:
        sink.note(f"the run was to have {saved.recipe.steps} steps, and now ends at {steps}")

    def job(
        _: Recipe, consumers: list[Consumer], stop_now: Callable[[], bool], __: Callable[[int, int], None]
    ) -> Result:
        from clipart.runs import resume as go_on

        return go_on(saved, steps, device, consumers, stop_now, sink.warn)

    drive(sink, recipe, job, lambda result: again(["replay", str(run)], recipe, seed_given=True))
