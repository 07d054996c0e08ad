"""The fields of a recipe that the command line offers: their order, their types, and their values."""

from __future__ import annotations

import tomllib
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from clipart.fields import TABLES
from clipart.recipe import Recipe
from clipart.stages import Stage

LONGEST = 10_000  # characters of a value that is read as TOML


def knobs() -> dict[str, FieldInfo]:
    """Return the fields that the command line offers, in schema order.

    `json_schema_extra` of each holds its panel ("group") and the unit of its value ("unit").
    """
    return {k: f for k, f in Recipe.model_fields.items() if isinstance(f.json_schema_extra, dict)}


def typed_as(name: str) -> tuple[type, bool]:
    """Return the type of what is typed for the field `name`, and whether several are typed one by one."""
    field = Recipe.model_fields[name]
    inner = [each for each in get_args(field.annotation) if each not in (type(None), ...)]
    many = get_origin(field.annotation) is tuple
    kind = next((each for each in [*inner, field.annotation] if each in (int, float, bool)), str)
    return kind, many and not (isinstance(extra := field.json_schema_extra, dict) and extra["joined"])


def choices(name: str) -> tuple[str, ...]:
    """Return the values of the field `name`, by its table or its `Literal`; empty for any other."""
    if name in TABLES:
        return TABLES[name].names()
    annotation = Recipe.model_fields[name].annotation
    if getattr(annotation, "__origin__", None) is Literal:
        return tuple(str(value) for value in get_args(annotation))
    return ()


def read_value(schema: type[Recipe] | type[Stage], key: str, text: str) -> Any:
    """Return a value as TOML has it, as `text` where the field is a text, in a list where it is a list."""
    value, annotation = as_toml(text), schema.model_fields[key].annotation
    if get_origin(annotation) is tuple:
        return value if isinstance(value, list) else [value if isinstance(value, str) else text]
    is_text = str in getattr(annotation, "__args__", (annotation,))
    return text if is_text and not isinstance(value, str) else value


def as_toml(text: str) -> Any:
    """Return what `text` is as a value of TOML, the text itself if it is none."""
    if len(text) > LONGEST or "\n" in text or text.startswith("{"):
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        return text
    return value if isinstance(value, (bool, int, float, str, list)) else text
