"""The main job, `clipart "PROMPT"`: from what was typed to a finished run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from clipart.cli.downloads import fetch_typed
from clipart.cli.drive import drive
from clipart.cli.habits import habits
from clipart.cli.heats import with_heats
from clipart.cli.options import Words, recipe_options, takes
from clipart.cli.overwrite import mind_the_file
from clipart.cli.reading import read_outputs, read_recipe, typed_settings
from clipart.cli.sink import Invocation, Sink
from clipart.cli.summary import again
from clipart.near import nearest

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.runs import Result


@takes(words=Words, **recipe_options())
def make(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Make a picture of a prompt."""
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    recipe, outputs = read_recipe(words, given), read_outputs(given)
    mind_the_file(sink, outputs.get("file"), given["force"])
    if words == list(invocation.typed):
        _mind_the_commands(sink, words[0], context)
    for hint in habits(recipe.prompt):
        sink.note(hint)
    typed_words = [recipe.prompt if word == "-" else word for word in invocation.typed]
    typed = typed_settings(given)
    fetch_typed(sink, typed)

    def job(
        settled: Recipe,
        consumers: list[Consumer],
        stop_now: Callable[[], bool],
        trying: Callable[[int, int], None],
    ) -> Result:
        from clipart.runs import Outputs, run

        def job_with(watching: Sequence[Consumer]) -> Result:
            return run(settled, Outputs(**outputs), watching, stop_now, trying)

        return with_heats(settled, given["explain_every"], consumers, job_with)

    drive(sink, recipe, job, lambda result: again(typed_words, result.recipe, "seed" in typed))


def _mind_the_commands(sink: Sink, prompt: str, context: typer.Context) -> None:
    """Ask if a prompt of one word, spelt almost like a command, is to be drawn; tell where nobody is there.

    Raises:
        typer.Abort: the answer was no.
    """
    commands: list[str] = list(getattr(context.find_root().command, "commands", {}))
    near = nearest(prompt, [*commands, "help", "version"], cutoff=0.8)
    if near:
        meant = near[0] if near[0] in commands else f"--{near[0]}"
        answer = sink.ask(f"The command is: clipart {meant}. Draw the word {prompt!r}?")
        if answer is None:
            sink.note(f"drawing the word {prompt!r}; the command is: clipart {meant}")
        elif not answer:
            raise typer.Abort
