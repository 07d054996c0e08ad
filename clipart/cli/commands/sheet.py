"""`clipart sheet`: the pictures of several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipart.cli.fonts import warn_of_boxes
from clipart.cli.options import Force, Json, NoColor, Quiet, option
from clipart.cli.overwrite import mind_the_file

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")
Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="folders of runs, or pictures", show_default=False),
]


def sheet(
    context: typer.Context,
    runs: Runs,
    output: Annotated[
        Path | None, option("--output", "-o", about="file to write", value="sheet.png", metavar="FILE")
    ] = None,
    size: Annotated[
        int, option("--size", "-s", about="longer side of a picture in pixels", value=256, min=16, max=4096)
    ] = 256,
    columns: Annotated[
        int | None, option("--columns", about="pictures in a row", metavar="N", min=1, max=100)
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Put the pictures of runs on one sheet, with captions. Several prompts and seeds make a grid."""
    from clipart.record.sheet import make_sheet

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    path = output or Path("sheet.png")
    mind_the_file(sink, path, force)
    with_picture = [run for run in runs if _may_have_a_picture(run)]
    if with_picture:
        for run in runs:
            if run not in with_picture:
                sink.note(f"{run}: no picture{' in it' if run.is_dir() else ''}; left out")
    if not make_sheet(with_picture or runs, path, size, columns):
        warn_of_boxes(sink)
    sink.event("sheet", path=path, pictures=len(with_picture))
    sink.file(path)


def _may_have_a_picture(run: Path) -> bool:
    """Say whether a run has its picture, and of a file whether its name is a picture's."""
    if run.is_dir():
        return (run / "picture.png").is_file()
    return not run.exists() or run.suffix.lower() in PICTURES
