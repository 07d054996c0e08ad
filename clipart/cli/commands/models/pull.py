"""`clipart models pull NAME...`: fetch models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipart.cli.downloads import watching

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def pull(sink: Sink, names: Sequence[str]) -> None:
    """Fetch models, saying first how large they are and under which licence."""
    from clipart.models import fetch, registry

    for entry in [registry.find(each) for name in names for each in registry.members(name)]:
        with watching(sink) as watch:
            files = fetch.pull(entry, watch)
        sink.event("pulled", name=entry.name, path=files.weights, sha256=files.sha256)
        sink.show(f" {entry.name} is in {files.weights}")
