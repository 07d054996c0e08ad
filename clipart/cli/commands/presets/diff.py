"""`clipart presets diff A B`: in what two presets differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.presets.values import resolved, short

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Print each setting that the second preset has otherwise, with both values."""
    from clipart.presets import load_preset

    first, second = (resolved(load_preset(name)).model_dump(mode="json") for name in names)
    found = {name: [first[name], second[name]] for name in first if first[name] != second[name]}
    sink.event("preset diff", first=names[0], second=names[1], settings=found)
    width = max(map(len, found), default=0)
    for name, (before, after) in found.items():
        sink.show(f"{name.ljust(width)}  {_said(before)} -> {_said(after)}")
    if not found:
        sink.show(f"{names[0]} and {names[1]} have the same settings.")


def _said(value: Any) -> str:
    return "left open" if value is None else short(value)
