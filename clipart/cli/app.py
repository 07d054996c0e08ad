"""The Typer application and the table of its commands."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

from clipart import __version__
from clipart.cli.group import Command, MainJobGroup
from clipart.cli.options import option
from clipart.cli.sink import Sink

# Name and short help. A name is also that of a module in `clipart.cli.commands`, and of the function in it.
COMMANDS = {
    "make": 'make a picture; the name may be left out: clipart "PROMPT"',
    "batch": "make the pictures that a file asks for",
    "sweep": "make every combination of prompts, presets, values and seeds",
    "more": "make more pictures like one",
    "compare": "see what a change of words does",
    "resume": "continue a run that has stopped",
    "replay": "run the recipe in a picture again, with changes",
    "show": "print the recipe in a picture or film",
    "video": "make another film of a run",
    "finish": "sharpen, frame, enlarge or restyle pictures that are there",
    "sheet": "put the pictures of runs on one sheet",
    "plot": "draw the matches, losses and rates over the steps",
    "studio": "make, watch and keep pictures in the browser",
    "models": "list, fetch, check, convert and remove models",
    "concept": "learn a name for what a few pictures show",
    "score": "say how well pictures fit a prompt",
    "describe": "say which words fit a picture",
    "explain": "show where in a picture the parts of a prompt are found",
    "suggest": "say which words near a word come out well",
    "parse": "show how a prompt is understood",
    "presets": "list, show, compare, make and check presets",
    "doctor": "check the installation, and say what to do",
}

app = typer.Typer(
    name="clipart",
    cls=MainJobGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for name, about in COMMANDS.items():
    job = getattr(import_module(f"clipart.cli.commands.{name}"), name)
    app.command(name, cls=Command, short_help=about)(job)


@cache
def command() -> Any:
    """Return the application as one command."""
    return typer.main.get_command(app)


def _print_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        (context.obj.for_people() if context.obj else Sink()).show(f"clipart {__version__}")
        raise typer.Exit


@app.callback()
def clipart(
    version: Annotated[
        bool,
        option("--version", about="print the version", callback=_print_version, is_eager=True, panel="Help"),
    ] = False,
) -> None:
    """Pictures by optimisation against CLIP."""
