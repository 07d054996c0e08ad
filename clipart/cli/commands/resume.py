"""`clipart resume`: continue a run that has stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.options import Json, NoColor, Quiet, Run, option

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.runs import Result


Steps = Annotated[
    int | None, option("--steps", "-n", about="steps in all, if more than before", metavar="N", min=1)
]
Device = Annotated[
    str | None, option("--device", about="compute on another device than before", metavar="NAME")
]
Clips = Annotated[
    list[str] | None, option("--clip", about="allow a CLIP of the run that is in a file", metavar="NAME")
]
Judge = Annotated[
    str | None, option("--judge", about="allow a judge of the run that is in a file", metavar="NAME")
]
Vqgan = Annotated[
    str | None, option("--vqgan", about="allow a VQGAN of the run that is in a file", metavar="FILE")
]


def resume(
    context: typer.Context,
    run: Run,
    steps: Steps = None,
    device: Device = None,
    clip: Clips = None,
    judge: Judge = None,
    vqgan: Vqgan = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Continue a run from its last checkpoint. The picture is the same as without the stop.

    It is equal to the bit on the same machine, with the same versions and the same number of threads. A run
    that has ended writes its picture and film again; with a larger --steps it continues. A run from another
    machine may not choose files on this one: if it has a model in a file, type that option again.
    """
    from clipart.record.owner import require_free

    require_free(run)  # before torch is loaded, which takes seconds
    from clipart.cli.drive import drive
    from clipart.cli.summary import again
    from clipart.record.checkpoint import latest, require_allowed
    from clipart.runs import extended

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    allowed = dict(clip=clip, judge=judge, vqgan=vqgan)  # noqa: C408 (by the names of the settings)
    saved = latest(run, sink.warn)
    require_allowed(saved, allowed)
    recipe = extended(saved, steps, device)

    def job(
        _: Recipe, consumers: list[Consumer], stop_now: Callable[[], bool], __: Callable[[int, int], None]
    ) -> Result:
        from clipart.runs import resume as go_on

        return go_on(saved, steps, device, consumers, stop_now, sink.warn, allowed)

    drive(sink, recipe, job, lambda result: again(["replay", str(run)], recipe, seed_given=True))
