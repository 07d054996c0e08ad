"""`clipart models`: list the models, and an action on those that a person names; a module for each action."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from clipart.cli.options import Json, NoColor, option
from clipart.errors import UsageError
from clipart.near import did_you_mean

ACTIONS = ("pull", "verify", "path", "rm", "convert")  # each a module here, with a function of that name


def models(
    context: typer.Context,
    action: Annotated[
        str | None, typer.Argument(metavar=f"[{'|'.join(ACTIONS)}]", help="what to do with models")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="the models; for convert, CONFIG and CKPT")
    ] = None,
    output: Annotated[
        Path | None,
        option("--output", "-o", about="the file that convert writes", metavar="FILE", panel="Output"),
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the models; `pull` fetches, `verify` compares hashes, `path` tells where, `rm` removes.

    `convert CONFIG CKPT` makes a published VQGAN into a file that --vqgan takes, without running it.
    """
    from clipart.cli.commands.models.listing import list_models

    sink = context.obj.choose(json=json, no_color=no_color)
    if action is None:
        list_models(sink)
        return
    if action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS)
        raise UsageError(f"clipart models {action}: type one of {', '.join(ACTIONS)}.{hint}")
    if not names and action in ("pull", "path", "rm"):
        raise UsageError(f"clipart models {action}: of which model? `clipart models` lists the names.")
    do = getattr(import_module(f"{__name__}.{action}"), action)
    do(sink, names or (), **({"output": output} if action == "convert" else {}))
