"""`clipart models rm NAME...`: remove fetched models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def rm(sink: Sink, names: Sequence[str]) -> None:
    """Remove the files of models, and what was recorded of them."""
    from clipart.files import size_text as size
    from clipart.models import registry, store

    for entry in [registry.find(name) for name in names]:
        freed = store.remove(entry)
        sink.event("removed", name=entry.name, bytes=freed)
        sink.show(f" {entry.name} is removed; {size(freed)} are free now.")
