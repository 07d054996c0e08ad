"""`clipart plot`: how a run went, as a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipart.cli.options import Force, Json, NoColor, Quiet, Run, option
from clipart.cli.overwrite import mind_the_file


def plot(
    context: typer.Context,
    run: Run,
    output: Annotated[
        Path | None,
        option(
            "--output",
            "-o",
            about="one .svg or .png; default: both, in the run",
            metavar="FILE",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Draw the matches, losses and learning rate of a run over its steps, as SVG and PNG."""
    from clipart.record.plot import make_plot

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    mind_the_file(sink, output, force)
    for path in make_plot(run, output):
        sink.event("plot", path=path)
        sink.file(path)
