"""What an event is made of, and the check that a line is one of those in `clipart.cli.events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "texts": (list,),
    "rows": (list,),
}


@dataclass(frozen=True)
class Key:
    """One key of an event or of an object in it.

    `type` is one of KINDS (`texts` is a list of texts, `rows` one of lists of numbers), or a name in
    OBJECTS for a list of such objects.
    `or_null`: the value may be null. `optional`: the key may be missing.
    """

    name: str
    type: str
    about: str
    or_null: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Event:
    """One kind of line: the value of its key `event`, which commands print it, when, and its other keys."""

    name: str
    commands: tuple[str, ...]
    when: str
    keys: tuple[Key, ...]


Objects = Mapping[str, tuple[Key, ...]]


def check_line(line: Mapping[str, Any], events: Sequence[Event], objects: Objects) -> None:
    """Refuse a line that `events` and `objects` do not describe.

    Raises:
        ValueError: an unknown event, or a key that is unknown, missing or of another type.
    """
    name = line.get("event")
    event = next((each for each in events if each.name == name), None)
    if event is None:
        raise ValueError(f"event {name!r} is not in clipart/cli/events.py")
    values = {key: value for key, value in line.items() if key != "event"}
    _check_keys(values, event.keys, event.name, objects)


def _check_keys(values: Any, keys: tuple[Key, ...], where: str, objects: Objects) -> None:
    if unknown := set(values) - {key.name for key in keys}:
        raise ValueError(f"{where}: {', '.join(sorted(unknown))} is not in clipart/cli/events.py")
    for key in keys:
        if key.name in values:
            _check_value(values[key.name], key, f"{where}.{key.name}", objects)
        elif not key.optional:
            raise ValueError(f"{where}: {key.name} is missing")


def _check_value(value: Any, key: Key, where: str, objects: Objects) -> None:
    if value is None and key.or_null:
        return
    kinds = KINDS.get(key.type, (list,))
    items: Any = value
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{where} = {value!r} is no {key.type}")
    if key.type in objects:
        for each in items:
            _check_keys(each, objects[key.type], where, objects)
    elif key.type == "texts" and not all(isinstance(each, str) for each in items):
        raise ValueError(f"{where} = {value!r} is no list of texts")
    elif key.type == "rows" and not all(isinstance(each, list) for each in items):
        raise ValueError(f"{where} = {value!r} is no list of lists")
