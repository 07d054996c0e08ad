"""The objective: views of the canvas against the parts of a prompt, as one number and its named parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipart.canvas.base import clamp_with_grad
from clipart.critic.clip import Clip
from clipart.critic.layout import Layout
from clipart.critic.regularisers import REGULARISERS
from clipart.critic.rivals import rivals
from clipart.critic.views import Views
from clipart.prompt import Prompt, numbered
from clipart.recipe import Recipe

_SOFTNESS = 0.5  # of a CLIP's own scale: at all of it a view is sure before anybody else would be
_PIXELS_AT_ONCE = 32 * 224 * 224  # of views held in memory for the gradient, where chunk is 0


def cosine(views: Tensor, text: Tensor) -> Tensor:
    """1 - cos of unit vectors (n, d) and (m, d): (n, m), 0 to 2."""
    return 1 - views @ text.T


def spherical(views: Tensor, text: Tensor) -> Tensor:
    """Half the squared angle between unit vectors (n, d) and (m, d): (n, m), after Crowson's notebooks."""
    chord = torch.cdist(views, text)
    return 2 * (chord / 2).clamp(max=1 - 1e-6).asin().square()


def contrast(views: Tensor, text: Tensor, others: Tensor, scale: float, wanted: Tensor) -> Tensor:
    """How far each text is from being what the view is taken for, among itself and `others`: (n, m).

    Unit vectors (n, d), (m, d) and (k, d). With p the softmax's probability of a text at `scale`, it is
    -log p / scale for those that are `wanted`, (m,) bool, and log(1 - p) / scale for the rest, whose weight
    is negative: cross-entropy, after the contrastive loss that CLIP is trained with (arXiv 2103.00020). Far
    away it falls as fast as the cosine rises; where a view is sure, it asks for no more.
    """
    own, rest = scale * views @ text.T, (scale * views @ others.T).logsumexp(dim=1, keepdim=True)
    everything = torch.logaddexp(own, rest)
    return torch.where(wanted, everything - own, rest - everything) / scale


_Distance = Callable[[Tensor, Tensor], Tensor]
DISTANCES: dict[str, _Distance] = {"cosine": cosine, "spherical": spherical}


def _distance(name: str, clip: Clip, prompt: Prompt, texts: Tensor, shares: Tensor) -> _Distance:
    """Return the distance called `name` for the parts of `prompt`, whose `texts` are (m, d)."""
    if name != "contrast":
        return DISTANCES[name]
    others = rivals(clip, prompt, texts)
    return lambda views, text: contrast(views, text, others, _SOFTNESS * clip.scale, shares > 0)


@dataclass(frozen=True)
class TextTerm:
    """One CLIP's opinion: the distances of views to every part of the prompt.

    Attributes:
        clip: the model.
        weight: its part in an ensemble; the weights of all terms sum to 1.
        texts: (m, d), the unit vectors of the parts.
        shares: (m,), w / sum|w| of the parts; a negative one pushes away.
        distance: of views (n, d) to `texts`, (n, m).
    """

    clip: Clip
    weight: float
    texts: Tensor
    shares: Tensor
    distance: _Distance


class Objective:
    """What a step descends: text terms over views, plus weighted regularisers over the image.

    The text loss is sum of share * mean distance over the views of a part's place, for each CLIP by its
    weight.
    """

    def __init__(
        self, clips: Sequence[tuple[Clip, float]], prompt: Prompt, distance: str, layout: Layout
    ) -> None:
        self.prompt, self.layout = prompt, layout
        total = sum(weight for _, weight in clips)
        self.terms = []
        for clip, weight in clips:
            texts = torch.stack([clip.encode_part(part) for part in prompt.parts])
            shares = torch.tensor(prompt.shares(), device=clip.device)
            found = _distance(distance, clip, prompt, texts, shares)
            self.terms.append(TextTerm(clip, weight / total, texts, shares, found))

    def gradient(self, image: Tensor, views: Views, settings: Recipe) -> tuple[Tensor, dict[str, float]]:
        """Return the gradient on `image` (1, 3, height, width), and the losses by name.

        Views are rendered and scored in chunks, each backward on its own into one gradient, so memory does
        not grow with their number.
        """
        leaf = image.detach().requires_grad_()
        losses: dict[str, float] = {}
        total = 0.0
        for term in self.terms:
            distances = torch.zeros_like(term.shares)
            for found in self._distances(term, leaf, views, settings.chunk):
                torch.autograd.backward(term.weight * (term.shares * found).sum())
                distances += found.detach()
            total += term.weight * float((term.shares * distances).sum())
            names = numbered([part.text for part in self.prompt.parts])
            for text, value in zip(names, distances.tolist(), strict=True):
                losses[f"{term.clip.name}/{text}"] = value
        for name, regulariser in REGULARISERS.items():
            weight: float = getattr(settings, name)
            if weight > 0:
                value = regulariser(leaf, settings, self.layout.count)
                torch.autograd.backward(weight * value)
                losses[name] = float(value.detach())
                total += weight * losses[name]
        assert leaf.grad is not None  # noqa: S101 (there is always a text term)
        return leaf.grad, losses | {"total": total}

    @torch.no_grad()
    def loss(self, image: Tensor, views: Views, chunk: int = 0) -> float:
        """Return the text loss of `image` (1, 3, height, width), regularisers left out."""
        return sum(
            term.weight * float((term.shares * found).sum())
            for term in self.terms
            for found in self._distances(term, image, views, chunk)
        )

    def _distances(self, term: TextTerm, image: Tensor, views: Views, chunk: int) -> Iterator[Tensor]:
        """Yield for each chunk of `views` its part in the mean distances to the parts of the prompt, (m,)."""
        attention = self.layout.attention(views.place)
        chunk = chunk or max(1, _PIXELS_AT_ONCE // term.clip.side**2)
        for first in range(0, len(views), chunk):
            some = slice(first, first + chunk)
            seen = views[some].render(clamp_with_grad(image), term.clip.side)
            found = term.distance(term.clip.encode_images(seen), term.texts)
            yield (attention[some].to(found) * found).sum(dim=0)
