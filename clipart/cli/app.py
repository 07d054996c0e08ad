"""The Typer application: the main job, and the sub-commands beside it."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer

from clipart import __version__
from clipart.cli.group import MAIN_JOB, Command, MainJobGroup
from clipart.cli.make import make, replay
from clipart.cli.models import models
from clipart.cli.options import Json, NoColor, Words, option
from clipart.cli.runs import plot, resume, sheet, show, video

AWAY = "text to keep away from, weight -0.5 (repeatable)"

app = typer.Typer(
    name="clipart",
    cls=MainJobGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(MAIN_JOB, cls=Command, short_help='make a picture; needs no name: clipart "PROMPT"')(make)
app.command(cls=Command, short_help="go on with a run where it stopped")(resume)
app.command(cls=Command, short_help="run again what made a picture, with changes")(replay)
app.command(cls=Command, short_help="print the recipe in a picture or film")(show)
app.command(cls=Command, short_help="make another film of a run")(video)
app.command(cls=Command, short_help="put the pictures of runs on one sheet")(sheet)
app.command(cls=Command, short_help="draw scores, losses and rates over the steps")(plot)
app.command(cls=Command, short_help="list, fetch, check and remove models")(models)


@cache
def command() -> Any:
    """Return the application as one command."""
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clipart {__version__}")
        raise typer.Exit


@app.callback()
def clipart(
    version: Annotated[
        bool,
        option("--version", about="print the version", callback=_print_version, is_eager=True, panel="Help"),
    ] = False,
) -> None:
    """Pictures by optimisation against CLIP."""


@app.command(cls=Command, short_help="show how a prompt is understood")
def parse(
    context: typer.Context,
    words: Words = None,
    no: Annotated[list[str] | None, option("--no", "--negative", about=AWAY, metavar="TEXT")] = None,
    clip: Annotated[str, option("--clip", about="CLIP whose tokens to show", value="tiny")] = "tiny",
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Show a prompt's parts with weights, shares, emphasis and tokens, and what the CLIP does not see."""
    from clipart.cli.options import one_prompt
    from clipart.cli.parse import show_prompt
    from clipart.prompt import parse as parse_prompt

    sink = context.obj.choose(json=json, no_color=no_color)
    show_prompt(sink, parse_prompt(one_prompt(words, "clipart parse"), no=no or ()), clip)


@app.command(cls=Command, short_help="list the presets, or show one as TOML")
def presets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="the preset to show")] = None,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the presets and what they change, or show all settings of one as TOML."""
    from clipart.cli.presets import list_presets, show_preset

    sink = context.obj.choose(json=json, no_color=no_color)
    if name is None:
        list_presets(sink)
    else:
        show_preset(sink, name)


@app.command(cls=Command, short_help="check what is installed, and what to do about it")
def doctor(context: typer.Context, json: Json = False, no_color: NoColor = False) -> None:
    """Check versions, devices, encoders, models and folders. Exit code 1 if the main job cannot run."""
    from clipart.cli.doctor import check_up

    raise typer.Exit(check_up(context.obj.choose(json=json, no_color=no_color)))
