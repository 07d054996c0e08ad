"""`--set NAME=VALUE`: any setting of the recipe by its name, and those of a stage as `stages.NAME.KEY`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_origin

from clipart.errors import UsageError
from clipart.recipe import Recipe, Stage

STAGES = "stages"
NOT_SET = ("prompt", STAGES)  # the prompt is typed by itself, a stage by its name
LONGEST = 10_000  # characters of a value that is read as TOML

Assignments = dict[str, Any]
StageAssignments = dict[tuple[str, str], Any]  # by the stage's name and the key


def read_set(typed: Sequence[str] | None) -> tuple[Assignments, StageAssignments]:
    """Return what `--set` gives to fields of the recipe, and what to fields of its stages.

    Raises:
        UsageError: no `=`, an unknown name (with the nearest), or one that is set twice.
    """
    fields: Assignments = {}
    of_stages: StageAssignments = {}
    for text in typed or ():
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"--set {text}: type NAME=VALUE, for example --set lr=0.05.")
        is_of_stage = name.startswith(f"{STAGES}.") and name.count(".") > 1
        key: Any = _stage_key(name) if is_of_stage else _known(name, Recipe.model_fields, name)
        taken: dict[Any, Any] = of_stages if is_of_stage else fields
        if key in taken:
            raise UsageError(f'--set {name} is typed twice. Type it once; a list is written as ["a", "b"].')
        taken[key] = _value(Stage if is_of_stage else Recipe, key[1] if is_of_stage else key, value.strip())
    return fields, of_stages


def change_stages(stages: Iterable[Mapping[str, Any]], changes: StageAssignments) -> list[dict[str, Any]]:
    """Return `stages` as plain values with `changes` in them; of one name, all are changed.

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
                stage[key] = value
    return changed


def _stage_key(name: str) -> tuple[str, str]:
    stage, _, key = name.removeprefix(f"{STAGES}.").rpartition(".")
    return stage, _known(key, Stage.model_fields, name)


def _known(key: str, fields: Iterable[str], name: str) -> str:
    """Return `key` as the schema spells it."""
    found = key.replace("-", "_")
    if found == "prompt":
        raise UsageError('--set prompt: the prompt is typed by itself: clipart "PROMPT"')
    if found.split(".")[0] == STAGES:
        raise UsageError(f"--set {name}: type {STAGES}.NAME.KEY=VALUE, with the name of a stage.")
    if found not in fields:
        near = get_close_matches(found, [each for each in fields if each not in NOT_SET], n=1)
        hint = f"Did you mean {near[0]}?" if near else "`clipart --help` lists the settings."
        raise UsageError(f"--set {name}: no such setting. {hint}")
    return found


def _value(schema: type[Recipe] | type[Stage], key: str, text: str) -> Any:
    """Return a value as TOML has it, as `text` where the field is a text, in a list where it is a list."""
    value, annotation = _toml(text), schema.model_fields[key].annotation
    if get_origin(annotation) is tuple:
        return value if isinstance(value, list) else [value if isinstance(value, str) else text]
    is_text = str in getattr(annotation, "__args__", (annotation,))
    return text if is_text and not isinstance(value, str) else value


def _toml(text: str) -> Any:
    if len(text) > LONGEST or "\n" in text or text.startswith("{"):
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        return text
    return value if isinstance(value, (bool, int, float, str, list)) else text
