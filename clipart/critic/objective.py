"""The objective: views of the canvas against the parts of a prompt, as one number and its named parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipart.canvas.base import clamp_with_grad
from clipart.critic.clip import Clip
from clipart.critic.layout import Layout
from clipart.critic.regularisers import REGULARISERS
from clipart.critic.views import Views
from clipart.prompt import Prompt, numbered
from clipart.recipe import Recipe

_PIXELS_AT_ONCE = 32 * 224 * 224  # of views held in memory for the gradient, where chunk is 0


def cosine(views: Tensor, text: Tensor) -> Tensor:
    """1 - cos of unit vectors (n, d) and (m, d): (n, m), 0 to 2."""
    return 1 - views @ text.T


def spherical(views: Tensor, text: Tensor) -> Tensor:
    """Half the squared angle between unit vectors (n, d) and (m, d): (n, m), after Crowson's notebooks."""
    chord = torch.cdist(views, text)
    return 2 * (chord / 2).clamp(max=1 - 1e-6).asin().square()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cosine": cosine, "spherical": spherical}


@dataclass(frozen=True)
class TextTerm:
    """One CLIP's opinion: the distances of views to every part of the prompt.

    Attributes:
        clip: the model.
        weight: its part in an ensemble; the weights of all terms sum to 1.
        texts: (m, d), the unit vectors of the parts.
        shares: (m,), w / sum|w| of the parts; a negative one pushes away.
    """

    clip: Clip
    weight: float
    texts: Tensor
    shares: Tensor


class Objective:
    """What a step descends: text terms over views, plus weighted regularisers over the image.

    The text loss is sum of share * mean distance over the views of a part's place, for each CLIP by its
    weight.
    """

    def __init__(
        self, clips: Sequence[tuple[Clip, float]], prompt: Prompt, distance: str, layout: Layout
    ) -> None:
        self.prompt, self.layout = prompt, layout
        self.distance = DISTANCES[distance]
        total = sum(weight for _, weight in clips)
        self.terms = [
            TextTerm(
                clip,
                weight / total,
                torch.stack([clip.encode_part(part) for part in prompt.parts]),
                torch.tensor(prompt.shares(), device=clip.device),
            )
            for clip, weight in clips
        ]

    def gradient(self, image: Tensor, views: Views, settings: Recipe) -> tuple[Tensor, dict[str, float]]:
        """Return the gradient on `image` (1, 3, height, width), and the losses by name.

        Views are rendered and scored in chunks, each backward on its own into one gradient, so memory does
        not grow with their number.
        """
        leaf = image.detach().requires_grad_()
        losses: dict[str, float] = {}
        attention = self.layout.attention(views.place)
        total = 0.0
        for term in self.terms:
            chunk = settings.chunk or max(1, _PIXELS_AT_ONCE // term.clip.side**2)
            distances = torch.zeros_like(term.shares)
            for first in range(0, len(views), chunk):
                some = slice(first, first + chunk)
                seen = views[some].render(clamp_with_grad(leaf), term.clip.side)
                found = self.distance(term.clip.encode_images(seen), term.texts)
                found = (attention[some].to(found) * found).sum(dim=0)
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
