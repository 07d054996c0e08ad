"""From what a client asks for to a recipe: the one place where its values come in.

A client names settings, a shipped preset, a model that is installed, an upload and a moment of a run; never a
path, a file with a model, or a command.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from clipart.errors import ModelError, UsageError
from clipart.knobs import choices, knobs, typed_as
from clipart.models import store
from clipart.models.needed import FILES
from clipart.models.registry import entries
from clipart.models.spec import expanded, read_critic
from clipart.presets import FETCHED, Preset, apply, load_preset, preset_names
from clipart.recipe import SHOWN, Recipe, make_recipe
from clipart.record.metadata import require_harmless
from clipart.values import sized

NOT_TO_ASK = ("prompt", "init", *SHOWN, *FILES, "width", "height", "seed", "clip", "judge", "device")
MODELS = ("clip", "judge")
SEEDS = 2**31
BOUNDS = ("ge", "gt", "le", "lt")


def installed() -> list[str]:
    """Return the names of the CLIPs that are on this machine."""
    found = []
    for entry in entries():
        try:
            if entry.kind == "clip" and (entry.embedded or store.state(entry) == "here"):
                found.append(entry.name)
        except ModelError:
            continue
    return found


def settings() -> list[dict[str, Any]]:
    """Return the settings that the page offers under "more": name, group, sentence, unit, kind and range."""
    found = []
    for name, field in knobs().items():
        if name in NOT_TO_ASK or not isinstance(extra := field.json_schema_extra, dict):
            continue
        kind, many = typed_as(name)
        bounds = {key: getattr(m, key) for m in field.metadata for key in BOUNDS if hasattr(m, key)}
        found.append(
            {
                "name": name,
                "group": extra["group"],
                "about": field.description,
                "unit": extra["unit"] if not str(extra["unit"]).isupper() else "",
                "kind": {int: "whole", float: "number", bool: "switch"}.get(kind, "text"),
                "many": many,
                "choices": [] if extra["joined"] else list(choices(name)),
                "default": shown(field.default),
            }
            | bounds
        )
    return found


def shown(value: Any) -> str:
    """Return a value as it is typed; empty for None."""
    if isinstance(value, list | tuple):
        return ",".join(str(each) for each in value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def presets() -> list[dict[str, Any]]:
    """Return the presets whose CLIPs are here: name, sentence, and their settings as they are typed."""
    found = []
    for name in preset_names():
        preset = load_preset(name)
        if preset.requires == FETCHED and not _is_here(preset):
            continue
        typed = {key: shown(value) for key, value in preset.settings.items() if key in knobs()}
        found.append({"name": name, "about": preset.about, "settings": typed})
    return found


def _is_here(preset: Preset) -> bool:
    critics = (read_critic(each) for text in preset.settings.get("clip", ()) for each in expanded(text))
    return {spec.name for spec in critics} <= set(installed())


def read(asked: Mapping[str, Any], begin: Mapping[str, Any]) -> tuple[Recipe, str]:
    """Return the recipe that `asked` is, and the command that makes it; a seed that is not given is drawn.

    `asked` has `prompt`, and may have `preset`, `size` ("256x256"), `seed` and `settings`, by name. `begin`
    are settings of the server's own: the picture to start from.

    Raises:
        UsageError: naming what is wrong.
    """
    prompt, preset, own = asked.get("prompt"), asked.get("preset"), asked.get("settings", {})
    if not isinstance(prompt, str):
        raise UsageError("There is no prompt. Type what to draw.")
    if preset is not None and preset not in preset_names():
        raise UsageError("No such preset. Choose one of the page's.")
    if not isinstance(own, dict):
        raise UsageError("The settings are names with values.")
    given: dict[str, Any] = {"prompt": prompt} | {key: _setting(key, value) for key, value in own.items()}
    if asked.get("size"):
        given["size"] = str(asked["size"])[:20]
    seed = asked.get("seed")
    given["seed"] = secrets.randbelow(SEEDS) if seed in (None, "") else seed
    given |= {key: value for key, value in begin.items() if key not in given}
    values = sized(given)
    recipe = make_recipe(apply(load_preset(preset), values) if preset else values)
    require_harmless(recipe, begin)
    return recipe, _command(given, preset)


def _setting(name: str, value: Any) -> Any:
    if name in MODELS:
        names = value if isinstance(value, list) else [value]
        for each in names:
            if not isinstance(each, str) or read_critic(each).name not in installed():
                raise UsageError(f"{name}: no such model here. `clipart models` lists them.")
        return value
    if name not in knobs() or name in NOT_TO_ASK:
        raise UsageError(f"{str(name)[:40]!r} is no setting that the page may choose.")
    return value


def _command(given: Mapping[str, Any], preset: str | None) -> str:
    words = ["clipart", "make", "--preset", preset] if preset and preset != "default" else ["clipart", "make"]
    for name, value in given.items():
        if name != "prompt":
            many = isinstance(value, list) and typed_as(name)[1] if name in knobs() else False
            for each in value if many else [value]:
                words += [f"--{name.replace('_', '-')}", shown(each)]
    return shlex.join([*words, "--", given["prompt"]])


def steered(command: str, steer: Sequence[str]) -> str:
    """Return `command`, as `read` gave it, with `steer` in place of what it says of weights on the way."""
    words = shlex.split(command)
    at = words.index("--")
    kept = [word for k, word in enumerate(words[:at]) if "--steer" not in (word, words[k - 1])]
    typed = [word for each in steer for word in ("--steer", each)]
    return shlex.join([*kept, *typed, *words[at:]])


def again(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as the page asks for one; settings that nobody chose are left out, and files too."""
    fields, left = Recipe.model_fields, set(recipe.left)
    known = [name for name in knobs() if name not in NOT_TO_ASK and name not in left]
    values = recipe.model_dump(mode="json")
    chosen = {name: values[name] for name in known if getattr(recipe, name) != fields[name].default}
    return {
        "prompt": recipe.prompt,
        "size": f"{recipe.width}x{recipe.height}",
        "seed": recipe.seed,
        "settings": chosen,
    }
