"""`clipart video`: from a run's folder, or any film, to another film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ClipartError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from clipart.record.metadata import Origin
    from clipart.record.render import Film


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


def film_of(run: Path, path: Path, film: Film, caption: bool, with_recipe: bool) -> int:
    """Render the trajectory of `run` to `path` and return the count of frames.

    The film ends on the finished picture, and carries the recipe if that picture does.

    Raises:
        UsageError, ClipartError: no trajectory, no such place, or nothing to write it with.
    """
    from clipart.record.metadata import tags
    from clipart.record.render import render
    from clipart.record.trajectory import open_trajectory
    from clipart.record.video import require_encoder

    require_encoder()
    trajectory = open_trajectory(run)
    source = run / "picture.png" if run.is_dir() else run
    origin = _origin(source)
    if caption:
        film = replace(film, caption=_words(run, origin))
    last = _picture(source) if run.is_dir() and source.is_file() else None
    return render(trajectory, path, film, last, tags(origin) if origin and with_recipe else {})


def _origin(path: Path) -> Origin | None:
    from clipart.record.metadata import read_origin

    try:
        return read_origin(path)
    except ClipartError:  # of another program, or made without
        return None


def _words(run: Path, origin: Origin | None) -> str:
    origin = origin or (_origin(run) if run.is_dir() else None)
    return origin.recipe.prompt if origin else run.stem


def _picture(path: Path) -> Tensor:
    from clipart.pictures import from_pil, open_picture

    return from_pil(open_picture(path)).contiguous()
