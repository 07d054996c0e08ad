"""The commands for what runs have left: go on, show, film, sheet, plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clipart.cli.options import Json, NoColor, NoMetadata, Quiet, option
from clipart.cli.sink import Invocation, Sink

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.run import Result

Run = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run", show_default=False)]
RunOrFile = Annotated[
    Path, typer.Argument(metavar="RUN_OR_FILE", help="the folder of a run, or a film", show_default=False)
]
Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="folders of runs, or pictures", show_default=False),
]
VideoFile = Annotated[
    Path | None, option("--output", "-o", about="where to write it; else in the run", metavar="FILE")
]
SheetFile = Annotated[
    Path | None, option("--output", "-o", about="where to write it", value="sheet.png", metavar="FILE")
]
PlotFile = Annotated[
    Path | None,
    option("--output", "-o", about="one .svg or .png; else both in the run's folder", metavar="FILE"),
]
Format = Literal["mp4", "webm", "gif", "apng", "webp"]


def resume(
    context: typer.Context,
    run: Run,
    steps: Annotated[
        int | None, option("--steps", "-n", about="steps in all, if more than planned", metavar="N", min=1)
    ] = None,
    device: Annotated[
        str | None, option("--device", about="another device than before", metavar="NAME")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Go on with a run from its last checkpoint, as if it had never stopped.

    On the same machine, versions and threads the picture is the same to the bit. A run that has ended gets
    its picture and film again, or with more steps goes on.
    """
    from clipart.cli.drive import drive
    from clipart.cli.summary import again
    from clipart.record.checkpoint import latest
    from clipart.run import extended

    invocation: Invocation = context.obj
    sink = invocation.choose(json=json, quiet=quiet, no_color=no_color)
    saved = latest(run, sink.warn)
    recipe = extended(saved, steps, device)

    def job(consumers: list[Consumer], stop_now: Callable[[], bool], _: Callable[[int], None]) -> Result:
        from clipart.run import resume as go_on

        return go_on(saved, steps, device, consumers, stop_now, sink.warn)

    drive(sink, recipe, job, lambda result: again(["replay", str(run)], recipe, seed_given=True))


def show(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a picture, film or run", show_default=False)],
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Print the recipe that a picture, a film or a run has, as TOML. Nothing is run, and no pixel decoded."""
    from clipart.cli.replay import show_origin

    show_origin(context.obj.choose(json=json, no_color=no_color), file)


def video(
    context: typer.Context,
    run: RunOrFile,
    format: Annotated[  # noqa: A002 (the option is called so)
        Format | None, option("--format", about="mp4, webm, gif, apng or webp", value="mp4")
    ] = None,
    output: VideoFile = None,
    fps: Annotated[int, option("--fps", about="frames a second", value=30, min=1, max=240)] = 30,
    seconds: Annotated[
        float, option("--seconds", about="length of the film", value=10, min=0.1, max=3600, metavar="X")
    ] = 10.0,
    size: Annotated[
        int | None, option("--size", "-s", about="longer side in pixels", metavar="N", min=16, max=4096)
    ] = None,
    hold: Annotated[
        float, option("--hold", about="seconds of the finished picture, up to half", value=1.5, min=0)
    ] = 1.5,
    ease: Annotated[
        float, option("--ease", about="1: even; more: longer on the first steps", value=1.6, min=0.1, max=10)
    ] = 1.6,
    reverse: Annotated[bool, option("--reverse", about="backwards")] = False,
    boomerang: Annotated[bool, option("--boomerang", about="there and back")] = False,
    interpolate: Annotated[bool, option("--interpolate", about="fade between recorded steps")] = False,
    caption: Annotated[bool, option("--caption", about="prompt and step in a line below")] = False,
    no_metadata: NoMetadata = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Make a film of a run from its trajectory, as often as wanted, without running it again."""
    from clipart.cli.films import film_of, place_of
    from clipart.record.render import Film

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    film = Film(fps, seconds, hold, ease, size, reverse, boomerang, interpolate)
    path = place_of(run, output, format)
    frames = film_of(run, path, film, caption=caption, with_recipe=not no_metadata)
    _tell(sink, "video", path, frames=frames, fps=fps)


def sheet(
    context: typer.Context,
    runs: Runs,
    output: SheetFile = None,
    size: Annotated[
        int, option("--size", "-s", about="longer side of a picture in pixels", value=256, min=16, max=4096)
    ] = 256,
    columns: Annotated[
        int | None, option("--columns", about="pictures side by side", metavar="N", min=1, max=100)
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Put the pictures of runs on one sheet, with captions; several prompts and seeds make a grid."""
    from clipart.record.sheet import make_sheet

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    path = output or Path("sheet.png")
    make_sheet(runs, path, size, columns)
    _tell(sink, "sheet", path, pictures=len(runs))


def plot(
    context: typer.Context,
    run: Run,
    output: PlotFile = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Draw how matches, losses and the rate went over the steps, as SVG and as PNG."""
    from clipart.record.plot import make_plot

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    for path in make_plot(run, output):
        _tell(sink, "plot", path)


def _tell(sink: Sink, event: str, path: Path, **more: int) -> None:
    sink.event(event, path=str(path), **more)
    sink.show(str(path))
    sink.brief(str(path))
