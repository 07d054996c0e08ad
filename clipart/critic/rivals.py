"""The rivals of a prompt: the everyday words that a picture of it should not be taken for."""

from __future__ import annotations

import re

from torch import Tensor

from clipart.critic.clip import Clip
from clipart.critic.concepts import NAMED
from clipart.models.embedded import everyday_words
from clipart.prompt import Prompt

# A word this close to a part of the prompt says the same thing, and does not compete with it.
_SYNONYM = 0.8


def rivals(clip: Clip, prompt: Prompt, texts: Tensor) -> Tensor:
    """Return what `clip` makes of the everyday words that say something else: unit vectors (n, d).

    Left out are those that share a word with a part of `prompt`, or nearly an embedding with one of `texts`
    (m, d), its parts.
    """
    words = everyday_words()
    vectors = clip.encode_texts(words)
    texts_of = [NAMED.sub(" ", part.text) for part in prompt.parts if not part.picture]
    said = {stem for text in texts_of for stem in _stems(text)}
    close = ((vectors @ texts.T) > _SYNONYM).any(dim=1).tolist()
    return vectors[[i for i, word in enumerate(words) if not close[i] and not said & _stems(word)]]


def _stems(text: str) -> set[str]:
    """Return the words of `text` in lower case, without a plural's ending."""
    words = re.findall(r"\w+", text.lower())
    return {re.sub(r"((?<=[sxz])es|(?<=[cs]h)es|(?<!s)s)$", "", word) for word in words}
