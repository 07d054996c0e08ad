"""`clipart models verify [NAME]...`: compare the files of models with their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipart.cli.commands.models.listing import known
from clipart.errors import ModelError

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def verify(sink: Sink, names: Sequence[str]) -> None:
    """Compare the files of models, by default of all that are here, with what they must be.

    Raises:
        ModelError: one is not; all have been compared.
    """
    from clipart.models import registry, store

    entries = [registry.find(name) for name in names]
    bad: list[str] = []
    for entry in entries or [each for each in known(sink) if store.state(each) in ("embedded", "here")]:
        try:
            digest = store.verify(entry).sha256
        except ModelError as error:
            bad.append(str(error))
            sink.event("verified", name=entry.name, ok=False, sha256=None)
        else:
            sink.event("verified", name=entry.name, ok=True, sha256=digest)
            sink.show(f" ok  {entry.name}  {digest}")
    if bad:
        raise ModelError("\n".join(bad))
