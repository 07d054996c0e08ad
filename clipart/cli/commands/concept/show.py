"""`clipart concept show NAME...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], **_: Any) -> None:
    """Print what is known of concepts."""
    for name in names:
        tell(sink, name)


def pictures(count: int) -> str:
    """Return how many pictures there are, in words."""
    return "1 picture" if count == 1 else f"{count} pictures"


def tell(sink: Sink, name: str) -> None:
    """Print a line about a concept."""
    from clipart.critic.concepts import load, path_of, require_name

    concept = load(require_name(name))
    clips = list(concept.clips.values())
    known: dict[str, Any] = {"word": concept.word, "pictures": concept.pictures}
    sink.event("concept", name=concept.name, clips=clips, path=path_of(concept.name), **known)
    sink.show(
        f"<{concept.name}>  near {concept.word!r}, from {pictures(concept.pictures)}, for {', '.join(clips)}"
    )
