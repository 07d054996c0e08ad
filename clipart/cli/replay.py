"""`clipart replay` and `clipart show`: the recipe that a picture carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.cli.options import read_size, typed_settings
from clipart.cli.sink import Sink
from clipart.errors import UsageError
from clipart.recipe import Recipe, make_recipe

if TYPE_CHECKING:
    from clipart.record.metadata import Origin


def read_replay(words: list[str] | None, given: dict[str, Any]) -> tuple[Recipe, Origin]:
    """Return the recipe to run again, with what is typed in place of what it had, and where it came from.

    Raises:
        UsageError: no file, no recipe in it, or one that would read a file; it says what to type.
    """
    from clipart import prompt as prompts
    from clipart.presets import load_preset
    from clipart.record.metadata import read_origin, require_harmless

    if not words:
        raise UsageError("Replay what? Give a picture, a film or a run's folder: clipart replay apple.png")
    if len(words) > 2:
        raise UsageError(f'Behind {words[0]} goes one prompt, in quotes: "{" ".join(words[1:])}"')
    origin = read_origin(Path(words[0]))
    typed = typed_settings(given) | read_size(given)
    if len(words) == 2:
        typed["prompt"] = words[1]
    require_harmless(origin.recipe, typed)
    preset = load_preset(given["preset"]).settings if given.get("preset") else {}
    recipe = make_recipe(origin.recipe.model_dump() | dict(preset) | typed)
    prompts.parse(recipe.prompt, no=recipe.no)
    return recipe.resolve(), origin


def warn_of_differences(sink: Sink, origin: Origin, recipe: Recipe) -> None:
    """Say what is not as it was when the picture was made."""
    from clipart.record.metadata import differences, model_hashes

    for words in differences(origin, model_hashes(recipe)):
        sink.warn(f"{words}; the picture may be another one")


def show_origin(sink: Sink, path: Path) -> None:
    """Print the recipe that a file carries, as TOML that can be kept; of another program, what it says.

    Raises:
        UsageError: there is nothing in it, or it is broken.
    """
    from clipart.presets import dump_recipe
    from clipart.record.metadata import infotext, read_origin
    from clipart.record.tags import OURS, THEIRS, read_tags

    is_film_or_picture = path.is_file() and path.suffix.lower() != ".toml"
    found = read_tags(path) if is_film_or_picture else {}
    if THEIRS in found and OURS not in found:
        text = "".join(char if char.isprintable() or char == "\n" else "?" for char in found[THEIRS])
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
    made = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    comments = [f"# Made with {made}"] if made else []
    comments += [f"# Model {name}: SHA-256 {digest}" for name, digest in origin.models.items()]
    text = "\n".join([*comments, dump_recipe(origin.recipe).rstrip()])
    sink.show("".join(char if char.isprintable() or char == "\n" else "?" for char in text))
