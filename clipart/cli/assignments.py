"""`--set NAME=VALUE`: any setting of the recipe by its name, one of a stage as `stages.NAME.KEY`.

A setting that a part of another package brings with it is `extras.NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from clipart.errors import UsageError
from clipart.knobs import as_toml, knobs, read_value
from clipart.meanings import setting_meant
from clipart.recipe import Recipe
from clipart.stages import Stage

STAGES, EXTRAS = "stages", "extras"
OF_STAGES = [name for name in Stage.model_fields if name not in ("name", "left")]


class Assigned(NamedTuple):
    """What was assigned: to settings by name, to stages by their name and the key, to extras by name."""

    fields: dict[str, Any]
    stages: dict[tuple[str, str], Any]
    extras: dict[str, Any]


def read_set(typed: Sequence[str] | None) -> Assigned:
    """Return what the values of `--set` say.

    Raises:
        UsageError: no `=`, an unknown name (with the nearest), or one that is set twice.
    """
    found, seen = Assigned({}, {}, {}), set()
    for text in typed or ():
        name, equals, words = (piece.strip() for piece in text.partition("="))
        if not equals or not name:
            raise UsageError(f"--set {text}: type NAME=VALUE, for example --set lr=0.05.")
        group, dot, rest = name.partition(".")
        key: Any = rest
        if group == EXTRAS and rest:
            found.extras[rest] = as_toml(words)
        elif group == STAGES:
            stage, _, last = rest.rpartition(".")
            if not stage:
                raise UsageError(f"--set {name}: type {STAGES}.NAME.KEY=VALUE, with the name of a stage.")
            key = stage, _known(last, OF_STAGES, name)
            found.stages[key] = read_value(Stage, key[1], words)
        else:
            key = _known(name, knobs(), name)
            found.fields[key] = read_value(Recipe, key, words)
        if (group if dot else "", key) in seen:
            raise UsageError(f'--set {name} is typed twice. Type it once; a list is written ["a", "b"].')
        seen.add((group if dot else "", key))
    return found


def change_stages(
    stages: Iterable[Mapping[str, Any]], changes: Mapping[tuple[str, str], Any]
) -> list[dict[str, Any]]:
    """Return `stages` as plain values with `changes`, each made in every stage of its name.

    What had been left open in a changed stage is open again.

    Raises:
        UsageError: no stage has that name; the message names those that there are.
    """
    changed = [dict(stage) for stage in stages]
    names = [str(stage.get("name")) for stage in changed]
    for (name, key), value in changes.items():
        if name not in names:
            there = f"The stages are: {', '.join(names)}." if names else "This recipe has no stages."
            raise UsageError(f"--set {STAGES}.{name}.{key}: no stage is called {name!r}. {there}")
        for stage in changed:
            if stage.get("name") == name:
                stage.update(dict.fromkeys(stage.pop("left", ())) | {key: value})
    return changed


def _known(typed: str, names: Iterable[str], whole: str) -> str:
    """Return `typed` as the schema spells it; `whole` is what the message calls it."""
    name = typed.replace("-", "_")
    if name == "prompt":
        raise UsageError('--set prompt: the prompt is typed by itself: clipart "PROMPT"')
    if name not in names:
        hint = setting_meant(name, names) or " `clipart --help` lists the settings."
        raise UsageError(f"--set {whole}: no such setting.{hint}")
    return name
