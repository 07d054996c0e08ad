"""`clipart resume`: continue a run that has stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.drive import drive
from clipart.cli.heats import with_heats
from clipart.cli.options import EXPLAIN, Json, NoColor, Quiet, Run, folder_of_run, option
from clipart.cli.summary import again
from clipart.steering import read_weights

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.cli.sink import Sink
    from clipart.recipe import Recipe
    from clipart.record.checkpoint import Checkpoint
    from clipart.runs import Result

    StopNow = Callable[[], bool]


Steps = Annotated[
    int | None, option("--steps", "-n", about="steps in all, if more than before", metavar="N", min=1)
]
Device = Annotated[
    str | None, option("--device", about="compute on another device than before", metavar="NAME")
]
Weights = Annotated[str | None, option("--weights", about="weights of the parts from here on", metavar="W,W")]
Clips = Annotated[
    list[str] | None, option("--clip", about="allow a CLIP of the run that is in a file", metavar="NAME")
]
Judge = Annotated[
    str | None, option("--judge", about="allow a judge of the run that is in a file", metavar="NAME")
]
Vqgan = Annotated[
    str | None, option("--vqgan", about="allow a VQGAN of the run that is in a file", metavar="FILE")
]
ExplainEvery = Annotated[int | None, option("--explain-every", about=EXPLAIN, metavar="N", min=1)]


def resume(
    context: typer.Context,
    run: Run,
    steps: Steps = None,
    device: Device = None,
    weights: Weights = None,
    clip: Clips = None,
    judge: Judge = None,
    vqgan: Vqgan = None,
    explain_every: ExplainEvery = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Continue a run from its last checkpoint. The picture is the same as without the stop.

    It is equal to the bit on the same machine, versions and threads. A run that has ended writes its files
    again; with a larger --steps it continues. A model in a file, in a run from elsewhere, is typed again.
    """
    from clipart.record.owner import require_free

    run = folder_of_run(run)
    require_free(run)  # before torch is loaded, which takes seconds
    from clipart.process.base import branch
    from clipart.record.checkpoint import latest

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    allowed = dict(clip=clip, judge=judge, vqgan=vqgan)  # noqa: C408 (by the names of the settings)
    saved = latest(run, sink.warn)
    more = {"steps": steps, "device": device, "weights": read_weights(weights), "allowed": allowed}
    recipe = _recipe(sink, saved, more)

    def job(_: Recipe, consumers: list[Consumer], stop_now: StopNow, __: Any) -> Result:
        job_with = partial(_go_on, saved, more, stop_now, sink.warn)
        return with_heats(recipe, explain_every, consumers, job_with, branch(saved.tensors, "held"))

    drive(sink, recipe, job, lambda result: again(["replay", str(run)], recipe, seed_given=True))


def _recipe(sink: Sink, saved: Checkpoint, more: dict[str, Any]) -> Recipe:
    """Return the recipe of the run that goes on, once it is allowed to."""
    from clipart.record.checkpoint import require_allowed
    from clipart.runs import extended

    require_allowed(saved, more["allowed"])
    recipe, steps = extended(saved, more["steps"], more["device"], more["weights"]), more["steps"]
    if steps and steps < saved.recipe.steps:
        sink.note(f"the run was to have {saved.recipe.steps} steps, and now ends at {steps}")
    return recipe


def _go_on(
    saved: Checkpoint,
    more: dict[str, Any],
    stop_now: StopNow,
    tell: Callable[[str], None],
    consumers: Sequence[Consumer],
) -> Result:
    from clipart.runs import resume as go_on

    return go_on(saved, consumers=consumers, stop_now=stop_now, tell=tell, **more)
