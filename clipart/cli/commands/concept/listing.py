"""`clipart concept list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.concept.show import tell

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Print all concepts, or those that are named."""
    from clipart.critic.concepts import all_names

    found = names or all_names()
    for name in found:
        tell(sink, name)
    if not found:
        sink.show("There are no concepts yet. To learn one: clipart concept learn my-cat PICTURE...")
