"""`clipart resume`: go on with a run where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.options import Json, NoColor, Quiet, Run, option
from clipart.cli.sink import Invocation

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.run import Result


def resume(
    context: typer.Context,
    run: Run,
    steps: Annotated[
        int | None, option("--steps", "-n", about="steps in all, if more than planned", metavar="N", min=1)
    ] = None,
    device: Annotated[
        str | None, option("--device", about="another device than before", metavar="NAME")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Go on with a run from its last checkpoint, as if it had never stopped.

    On the same machine, versions and threads the picture is the same to the bit. A run that has ended gets
    its picture and film again, or with more steps goes on.
    """
    from clipart.cli.drive import drive
    from clipart.cli.summary import again
    from clipart.record.checkpoint import latest
    from clipart.run import extended

    invocation: Invocation = context.obj
    sink = invocation.choose(json=json, quiet=quiet, no_color=no_color)
    saved = latest(run, sink.warn)
    recipe = extended(saved, steps, device)

    def job(
        _: Recipe, consumers: list[Consumer], stop_now: Callable[[], bool], __: Callable[[int, int], None]
    ) -> Result:
        from clipart.run import resume as go_on

        return go_on(saved, steps, device, consumers, stop_now, sink.warn)

    drive(sink, recipe, job, lambda result: again(["replay", str(run)], recipe, seed_given=True))
