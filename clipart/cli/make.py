"""The main job: from what was typed to a finished run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from clipart.cli.drive import drive
from clipart.cli.options import Source, read_outputs, read_recipe, with_options
from clipart.cli.sink import Invocation, Sink
from clipart.cli.summary import again
from clipart.near import nearest

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.run import Result


@with_options()
def make(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Make a picture of a prompt."""
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    recipe, outputs = read_recipe(words, given).resolve(), read_outputs(given)
    if words == list(invocation.typed):
        _mind_the_commands(sink, words[0], context)
    _fetch(sink, given)
    _run(sink, invocation, recipe, outputs, seed_given=given["seed"] is not None)


def _run(
    sink: Sink, invocation: Invocation, recipe: Recipe, outputs: dict[str, Any], seed_given: bool
) -> None:
    def job(consumers: list[Consumer], stop_now: Callable[[], bool], trying: Callable[[int], None]) -> Result:
        from clipart.run import Outputs, run

        return run(recipe, Outputs(**outputs), consumers, stop_now, trying)

    drive(sink, recipe, job, lambda result: again(invocation.typed, result.recipe, seed_given))


@with_options(words=Source)
def replay(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Run again what made a picture, a film or a run's folder, changed by the options that are typed.

    A prompt behind the file takes the place of the old one. A recipe from elsewhere chooses no file of yours:
    a picture to start from, and a model in a file, must be typed again.
    """
    from clipart.cli.replay import read_replay, warn_of_differences

    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    recipe, origin = read_replay(words, given)
    outputs = read_outputs(given)
    _fetch(sink, given)

    def job(consumers: list[Consumer], stop_now: Callable[[], bool], trying: Callable[[int], None]) -> Result:
        from clipart.run import Outputs, run

        warn_of_differences(sink, origin, recipe)
        return run(recipe, Outputs(**outputs), consumers, stop_now, trying)

    drive(sink, recipe, job, lambda result: again(invocation.typed, result.recipe, recipe.seed is not None))


def _fetch(sink: Sink, given: dict[str, Any]) -> None:
    """Fetch what is missing of the models that were typed; those that only a recipe names are not fetched."""
    named = [*(given["clip"] or ()), *([given["judge"]] if given["judge"] else [])]
    if named:
        from clipart.cli.models import fetch_named

        fetch_named(sink, named)


def _mind_the_commands(sink: Sink, prompt: str, context: typer.Context) -> None:
    """Say so if a prompt of one word looks like a sub-command with a slip of the finger."""
    commands: list[str] = list(getattr(context.find_root().command, "commands", {}))
    near = nearest(prompt, [*commands, "help", "version"], cutoff=0.8)
    if near:
        meant = near[0] if near[0] in commands else f"--{near[0]}"
        sink.note(f"drawing the word {prompt!r}; the command is: clipart {meant}")
