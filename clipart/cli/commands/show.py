"""`clipart show`: the recipe that a picture, a film or a run carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.options import Json, NoColor

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.record.metadata import Origin


def show(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="a picture, a film, or the folder of a run", show_default=False),
    ],
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Print the recipe of a picture, a film or a run, as TOML. Nothing is run."""
    show_origin(context.obj.choose(json=json, no_color=no_color), file)


def show_origin(sink: Sink, path: Path) -> None:
    """Print the recipe that a file carries, as TOML that can be kept; of another program, what it says.

    Raises:
        UsageError: there is nothing in it, or it is broken.
    """
    from clipart.record.metadata import infotext, read_origin
    from clipart.record.tags import OURS, THEIRS, read_tags

    is_film_or_picture = path.is_file() and path.suffix.lower() != ".toml"
    found = read_tags(path) if is_film_or_picture else {}
    if THEIRS in found and OURS not in found:
        text = _printable(found[THEIRS])
        sink.event("show", file=str(path), parameters=text)
        sink.show(text)
        sink.note("Written by another program, so it cannot be replayed.")
        return
    origin = read_origin(path)
    sink.event(
        "show",
        file=str(path),
        recipe=origin.recipe.model_dump(mode="json"),
        models=origin.models,
        versions=origin.versions,
        parameters=infotext(origin),
    )
    sink.show(_printable(_as_toml(origin)))


def _as_toml(origin: Origin) -> str:
    from clipart.presets import dump_recipe

    made = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    comments = [f"# Made with {made}"] if made else []
    comments += [f"# Model {name}: SHA-256 {digest}" for name, digest in origin.models.items()]
    return "\n".join([*comments, dump_recipe(origin.recipe).rstrip()])


def _printable(text: str) -> str:
    """Return `text` without what would move a terminal's cursor."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
