"""Concepts: names that stand for what a few pictures show, such as `<my-cat>` in a prompt.

A concept is a safetensors file in our folder of data, `concepts/NAME.safetensors`. It has a unit vector for
each CLIP that it was learned with, by the CLIP's identity (its weights and their use), and a word for it.
After textual inversion (Gal et al., arXiv 2208.01618), in the space that texts and pictures share.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart import limits
from clipart.errors import ClipartError, ModelError, UsageError
from clipart.files import sha256
from clipart.models import home
from clipart.near import did_you_mean
from clipart.prompt import Part, Prompt

if TYPE_CHECKING:
    from torch import Tensor

NAMED = re.compile(r"<([a-z0-9][a-z0-9-]{0,39})>")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Concept:
    """What is kept under a name.

    `word` is what it is near in words; `vectors` are unit, (d,), by the identity of a CLIP, and `clips` the
    names of these, by the same.
    """

    name: str
    word: str
    pictures: int
    vectors: Mapping[str, Tensor]
    clips: Mapping[str, str]

    def vector(self, identity: str, clip: str, length: int) -> Tensor:
        """Return the unit vector for the CLIP called `clip`, of which vectors have `length` numbers.

        Raises:
            UsageError: the concept was not learned with it.
            ModelError: the vector has another length.
        """
        if identity not in self.vectors:
            known = ", ".join(self.clips.values())
            flags = " ".join(f"--clip {name}" for name in [*self.clips.values(), clip])
            raise UsageError(
                f"<{self.name}> was learned with {known}, and not with {clip}. Learn it for all of them: "
                f"clipart concept learn {self.name} PICTURE... {flags}"
            )
        found = self.vectors[identity]
        if len(found) != length:
            raise _broken(self.name, f"{len(found)} numbers for {clip}, which has {length}")
        return found


def require_name(name: str) -> str:
    """Return `name` without the angle brackets that may stand around it.

    Raises:
        UsageError: it is no name of a concept.
    """
    plain = name.removeprefix("<").removesuffix(">")
    if not _NAME.fullmatch(plain):
        raise UsageError(
            f"{name[:60]!r}: a concept has 1 to 40 small letters, digits and hyphens, such as my-cat."
        )
    return plain


def names_in(prompt: Prompt) -> list[str]:
    """Return the names of the concepts in the parts of `prompt`, each once."""
    texts = (part.text for part in prompt.parts if not part.picture)
    return list(dict.fromkeys(name for text in texts for name in NAMED.findall(text)))


def key_of(clip: str, part: Part) -> str:
    """Return under which name a run keeps what the CLIP called `clip` makes of a part with a concept."""
    return "concept/" + hashlib.sha256(f"{clip}\0{part}".encode()).hexdigest()[:16]


def folder() -> Path:
    """Return where the concepts are."""
    return home.home() / "concepts"


def path_of(name: str) -> Path:
    """Return the file of a concept, whether it is there or not."""
    return folder() / f"{require_name(name)}{_SUFFIX}"


def all_names() -> list[str]:
    """Return the names of all concepts that are there."""
    try:
        found = sorted(folder().glob(f"*{_SUFFIX}"))
    except ClipartError:  # no home
        return []
    return [path.stem for path in found if _NAME.fullmatch(path.stem)]


def load(name: str) -> Concept:
    """Read a concept.

    Raises:
        UsageError: there is none of that name.
        ModelError: its file is broken, or is none.
    """
    with _reading(name, "pt") as (file, about):
        clips = {str(key): str(value) for key, value in about["clips"].items()}
        vectors = {identity: file.get_tensor(identity).float() for identity in clips}
        if any(each.ndim != 1 or not bool(each.isfinite().all()) for each in vectors.values()):
            raise ValueError("a vector has another form, or a number that is none")
        return Concept(require_name(name), str(about["word"]), int(about["pictures"]), vectors, clips)


def word_of(name: str) -> str:
    """Return the word of a concept; no vector is read, and no torch is loaded.

    Raises:
        UsageError, ModelError: as `load`.
    """
    with _reading(name, "np") as (_, about):
        return str(about["word"])


def as_words(text: str) -> str:
    """Return `text` with the word of each concept in its place.

    Raises:
        UsageError, ModelError: as `load`.
    """
    return NAMED.sub(lambda match: word_of(match[1]), text)


@contextmanager
def _reading(name: str, framework: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the file of a concept, opened by safetensors, and what it says about itself."""
    from safetensors import SafetensorError, safe_open

    path = path_of(name)
    if not path.is_file():
        hint = did_you_mean(name, all_names())
        raise UsageError(
            f"<{name}>: there is no such concept.{hint} `clipart concept list` shows them; to learn "
            f"it, type: clipart concept learn {name} PICTURE..."
        )
    try:
        if path.stat().st_size > limits.CONCEPT_BYTES:
            raise ValueError(f"it is larger than {limits.CONCEPT_BYTES:,} bytes")
        with safe_open(path, framework) as file:
            yield file, json.loads((file.metadata() or {})["clipart"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise _broken(name, error) from None


def _broken(name: str, reason: object) -> ModelError:
    return ModelError(
        f"{path_of(name)}: is no concept of clipart's, or is damaged ({reason}). Learn it again, or remove "
        f"it: clipart concept rm {name}"
    )


def store(concept: Concept) -> Path:
    """Write a concept to its file, whole or not at all, and return the file.

    Raises:
        UsageError, ResourceError: it cannot be written.
    """
    from safetensors.torch import save

    about = {"word": concept.word, "pictures": concept.pictures, "clips": dict(concept.clips)}
    path = path_of(concept.name)
    home.write(
        path, save({key: each.cpu() for key, each in concept.vectors.items()}, {"clipart": json.dumps(about)})
    )
    return path


def digest(name: str) -> str:
    """Return the SHA-256 of the file of a concept.

    Raises:
        UsageError: there is none of that name.
    """
    load(name)
    return sha256(path_of(name))
