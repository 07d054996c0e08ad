"""`clipart presets list`: what there is, and what each changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.presets.values import changes, short

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Print every preset's name, what it is for, and what it changes against the default."""
    from rich.padding import Padding
    from rich.text import Text

    from clipart.presets import FETCHED, load_preset, preset_names

    presets = [load_preset(name) for name in preset_names()]
    plain = [
        {"name": p.name, "about": p.about, "requires": p.requires, "changes": changes(p)} for p in presets
    ]
    sink.event("presets", presets=plain)
    for preset in presets:
        line = Text.assemble("\n ", (preset.name, "bold cyan"), f"   {preset.about}")
        sink.show(line.append("  (fetched CLIPs)" if preset.requires == FETCHED else "", "yellow"))
        if changed := changes(preset):
            words = ", ".join(f"{name} {short(value)}" for name, value in changed.items())
            sink.show(Padding(Text(words, "dim"), (0, 0, 0, 3), expand=False))
    sink.show('\n clipart "PROMPT" -p NAME takes one; clipart presets show NAME prints its settings.\n')
