"""`clipart replay`: run the recipe in a picture again, with changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.downloads import fetch_typed
from clipart.cli.drive import drive
from clipart.cli.heats import with_heats
from clipart.cli.options import recipe_options, takes
from clipart.cli.overwrite import mind_the_file
from clipart.cli.reading import preset_settings, read_outputs, settings_over, typed_settings
from clipart.cli.sink import Invocation, Sink
from clipart.cli.summary import again
from clipart.errors import UsageError, shell_word

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.record.metadata import Origin
    from clipart.runs import Result

Source = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="a picture, a film or the folder of a run; after it, a new prompt"),
]


@takes(words=Source, **recipe_options())
def replay(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Run the recipe of a picture, a film or a run again. Options that are typed replace its settings.

    A prompt typed after the file replaces the prompt. A recipe may not choose files on this machine: if it
    has a picture to start from, or a model in a file, type that option again.
    """
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    recipe, origin = read_replay(words, given)
    outputs = read_outputs(given)
    mind_the_file(sink, outputs.get("file"), given["force"])
    fetch_typed(sink, typed_settings(given))

    def job(
        settled: Recipe,
        consumers: list[Consumer],
        stop_now: Callable[[], bool],
        trying: Callable[[int, int], None],
    ) -> Result:
        from clipart.runs import Outputs, run

        warn_of_differences(sink, origin, settled)

        def job_with(watching: Sequence[Consumer]) -> Result:
            return run(settled, Outputs(**outputs), watching, stop_now, trying)

        return with_heats(settled, given["explain_every"], consumers, job_with)

    drive(sink, recipe, job, lambda result: again(invocation.typed, result.recipe, recipe.seed is not None))


def read_replay(words: list[str] | None, given: dict[str, Any]) -> tuple[Recipe, Origin]:
    """Return the recipe to run again, with what is typed in place of what it had, and where it came from.

    Raises:
        UsageError: no file, no recipe in it, or one that would read a file; it says what to type.
    """
    from clipart.record.metadata import read_origin, require_harmless
    from clipart.settle import on_this_machine

    if not words:
        raise UsageError("Replay what? Type a picture, a film or a run: clipart replay apple.png")
    if len(words) > 2:
        raise UsageError(f"After {words[0]}, type one prompt in quotes: {shell_word(' '.join(words[1:]))}")
    origin = read_origin(Path(words[0]))
    prompt = {"prompt": words[1]} if len(words) == 2 else {}
    changes = settings_over(preset_settings(given), given, before=origin.recipe.model_dump()) | prompt
    recipe = origin.recipe.with_(**changes)
    require_harmless(recipe, typed_settings(given))
    return on_this_machine(recipe), origin


def warn_of_differences(sink: Sink, origin: Origin, recipe: Recipe) -> None:
    """Say what is not as it was when the picture was made."""
    from clipart.record.metadata import differences, model_hashes

    for words in differences(origin, model_hashes(recipe)):
        sink.warn(f"{words}; the picture may come out different")
