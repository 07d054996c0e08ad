"""Concepts learned from a few pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.critic.clip import Clip
from clipart.critic.concepts import Concept, require_name, store
from clipart.errors import UsageError
from clipart.models.embedded import everyday_words
from clipart.models.registry import critics, judge_of
from clipart.models.registry import default as default_model
from clipart.models.spec import read_critic
from clipart.seeing.looking import looking, pictures_in, read, still
from clipart.surroundings import as_needed

MOST_PICTURES = 100
STEPS, RATE = 60, 0.02  # of the optimisation
WORDS_PART = 0.3  # of the word, in what the optimisation begins with
CLOSE = 0.8  # a word of which the cosine with the concept's word is larger says the same, and is no rival


def learn(
    name: str,
    images: Sequence[Path | str] | Path | str,
    *,
    word: str | None = None,
    clips: Sequence[str] = (),
) -> tuple[Concept, Path]:
    """Learn a concept from pictures of it, keep it, and return it with its file.

    The vector begins as the mean of what a CLIP sees in the pictures, moved towards `word`. It is then
    optimised so that the pictures are taken for it rather than for any of the everyday words, and for nothing
    more than that.

    Args:
        name: what it is called, without angle brackets; one that is there is replaced.
        images: files or folders, 1 to `MOST_PICTURES` pictures; three to five are enough.
        word: what it is, in a word or a few; by default the everyday word that fits the pictures best.
        clips: the CLIPs that are to know it; by default the embedded ones that draw, judge and look.

    Raises:
        UsageError: a wrong name, no pictures, too many, or something is no picture.
        ModelError: a CLIP is not on this machine.
    """
    plain, paths = require_name(name), pictures_in(images)
    if len(paths) > MOST_PICTURES:
        raise UsageError(f"{len(paths)} pictures: a concept is learned from 1 to {MOST_PICTURES}.")
    pictures = [read(path) for path in paths]
    vectors, known = {}, {}
    for clip_name in dict.fromkeys(clips or _usual()):
        with still():
            clip = looking(clip_name)
            seen = torch.stack([clip.encode_shown(picture) for picture in pictures])
            words = clip.encode_texts(everyday_words())
            word = word or everyday_words()[int((words @ seen.mean(dim=0)).argmax())]
            own = clip.encode_texts([word])[0]
        vectors[clip.identity] = vector_of(clip, seen, own, words)
        known[clip.identity] = clip_name
    concept = Concept(plain, str(word), len(paths), vectors, known)
    return concept, store(concept)


def _usual() -> tuple[str, ...]:
    """Return the CLIPs that a picture climbs where none is named, its judge, and the one that looks."""
    climbed = [read_critic(each).name for each in critics()]
    return (*climbed, judge_of(climbed), judge_of([default_model("clip")]))


@as_needed()
def vector_of(clip: Clip, seen: Tensor, word: Tensor, words: Tensor) -> Tensor:
    """Return the unit vector (d,) for pictures that are seen as `seen` (n, d).

    `word` (d,) is what it is in words, `words` (m, d) are the everyday words.
    """
    rivals = words[(words @ word) < CLOSE]
    vector = F.normalize((1 - WORDS_PART) * seen.mean(dim=0) + WORDS_PART * word, dim=0).requires_grad_()
    optimiser = torch.optim.Adam([vector], lr=RATE)
    for _ in range(STEPS):
        unit = F.normalize(vector, dim=0)
        own, rest = clip.scale * seen @ unit, (clip.scale * seen @ rivals.T).logsumexp(dim=1)
        loss = (torch.logaddexp(own, rest) - own).mean() / clip.scale + (1 - seen @ unit).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return F.normalize(vector.detach(), dim=0)
