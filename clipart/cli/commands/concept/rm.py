"""`clipart concept rm NAME...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.errors import UsageError
from clipart.near import did_you_mean

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Remove concepts, if all of them are there."""
    from clipart.critic.concepts import all_names, path_of

    paths = [path_of(name) for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.is_file():
            raise UsageError(f"<{name}>: there is no such concept.{did_you_mean(name, all_names())}")
    for path in paths:
        size = path.stat().st_size
        path.unlink()
        sink.event("removed", name=path.stem, bytes=size)
        sink.show(f"<{path.stem}> is removed.")
