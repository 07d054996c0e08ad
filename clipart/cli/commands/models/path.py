"""`clipart models path NAME...`: where the weights of models are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def path(sink: Sink, names: Sequence[str]) -> None:
    """Print where the weights of models lie."""
    from clipart.models import registry, store

    for entry in [registry.find(name) for name in names]:
        found = store.locate(entry)
        if found is None:
            raise store.missing(entry)
        sink.event("path", name=entry.name, path=found[0])
        sink.show(str(found[0]))
