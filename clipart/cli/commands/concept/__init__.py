"""`clipart concept`: names for what a few pictures show; a module for each action."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from clipart.cli.options import Force, Json, NoColor, option
from clipart.errors import UsageError
from clipart.near import did_you_mean

ACTIONS = ("learn", "list", "show", "rm")  # each a module here (list: listing), with a function `act`


def concept(
    context: typer.Context,
    action: Annotated[
        str | None,
        typer.Argument(metavar=f"[{'|'.join(ACTIONS)}]", help="what to do; default: list the concepts"),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME] [IMAGE]...", help="the concept; for learn, pictures of it too"),
    ] = None,
    init: Annotated[
        str | None, option("--init", about="what it is in a word; default: what fits best", metavar="WORD")
    ] = None,
    clip: Annotated[
        list[str] | None,
        option(
            "--clip", about="CLIP that learns it (repeatable); default: the embedded ones", metavar="NAME"
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Learn a name for what a few pictures show, and use it in prompts: clipart "<tom>:: moon::"

    learn NAME IMAGE... learns it from three to five pictures. list, show NAME and rm NAME do what they say. A
    concept is known to the CLIPs that it was learned with.
    """
    sink = context.obj.choose(json=json, no_color=no_color)
    action = action or "list"
    if action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS)
        raise UsageError(f"clipart concept {action}: type one of {', '.join(ACTIONS)}.{hint}")
    if not names and action != "list":
        more = " PICTURE..." if action == "learn" else ""
        raise UsageError(f"clipart concept {action}: type a name: clipart concept {action} tom{more}")
    module = "listing" if action == "list" else action  # `list` would hide the type in this module
    import_module(f"{__name__}.{module}").act(sink, names or [], init=init, clip=clip or (), force=force)
