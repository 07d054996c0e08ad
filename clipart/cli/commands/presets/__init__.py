"""`clipart presets`: looks with a name; a module for each action."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from clipart.cli.options import Force, Json, NoColor, option
from clipart.errors import UsageError

# Each is a module here (list: listing) with a function `act`; and how many names it takes, least and most.
ACTIONS = {"list": (0, 0), "show": (1, 100), "diff": (2, 2), "new": (1, 1), "check": (1, 100)}


def presets(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar=f"[{'|'.join(ACTIONS)}] [NAME]...", help="what to do, and with which presets"),
    ] = None,
    base: Annotated[
        str | None, option("--from", about="preset that the new one changes", value="default", metavar="NAME")
    ] = None,
    force: Force = False,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the presets and the settings that they change, or do one of these with those that are named.

    show prints all settings of one as TOML. diff prints in what two differ. new makes one of your own, in
    your folder of settings, to be edited. check reads one and says what is wrong. A name may be a FILE.toml.
    """
    sink = context.obj.choose(json=json, no_color=no_color)
    action, *names = words or ["list"]
    if action not in ACTIONS:  # a name alone is shown
        action, names = "show", [action, *names]
    least, most = ACTIONS[action]
    if not least <= len(names) <= most:
        wanted = {0: "no name", 1: "the name of a preset", 2: "the names of two presets"}[least]
        example = " ".join(["clipart presets", action, *["poster", "night"][:least]])
        raise UsageError(f"clipart presets {action}: takes {wanted}. Type for example: {example}")
    module = "listing" if action == "list" else action  # `list` would hide the type in this module
    import_module(f"{__name__}.{module}").act(sink, names, base=base or "default", force=force)
