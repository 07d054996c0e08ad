"""`clipart video`: from a run's folder, or any film, to another film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clipart.cli.fonts import warn_of_boxes
from clipart.cli.options import Force, Json, NoColor, NoMetadata, Quiet, folder_of_run, own, takes
from clipart.cli.overwrite import mind_the_file
from clipart.errors import ClipartError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from clipart.record.metadata import Origin
    from clipart.record.render import Film

RunOrFile = Annotated[
    Path, typer.Argument(metavar="RUN_OR_FILE", help="the folder of a run, or a film", show_default=False)
]
PICTURE = "picture.png"
Kind = Literal["mp4", "webm", "gif", "apng", "webp"]
# Options that are fields of `clipart.record.render.Film`. A test compares names, defaults and ranges:
# importing it here would make the help slow.
FILM: dict[str, Any] = {
    "fps": own(int, "--fps", about="frames per second", value=30, min=1, max=240),
    "seconds": own(float, "--seconds", about="length of the film in seconds", value=10, min=0.1, max=3600),
    "size": own(int, "--size", "-s", about="longer side in pixels", metavar="N", min=16, max=4096),
    "hold": own(float, "--hold", about="seconds the finished picture stays; half at most", value=1.5, min=0),
    "ease": own(
        float,
        "--ease",
        about="1: all steps equally long; above 1: first longer",
        value=1.6,
        min=0.1,
        max=10,
    ),
    "reverse": own(bool, "--reverse", about="play backwards"),
    "boomerang": own(bool, "--boomerang", about="play forwards, then backwards"),
    "interpolate": own(bool, "--interpolate", about="fade from one recorded step to the next"),
    "caption": own(bool, "--caption", about="write prompt and step below the picture"),
}


@takes(
    run=RunOrFile,
    format=own(Kind, "--format", about="format: mp4, webm, gif, apng or webp", value="mp4"),
    output=own(Path, "--output", "-o", about="file to write; default: in the run", metavar="FILE"),
    **FILM,
    cutout=own(bool, "--cutout", about="a transparent ground, for --format webp or apng"),
    force=Force,
    no_metadata=NoMetadata,
    json=Json,
    quiet=Quiet,
    no_color=NoColor,
)
def video(context: typer.Context, run: Path, output: Path | None, **given: Any) -> None:
    """Make a film from the recorded steps of a run, without running it again."""
    from clipart.record.caption import lacking
    from clipart.record.render import Film

    sink = context.obj.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    run = folder_of_run(run) if run.name == PICTURE else run
    if not run.exists():
        raise UsageError(f"{run}: no such folder or file. Give the folder of a run, or a film.")
    typed = {name: given[name] for name in FILM if name != "caption" and given[name] is not None}
    film = Film(**typed)
    path = place_of(run, output, given["format"])
    mind_the_file(sink, output or (None if run.is_dir() else path), given["force"])
    if given["caption"]:
        film = replace(film, caption=_words(run))
    frames = film_of(run, path, film, with_recipe=not given["no_metadata"], cutout=given["cutout"])
    if lacking([film.caption]):
        warn_of_boxes(sink)
    sink.event("video", path=path, frames=frames, fps=film.fps)
    sink.file(path)


def place_of(run: Path, output: Path | None, kind: str | None) -> Path:
    """Return where the film goes.

    Raises:
        UsageError: its name says another format than was asked for, or it is the film that it is made of.
    """
    if output is not None:
        suffix = output.suffix.lower().removeprefix(".")
        if kind is not None and suffix != kind:
            raise UsageError(f"--output {output} is no {kind}: give it a name that ends in .{kind}")
        if output.exists() and run.exists() and output.samefile(run):
            raise UsageError(f"--output {output} is the film that it is made of. Choose another name.")
        return output
    name = f"video.{kind or 'mp4'}" if run.is_dir() else f"{run.stem}-film.{kind or 'mp4'}"
    return run / name if run.is_dir() else run.with_name(name)


def film_of(run: Path, path: Path, film: Film, with_recipe: bool, cutout: bool = False) -> int:
    """Render the trajectory of `run` to `path` and return the count of frames.

    The film ends on the finished picture, and carries the recipe if that picture does. With `cutout` the
    ground of every frame is transparent.

    Raises:
        UsageError, ClipartError: no trajectory, no such place, or nothing to write it with.
    """
    from clipart.record.folder import Folder, require_output
    from clipart.record.metadata import tags
    from clipart.record.render import render
    from clipart.record.trajectory import open_trajectory
    from clipart.record.video import require_encoder

    require_encoder()
    require_output(path)
    trajectory = open_trajectory(run)
    source = run / PICTURE if run.is_dir() else run
    has_picture = run.is_dir() and Folder(run).has(source.name)
    origin = _origin(source)
    last = _picture(source) if has_picture else None
    texts = tags(origin) if origin and with_recipe else {}
    if not cutout:
        return render(trajectory, path, film, last, texts)
    from clipart.finish.cutout import cut

    return render(trajectory, path, film, last, texts, cut)


def _origin(path: Path) -> Origin | None:
    from clipart.record.metadata import read_origin

    try:
        return read_origin(path)
    except ClipartError:  # of another program, or made without
        return None


def _words(run: Path) -> str:
    """Return the line below the film of `run`: its prompt, or the name of a film that does not say it."""
    origin = _origin(run / PICTURE if run.is_dir() else run) or (_origin(run) if run.is_dir() else None)
    return origin.recipe.prompt if origin else run.stem


def _picture(path: Path) -> Tensor:
    from clipart.pictures import from_pil, open_picture

    return from_pil(open_picture(path)).contiguous()
