"""`clipart batch`: many pictures from a list."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.interrupts import Interrupts
from clipart.cli.options import OWN, Json, NoColor, Quiet, own, takes
from clipart.cli.progress import percent, shorten

if TYPE_CHECKING:
    from clipart.batches import Made
    from clipart.cli.sink import Sink

FILE = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="the list: text, .csv or .toml; - is a pipe", show_default=False),
]
FOLDER = Path("outputs/batch")


@takes(
    file=FILE,
    preset=OWN["preset"],
    set=OWN["set"],
    folder=own(
        Path, "--folder", about="folder of the batch; begun again, it goes on", value=FOLDER, metavar="FOLDER"
    ),
    jobs=own(
        int, "--jobs", "-j", about="processes that make pictures at once", value=1, metavar="N", min=1, max=64
    ),
    video=OWN["video"],
    json=Json,
    quiet=Quiet,
    no_color=NoColor,
)
def batch(context: typer.Context, file: Path, **given: Any) -> None:
    """Make a picture of every line of a list. Models are loaded once; what is there is not made again.

    A text has a prompt a line. A CSV has a first line that names its columns: prompt, and any setting, such
    as seed or steps. A TOML file has tables [[pictures]].
    """
    from clipart.cli.reading import preset_settings, settings_over
    from clipart.cli.rows import read_rows

    sink: Sink = context.obj.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    options = {"preset": given["preset"], "set": given["set"]}
    recipes = read_rows(file, settings_over(preset_settings(options), options))
    folder = given["folder"] or FOLDER
    sink.note(f"{len(recipes)} picture{'s' * (len(recipes) > 1)}, in {folder}")

    from clipart.batches import batch as make
    from clipart.index import write_index

    again = shlex.join(["clipart", *context.obj.typed])
    with Interrupts() as interrupts:
        try:
            found = make(
                recipes,
                folder,
                given["jobs"] or 1,
                given["video"] or "none",
                lambda made: tell(sink, made, len(recipes)),
                interrupts.stop_now,
            )
        except KeyboardInterrupt:  # a second one
            code = interrupts.exit_code or 130
            sink.error(f"Stopped at once. The same command goes on: {again}", "interrupted", code)
            raise typer.Exit(code) from None
    for path in write_index(found, folder):
        sink.file(path)
    raise typer.Exit(close(sink, found, interrupts.exit_code, again))


def tell(sink: Sink, made: Made, count: int) -> None:
    """Print a line about a picture that is done."""
    sink.event(
        "picture",
        number=made.number,
        prompt=made.prompt,
        status=made.status,
        seed=made.seed,
        match=made.match,
        seconds=made.seconds,
        picture=None if made.picture is None else str(made.picture),
        error=made.error,
    )
    match = "" if made.match is None else f", match {percent(made.match)}"
    sink.show(f" {made.number} of {count}  {shorten(made.prompt)}: {made.status}{match}")


def close(sink: Sink, found: list[Made], code: int | None, again: str) -> int:
    """Tell which pictures are missing and why, and return the exit code."""
    failed = [made for made in found if made.status == "failed"]
    stopped = sum(made.status == "stopped" for made in found)
    sink.event("batch", made=len(found) - len(failed) - stopped, failed=len(failed), stopped=stopped)
    if stopped:
        sink.note(f"{stopped} of {len(found)} pictures are not finished. The same command goes on: {again}")
    if failed:
        lines = [f"{made.number}. {shorten(made.prompt)}: {made.error}" for made in failed]
        sink.error("\n".join([f"{len(failed)} of {len(found)} pictures failed.", *lines]), "run", code or 1)
    return code or (1 if failed else 0)
