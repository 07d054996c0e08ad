"""The settings of a preset: with those that it does not change, and only those that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipart.recipe import Recipe, make_recipe

if TYPE_CHECKING:
    from clipart.presets import Preset


def changes(preset: Preset) -> dict[str, Any]:
    """Return the settings of `preset` that are not as they would be without it."""
    plain = make_recipe({"prompt": "preset"}).model_dump(mode="json")
    found = resolved(preset).model_dump(mode="json")
    return {name: value for name, value in found.items() if value != plain[name]}


def resolved(preset: Preset) -> Recipe:
    """Return a recipe with the settings of `preset`."""
    return make_recipe({**preset.settings, "prompt": "preset"})


def short(value: Any) -> str:
    """Return a value of a setting as people read it."""
    if isinstance(value, list):
        names = [each["name"] if isinstance(each, dict) else str(each) for each in value]
        return "(" + ", ".join(names) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)
