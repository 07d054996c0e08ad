"""`clipart doctor`: what the main job needs, and whether it is there."""

from __future__ import annotations

from typing import Annotated

import typer

from clipart.cli.options import Json, NoColor, option

Deep = Annotated[bool, option("--deep", about="import every library, too, which takes some seconds")]


def doctor(context: typer.Context, deep: Deep = False, json: Json = False, no_color: NoColor = False) -> None:
    """Check versions, devices, encoders, models and folders. The exit code is 1 if no picture can be made."""
    from clipart.cli.doctor import check_up

    raise typer.Exit(check_up(context.obj.choose(json=json, no_color=no_color), deep))
