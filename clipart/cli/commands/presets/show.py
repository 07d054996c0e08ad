"""`clipart presets show NAME`: all settings of a preset as TOML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.presets.values import resolved

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Print all settings of each preset as TOML that `--preset FILE.toml` reads back."""
    for name in names:
        _show(sink, name)


def _show(sink: Sink, name: str) -> None:
    import tomli_w

    from clipart.presets import NOT_IN_PRESETS, load_preset

    preset = load_preset(name)
    settings = resolved(preset).model_dump(mode="json", exclude_none=True, exclude=set(NOT_IN_PRESETS))
    requires = {"requires": preset.requires} if preset.requires else {}
    about = {"about": preset.about} | requires
    sink.event("preset", name=preset.name, chain=preset.chain, settings=settings, **about)
    sink.show(tomli_w.dumps(about | settings).rstrip())
