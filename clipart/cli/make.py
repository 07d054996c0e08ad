"""The main job: from what was typed to a finished run."""

from __future__ import annotations

import signal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer

from clipart.cli.interrupts import Interrupts
from clipart.cli.options import read_outputs, read_recipe, with_options
from clipart.cli.progress import progress_for
from clipart.cli.sink import Invocation, Sink

if TYPE_CHECKING:
    from clipart.recipe import Recipe

STOPPING = "stopping after this step, then saving what there is; once more stops at once"
DIVERGED = "the optimisation left the numbers. Try a lower --lr, or another --optimizer."


@with_options
def make(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Make a picture of a prompt."""
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    recipe, outputs = read_recipe(words, given).resolve(), read_outputs(given)
    if words == list(invocation.typed):
        _mind_the_commands(sink, words[0], context)
    _run(sink, invocation, recipe, outputs, seed_given=given["seed"] is not None)


def _run(
    sink: Sink, invocation: Invocation, recipe: Recipe, outputs: dict[str, Any], seed_given: bool
) -> None:
    from clipart.cli.summary import again, done_event, summarise

    told = False

    def stop_now() -> bool:
        nonlocal told
        if interrupts.stop_now() and not told:
            told = True
            sink.note(STOPPING, style="yellow")
        return interrupts.stop_now()

    sink.event("start", recipe=recipe.model_dump(mode="json"))
    with Interrupts() as interrupts:
        try:
            with progress_for(sink, recipe) as progress:
                from clipart.run import Outputs, run  # torch and all: seconds

                if interrupts.stop_now():
                    raise KeyboardInterrupt
                result = run(recipe, Outputs(**outputs), [progress], stop_now)
        except KeyboardInterrupt:
            code = interrupts.exit_code or 130
            sink.error("Stopped at once; the files of this run are not complete.", "interrupted", code)
            raise typer.Exit(code) from None
    code = interrupts.exit_code or {"interrupted": 130, "diverged": 1}.get(result.stop, 0)
    command = again(invocation.typed, result.recipe, seed_given)
    sink.event("done", **done_event(result, code, command))
    sink.show(*summarise(result, command, _signal_name(interrupts.signal)))
    sink.brief(str(result.paths["picture"]))
    if result.stop == "diverged":
        sink.error(DIVERGED, "run", code)
    raise typer.Exit(code)


def _signal_name(number: int | None) -> str:
    return "SIGTERM" if number == signal.SIGTERM else "Ctrl-C"


def _mind_the_commands(sink: Sink, prompt: str, context: typer.Context) -> None:
    """Say so if a prompt of one word looks like a sub-command with a slip of the finger."""
    commands: list[str] = list(getattr(context.find_root().command, "commands", {}))
    near = get_close_matches(prompt, [*commands, "help", "version"], n=1, cutoff=0.8)
    if near:
        meant = near[0] if near[0] in commands else f"--{near[0]}"
        sink.note(f"drawing the word {prompt!r}; the command is: clipart {meant}")
