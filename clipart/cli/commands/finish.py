"""`clipart finish`: the steps after the last one, on pictures that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.options import Force, Json, NoColor, Quiet, option
from clipart.cli.overwrite import mind_the_file
from clipart.errors import ClipartError, UsageError
from clipart.finish.chain import make_chain, name_of, read_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from clipart.cli.sink import Sink
    from clipart.recipe import Recipe

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="pictures", show_default=False),
]


def finish(
    context: typer.Context,
    files: Files,
    finish: Annotated[
        str | None, option("--finish", about="steps by commas, such as clean,upscale:2", metavar="CHAIN")
    ] = None,
    output: Annotated[
        Path | None, option("--output", "-o", about="PNG to write, for one picture", metavar="FILE")
    ] = None,
    upscaler: Annotated[
        Path | None, option("--upscaler", about="network that upscale uses, safetensors", metavar="FILE")
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Finish pictures that are there: apple.png becomes apple-finished.png, and keeps its recipe.

    The recipe of the new picture has the new steps after the old ones, so it replays as it is. An --upscaler
    is not in the recipe: a replay enlarges without it.
    """
    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    steps = read_chain(finish or "")
    if not steps:
        raise UsageError("Finish how? Type steps by commas: --finish clean,upscale:2")
    chain = make_chain(steps, _instead(steps, upscaler))  # refuses what does not fit before the first file
    if output and len(files) > 1:
        raise UsageError("--output names one file. Finish one picture, or leave --output out.")
    for source in files:
        path = output or source.with_name(f"{source.stem}-finished.png")
        mind_the_file(sink, path, force)
        finish_file(sink, source, path, steps, chain, force=force)
        sink.event("finished", path=path, source=source)
        sink.file(path)


def _instead(steps: tuple[str, ...], upscaler: Path | None) -> dict[str, Callable[..., Tensor]]:
    """Return the steps that a file takes the place of."""
    if upscaler is None:
        return {}
    if not any(name_of(step) == "upscale" for step in steps):
        raise UsageError("--upscaler is for the step upscale, which is not in --finish. Add it: upscale:4")
    from clipart.finish.upscaler import read_upscaler

    return {"upscale": read_upscaler(upscaler)}


def finish_file(
    sink: Sink,
    source: Path,
    path: Path,
    steps: tuple[str, ...],
    chain: Callable[[Tensor], Tensor],
    *,
    force: bool,
) -> None:
    """Write the picture in `source` to `path` after the `chain` of `steps`, with its recipe if it has one.

    What a step leaves beside it, such as an SVG, does not replace a file without a word either.
    """
    from clipart.finish.chain import leaves
    from clipart.pictures import open_picture, with_alpha
    from clipart.record.files import save_png
    from clipart.record.folder import written

    image = with_alpha(open_picture(source))
    texts = _texts(sink, source, steps)  # refuses before the work is done
    try:
        finished = chain(image)
    except ValueError as error:
        raise UsageError(f"{source}: {error}. Choose a larger picture.") from None
    beside_it = {
        path.with_name(f"{path.stem}{ending}"): data for ending, data in leaves(steps, finished).items()
    }
    for beside in beside_it:
        mind_the_file(sink, beside, force, "The file")
    save_png(finished, path, texts)
    for beside, data in beside_it.items():
        with written(beside) as temporary:
            temporary.write_bytes(data)
        sink.file(beside)


def _texts(sink: Sink, source: Path, steps: tuple[str, ...]) -> dict[str, str]:
    """Return what the finished picture says of how it was made, with `steps` after those of `source`."""
    from dataclasses import replace

    from clipart.record.metadata import read_origin, tags

    try:
        origin = read_origin(source)
    except ClipartError:  # of another program, or of a version that is not read any more
        sink.note(f"{source}: no recipe in it that could be kept")
        return {}
    return tags(replace(origin, recipe=longer(origin.recipe, steps)))


def longer(recipe: Recipe, steps: tuple[str, ...]) -> Recipe:
    """Return `recipe` with `steps` after its own; what it enlarged comes before them.

    Raises:
        UsageError: the chain is longer, or the picture larger, than a recipe may say.
    """
    from clipart.canvas import CANVASES
    from clipart.canvas.base import Canvas

    last = (recipe.stages[-1].canvas if recipe.stages else None) or recipe.canvas
    if CANVASES[last].final is not Canvas.final:  # it renders itself at the size of the finished picture
        return recipe.with_(finish=(*(recipe.finish or ()), *steps))
    return recipe.with_(finish=(*recipe.chain, *steps), upscale=1)
