"""Aims: what a view of the picture is brought near to, by the name of the setting `aim`.

A CLIP's texts and pictures lie apart in its space, and a view that is near a text is not yet like the
pictures that the text is said of. An aim changes what is compared: the vectors of words, those of views, or
both. The judge looks without one. A new aim is a function here and an entry in `AIMS`, and its name in
`clipart.fields`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.critic.clip import Clip
from clipart.models.embedded import everyday_words

_WORDS = 100  # everyday words whose mean is the middle of the texts
_HALF = 0.5  # how much of a middle goes; all of it costs the judge with the embedded critic (docs/quality.md)
_NEAREST = 32  # pairs that a bridge is fitted to, for each part
_STAYS = 0.3  # weight, against that of the pairs, of no turn at all: simple forms do not say everything

_BATCH = 16  # pictures of pairs that are seen at once

COLOURS = {
    "red": (0.85, 0.1, 0.1),
    "orange": (1.0, 0.55, 0.1),
    "yellow": (1.0, 0.85, 0.1),
    "green": (0.1, 0.6, 0.2),
    "blue": (0.15, 0.3, 0.85),
    "purple": (0.5, 0.2, 0.65),
    "pink": (1.0, 0.6, 0.75),
    "brown": (0.45, 0.28, 0.12),
    "black": (0.05, 0.05, 0.05),
    "grey": (0.5, 0.5, 0.5),
}
_Inside = Callable[[Tensor, Tensor], Tensor]
FORMS: dict[str, _Inside] = {  # where a form is, in coordinates from -1 to 1 to the right and down
    "circle": lambda x, y: x.square() + y.square() < 0.5,
    "square": lambda x, y: torch.maximum(x.abs(), y.abs()) < 0.6,
    "triangle": lambda x, y: (y < 0.6) & (2 * x.abs() < y + 0.8),
    "diamond": lambda x, y: x.abs() + y.abs() < 0.8,
    "cross": lambda x, y: (torch.minimum(x.abs(), y.abs()) < 0.2) & (torch.maximum(x.abs(), y.abs()) < 0.7),
    "ring": lambda x, y: ((x.square() + y.square()).sqrt() - 0.6).abs() < 0.15,
    "moon": lambda x, y: (x.square() + y.square() < 0.5) & ((x - 0.35).square() + y.square() > 0.4),
    "heart": lambda x, y: (1.2 * x).square() + (-1.2 * y - (1.2 * x.abs()).sqrt() * 0.7).square() < 0.6,
    "stripe": lambda x, y: y.abs() < 0.25,
    "wall": lambda x, y: torch.ones_like(x, dtype=torch.bool),
}


@dataclass(frozen=True)
class Aim:
    """How vectors are changed before they are compared.

    Attributes:
        words: of unit vectors (n, d) of texts.
        seen: of unit vectors (n, d) of pictures, with a gradient.
    """

    words: Callable[[Tensor], Tensor]
    seen: Callable[[Tensor], Tensor]


def _as_it_is(vectors: Tensor) -> Tensor:
    return vectors


def text(clip: Clip, texts: Tensor) -> Aim:
    """Return the plain aim: a view is brought near the text."""
    return Aim(_as_it_is, _as_it_is)


def centred(clip: Clip, texts: Tensor) -> Aim:
    """Return the aim without half of what all texts share, and of what all pictures share.

    From a text goes the mean of `_WORDS` everyday words, from a view what the CLIP sees in a grey picture.
    """
    words = everyday_words()
    middle = clip.encode_texts(words[:: max(1, len(words) // _WORDS)][:_WORDS]).mean(dim=0)
    grey = clip.encode_images(torch.full((1, 3, clip.side, clip.side), 0.5))[0]
    return Aim(
        lambda vectors: F.normalize(vectors - _HALF * middle, dim=-1),
        lambda vectors: F.normalize(vectors - _HALF * grey, dim=-1),
    )


def bridged(clip: Clip, texts: Tensor) -> Aim:
    """Return the aim with the texts turned to the side of the pictures.

    The turn is an orthogonal Procrustes fit: of all rotations the one that brings texts nearest to pictures
    of them, over the pairs whose texts are nearest to `texts` (m, d), as in "Implicit Inversion turns CLIP
    into a Decoder" (D'Orazio et al., arXiv 2505.23161). The paper has photographs for that; here the pairs
    are simple forms in plain colours, such as "a red circle". Views are turned back, which is the same.
    """
    names = [(form, colour) for form in FORMS for colour in COLOURS]
    words = clip.encode_texts([f"a {colour} {form}" for form, colour in names])
    close = (texts @ words.T).topk(min(_NEAREST, len(names)), dim=1).indices
    near = sorted({index for row in close.tolist() for index in row})
    forms = [names[index] for index in near]
    pictures = torch.stack([form_picture(form, colour, clip.side) for form, colour in forms])
    seen = torch.cat([clip.encode_images(some) for some in torch.split(pictures, _BATCH)])
    back = procrustes(words[near], seen).T
    return Aim(_as_it_is, lambda vectors: vectors @ back.T)


def procrustes(words: Tensor, seen: Tensor) -> Tensor:
    """Return the rotation R (d, d) for which R times the rows of `words` (n, d) are nearest to `seen` (n, d).

    It is held back by `_STAYS`: where they say nothing, which is in most directions, there is no rotation.
    """
    both = seen.double().T @ words.double()
    both += _STAYS * len(words) * torch.eye(len(both), dtype=both.dtype, device=both.device)
    left, _, right = torch.linalg.svd(both.cpu())
    turn: Tensor = left @ right
    return turn.to(words)


def form_picture(form: str, colour: str, side: int) -> Tensor:
    """Return a form in a colour on white, (3, side, side) in [0, 1]."""
    at = (torch.arange(side) + 0.5) / side * 2 - 1
    inside = FORMS[form](at.expand(side, side), at[:, None].expand(side, side))
    return torch.where(inside, torch.tensor(COLOURS[colour]).view(3, 1, 1), torch.ones(3, 1, 1))


AIMS: dict[str, Callable[[Clip, Tensor], Aim]] = {"text": text, "centred": centred, "bridged": bridged}


@torch.no_grad()
def make_aim(name: str, clip: Clip, texts: Tensor) -> Aim:
    """Return the aim called `name` of `clip` for a prompt whose parts are `texts`, unit vectors (m, d)."""
    return AIMS[name](clip, texts)
