"""`clipart presets`: what there is, what each changes, and all settings of one as TOML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.options import Json, NoColor
from clipart.recipe import Recipe, make_recipe

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.presets import Preset


def presets(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="the preset whose settings are printed")
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the presets and the settings that they change, or print all settings of one as TOML."""
    sink = context.obj.choose(json=json, no_color=no_color)
    if name is None:
        list_presets(sink)
    else:
        show_preset(sink, name)


def list_presets(sink: Sink) -> None:
    """Print every preset's name, what it is for, and what it changes against the default."""
    from rich.padding import Padding
    from rich.text import Text

    from clipart.presets import load_preset, preset_names

    presets = [load_preset(name) for name in preset_names()]
    sink.event(
        "presets", presets=[{"name": p.name, "about": p.about, "changes": changes(p)} for p in presets]
    )
    for preset in presets:
        sink.show(Text.assemble("\n ", (preset.name, "bold cyan"), f"   {preset.about}"))
        if changed := changes(preset):
            words = ", ".join(f"{name} {_short(value)}" for name, value in changed.items())
            sink.show(Padding(Text(words, "dim"), (0, 0, 0, 3), expand=False))
    sink.show('\n clipart "PROMPT" -p NAME takes one; clipart presets NAME shows all of its settings.\n')


def show_preset(sink: Sink, name: str) -> None:
    """Print all settings of a preset as TOML that `--preset FILE.toml` reads back."""
    import tomli_w

    from clipart.presets import NOT_IN_PRESETS, load_preset

    preset = load_preset(name)
    settings = _resolved(preset).model_dump(mode="json", exclude_none=True, exclude=set(NOT_IN_PRESETS))
    sink.event("preset", name=preset.name, about=preset.about, chain=preset.chain, settings=settings)
    sink.show(tomli_w.dumps({"about": preset.about} | settings).rstrip())


def changes(preset: Preset) -> dict[str, Any]:
    """Return the settings of `preset` that are not as they would be without it."""
    plain = make_recipe({"prompt": "preset"}).model_dump(mode="json")
    resolved = _resolved(preset).model_dump(mode="json")
    return {name: value for name, value in resolved.items() if value != plain[name]}


def _resolved(preset: Preset) -> Recipe:
    from clipart.presets import apply

    return make_recipe(apply(preset, {"prompt": "preset"}))


def _short(value: Any) -> str:
    if isinstance(value, list):
        names = [each["name"] if isinstance(each, dict) else str(each) for each in value]
        return "(" + ", ".join(names) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
