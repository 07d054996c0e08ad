"""`clipart presets check FILE`: whether a preset can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.presets.values import changes

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Read each preset, and say how many settings it changes; the first that cannot be read is an error."""
    from clipart.presets import load_preset

    for name in names:
        preset = load_preset(name)
        changed = changes(preset)
        sink.event("preset checked", name=preset.name, chain=preset.chain, changes=changed)
        extends = f", extends {preset.chain[1]}" if len(preset.chain) > 1 else ""
        sink.show(f"{name}: can be read; changes {len(changed)} settings{extends}")
