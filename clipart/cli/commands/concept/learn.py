"""`clipart concept learn NAME IMAGE...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.commands.concept.show import pictures
from clipart.cli.overwrite import mind_the_file
from clipart.errors import UsageError

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def act(sink: Sink, names: Sequence[str], *, init: str | None, clip: Sequence[str], force: bool) -> None:
    """Learn a concept and say how to use it."""
    from clipart.critic.concepts import path_of

    name, *images = names
    if not images:
        raise UsageError(f"clipart concept learn {name}: type pictures of it too, three to five are enough.")
    mind_the_file(sink, path_of(name), force, f"The concept {name}:")
    from clipart.seeing.learning import learn

    concept, path = learn(name, images, word=init, clips=clip)
    known: dict[str, Any] = {"word": concept.word, "pictures": concept.pictures}
    sink.event("concept", name=concept.name, clips=list(concept.clips.values()), path=path, **known)
    clips = ", ".join(concept.clips.values())
    sink.show(
        f"<{concept.name}> is learned from {pictures(concept.pictures)}, near {concept.word!r}, for {clips}.",
        f'Use it in a prompt: clipart "<{concept.name}>"',
    )
    sink.brief(path)
