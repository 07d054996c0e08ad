"""The objective: views of the canvas against the parts of a prompt, as one number and its named parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from clipart.canvas.base import clamp_with_grad
from clipart.critic.aims import Aim, make_aim
from clipart.critic.beside import beside
from clipart.critic.chunks import Chunks
from clipart.critic.clip import Clip
from clipart.critic.losses import Losses
from clipart.critic.places import attention
from clipart.critic.regularisers import REGULARISERS, Term, build_terms
from clipart.critic.rivals import rivals
from clipart.critic.style import Style, listening, make_style
from clipart.critic.views import Views
from clipart.layout import Layout
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


def _distance(name: str, clip: Clip, prompt: Prompt, texts: Tensor, shares: Tensor, aim: Aim) -> _Distance:
    """Return the distance called `name` for the parts of `prompt`, whose `texts` are (m, d), without the aim.

    A part that is a picture is told from no words, so its distance is the cosine's, if not the spherical one.
    """
    if name != "contrast":
        return DISTANCES[name]
    others = aim.words(rivals(clip, prompt, texts))
    shown = torch.tensor([bool(part.picture) for part in prompt.parts], device=texts.device)

    def distance(views: Tensor, text: Tensor) -> Tensor:
        found = contrast(views, text, others, _SOFTNESS * clip.scale, shares > 0)
        return torch.where(shown, cosine(views, text), found) if shown.any() else found

    return distance


@dataclass(frozen=True)
class TextTerm:
    """One CLIP's opinion: the distances of views to every part of the prompt.

    Attributes:
        clip: the model.
        weight: its part in an ensemble; the weights of all terms sum to 1.
        aim: how vectors are changed before they are compared.
        texts: (m, d), the unit vectors of the parts, changed by the aim.
        shares: (m,), w / sum|w| of the parts; a negative one pushes away.
        distance: of views (n, d) to `texts`, (n, m).
        style: the look that is wanted, if one is.
    """

    clip: Clip
    weight: float
    aim: Aim
    texts: Tensor
    shares: Tensor
    distance: _Distance
    style: Style | None = None


class Objective:
    """What a step descends: text terms over views, plus weighted regularisers over the image.

    The text loss is sum of share * mean distance over the views of a part's place, for each CLIP by its
    weight. `kept` is a picture to keep to, (1, 3, height, width); `held` are those of the prompt, by key, and
    `styles` those whose look is wanted, with their weights. `aim` is the name of one (`clipart.critic.aims`).
    """

    def __init__(
        self,
        clips: Sequence[tuple[Clip, float]],
        prompt: Prompt,
        distance: str,
        layout: Layout,
        kept: Tensor | None = None,
        held: Mapping[str, Tensor] | None = None,
        styles: Sequence[tuple[Tensor, float]] = (),
        aim: str = "text",
    ) -> None:
        self.prompt, self.layout, self.kept = prompt, layout, kept
        total = sum(weight for _, weight in clips)
        self.terms = []
        for clip, weight in clips:
            texts = torch.stack([clip.encode_part(part, held) for part in prompt.parts])
            shares = torch.tensor(prompt.shares(), device=clip.device)
            aimed = make_aim(aim, clip, texts)
            found = _distance(distance, clip, prompt, texts, shares, aimed)
            style = make_style(clip, styles) if styles else None
            shown = torch.tensor([[bool(part.picture)] for part in prompt.parts], device=clip.device)
            texts = torch.where(shown, aimed.seen(texts), aimed.words(texts))
            self.terms.append(TextTerm(clip, weight / total, aimed, texts, shares, found, style))
        self._chunks = Chunks()
        self._built: tuple[tuple[object, ...], list[Term]] = ((), [])

    def weigh(self, prompt: Prompt) -> None:
        """Take the weights of `prompt`, which has the same parts with weights of the same signs."""
        if prompt == self.prompt:
            return
        self.prompt = prompt
        for index, term in enumerate(self.terms):
            shares = torch.tensor(prompt.shares(), device=term.shares.device)
            self.terms[index] = replace(term, shares=shares)

    def regularisers(self, image: Tensor, settings: Recipe) -> list[Term]:
        """Return the regularisers of `settings` for images like `image`, built anew where either changes."""
        weights = [getattr(settings, name) for name in REGULARISERS]
        key = (*weights, settings.paper, image.shape[-2:], image.device)
        if self._built[0] != key:
            height, width = image.shape[-2:]
            self._built = (
                key,
                build_terms(settings, self.layout, height, width, image.device, self.kept),
            )
        return self._built[1]

    def gradient(self, image: Tensor, views: Views, settings: Recipe) -> tuple[Tensor, Losses]:
        """Return the gradient on `image` (1, 3, height, width), and the losses by name.

        Views are rendered and scored in chunks, each backward on its own into one gradient, so memory does
        not grow with their number. Nothing is read from the device until somebody looks at the losses.

        Raises:
            ResourceError: the memory is used up, with a single view at a time.
        """
        leaf = image.detach().requires_grad_()
        names = numbered([part.text for part in self.prompt.parts])
        found = Losses()
        pulls = beside(
            [partial(self._pull, image, settings, term, mine) for term, mine in self._looks(views, settings)],
            image.device,
        )
        for term, (_, distances, look) in zip(self.terms, pulls, strict=True):
            own = [f"{term.clip.name}/{name}" for name in names]
            found.add(own, distances, term.weight, (term.shares * distances).sum())
            if term.style is not None:
                found.add([f"{term.clip.name}/style"], look, term.weight, look.sum())
        gradient = sum(pull for pull, _, _ in pulls)
        for regulariser in self.regularisers(leaf, settings):
            value = regulariser.loss(leaf)
            torch.autograd.backward(regulariser.weight * value)
            found.add([regulariser.name], value.detach(), regulariser.weight, value.detach())
        assert isinstance(gradient, Tensor)  # noqa: S101 (there is always a text term)
        return gradient if leaf.grad is None else gradient + leaf.grad, found

    def _pull(
        self, image: Tensor, settings: Recipe, term: TextTerm, views: Views
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradient on `image`, the distances to the parts, (m,), and the style's loss, (1,)."""
        leaf = image.detach().requires_grad_()
        distances, looked = torch.zeros_like(term.shares), torch.zeros_like(term.shares[:1])

        def do(some: slice) -> None:
            part, look = (each[0] for each in self._distances(term, leaf, views, some))
            torch.autograd.backward(term.weight * ((term.shares * part).sum() + look))
            distances.add_(part.detach())
            looked.add_(look.detach())

        with torch.enable_grad():
            self._chunks.each(views, settings.chunk or self._chunk(term), do)
        assert leaf.grad is not None  # noqa: S101 (each term has a view)
        return leaf.grad, distances, looked

    @torch.no_grad()
    def score(self, images: Tensor, views: Views, settings: Recipe, *, whole: bool = True) -> list[float]:
        """Return the loss of each of `images` (n, 3, height, width) in the same views, without a gradient.

        It is the number that `gradient` calls "total"; with `whole` False the regularisers are left out.
        Images are scored together as far as their views, together, are no more than are held in memory for
        one.
        """
        at_once = max(1, min(settings.chunk or self._chunk(term) for term in self.terms) // len(views))
        totals = []
        for group in torch.split(images, at_once):
            found = torch.zeros(len(group))
            for term, mine in self._looks(views, settings):

                def do(
                    some: slice,
                    term: TextTerm = term,
                    mine: Views = mine,
                    found: Tensor = found,
                    group: Tensor = group,
                ) -> None:
                    distances, looks = self._distances(term, group, mine, some)
                    found += term.weight * ((term.shares * distances).sum(dim=1) + looks).cpu()

                self._chunks.each(mine, settings.chunk or self._chunk(term), do)
            if whole:
                for each in self.regularisers(group, settings):
                    found += (
                        each.weight * torch.stack([each.loss(image) for image in torch.split(group, 1)]).cpu()
                    )
            totals += found.tolist()
        return totals

    def _looks(self, views: Views, settings: Recipe) -> Iterator[tuple[TextTerm, Views]]:
        """Yield each term with the views that it looks at: all of them, or its share."""
        count = settings.shares
        for index, term in enumerate(self.terms):
            yield term, views.share(index, count) if count > 1 else views

    def _distances(self, term: TextTerm, images: Tensor, views: Views, some: slice) -> tuple[Tensor, Tensor]:
        """Return what `some` views have in the mean distances, (images, parts), and in the style's loss."""
        shares = attention(self.layout, views.place)[some]
        seen = [
            views[some].render(clamp_with_grad(image), term.clip.side) for image in torch.split(images, 1)
        ]
        if term.style is None:
            seen_as, looks = term.clip.encode_images(torch.cat(seen)), torch.zeros(len(images))
        else:
            with listening(term.clip, torch.cat(seen)) as maps:
                seen_as = term.clip.encode_images(torch.cat(seen))
            looks = term.style.weight * term.style.loss(maps).view(len(images), -1).sum(dim=1) / len(views)
        found = term.distance(term.aim.seen(seen_as), term.texts)
        return (shares.to(found) * found.view(len(images), -1, found.shape[1])).sum(dim=1), looks.to(found)

    def _chunk(self, term: TextTerm) -> int:
        return max(1, _PIXELS_AT_ONCE // term.clip.side**2)
