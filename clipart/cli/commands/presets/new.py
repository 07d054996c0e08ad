"""`clipart presets new NAME`: a preset of one's own, to be edited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipart.cli.commands.presets import ACTIONS
from clipart.cli.overwrite import mind_the_file
from clipart.errors import UsageError

if TYPE_CHECKING:
    from clipart.cli.sink import Sink

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def act(sink: Sink, names: Sequence[str], *, base: str, force: bool) -> None:
    """Write a preset that extends `base` into the folder of one's own, and say where it is."""
    from clipart.presets import load_preset, own_folder, shipped_names, write_own

    (name,) = names
    if not NAME.fullmatch(name) or name in ACTIONS:
        raise UsageError(
            f"{name[:60]!r}: a preset has 1 to 40 small letters, digits and hyphens, such as my-look."
        )
    if name in shipped_names():
        raise UsageError(f"{name}: is the name of a shipped preset. Choose another, such as my-{name}.")
    parent = load_preset(base)
    path = own_folder() / f"{name}.toml"
    mind_the_file(sink, path, force, f"The preset {name}:")
    write_own(name, {"about": f"like {parent.name}, changed", "extends": base})
    sink.event("preset made", name=name, path=path, chain=[name, *parent.chain])
    sink.show(f"{path}", f'Edit it, then: clipart "PROMPT" --preset {name}')
    sink.brief(path)
