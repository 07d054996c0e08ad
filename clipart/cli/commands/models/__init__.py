"""`clipart models`: list the models, and an action on those that a person names; a module for each action."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from clipart.cli.options import Force, Json, NoColor, option
from clipart.errors import UsageError
from clipart.near import did_you_mean

ACTIONS = ("pull", "verify", "path", "rm", "convert")  # each a module here, with a function of that name


def models(
    context: typer.Context,
    action: Annotated[
        str | None,
        typer.Argument(metavar=f"[{'|'.join(ACTIONS)}]", help="what to do; default: list the models"),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="the models; for convert, the files CONFIG and CKPT"),
    ] = None,
    output: Annotated[
        Path | None,
        option("--output", "-o", about="file that convert writes", metavar="FILE", panel="Output"),
    ] = None,
    force: Force = False,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the models, or do one of these with the models that are named.

    pull downloads them. verify compares their files with the known hashes. path prints where they are. rm
    removes them. convert CONFIG CKPT makes a file for --vqgan out of a published VQGAN; no code in it is run.
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
        raise UsageError(f"clipart models {action}: type the name of a model. `clipart models` lists them.")
    do = getattr(import_module(f"{__name__}.{action}"), action)
    do(sink, names or (), **({"output": output, "force": force} if action == "convert" else {}))
