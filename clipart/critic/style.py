"""The look of pictures, and not their things: statistics of a critic's feature maps.

A picture's style is the mean and the spread of every channel, and how channels go together (the Gram matrix
of Gatys et al., arXiv 1508.06576, centred), in the colours themselves, which a network with normalised layers
passes on only in part, and in four layers of a CLIP's image tower, from edges to parts.
Means and spreads alone are those of adaptive instance normalisation (Huang and Belongie, arXiv 1703.06868).
The embedded critics are adversarially trained, and the features of such networks carry a style well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from clipart.critic.clip import Clip
from clipart.critic.views import closer
from clipart.errors import ModelError

LAYERS = 4
COLOURS = 2.0  # what the colours themselves count against a layer
STRENGTH = 0.5  # of a style of weight 1, against the whole of a prompt


@dataclass(frozen=True)
class Style:
    """The style that is asked of what one CLIP sees.

    Attributes:
        clip: the model.
        targets: by layer, what `_statistics` says of the style, (channels, channels + 1).
        weight: what the loss is multiplied with.
    """

    clip: Clip
    targets: tuple[Tensor, ...]
    weight: float

    def loss(self, maps: Sequence[Tensor]) -> Tensor:
        """Return for each view how far its feature `maps`, of `listening`, are from the style: (n,)."""
        found = [
            ((_statistics(each) - target) / _size(target)).square().mean(dim=(1, 2))
            for each, target in zip(maps, self.targets, strict=True)
        ]
        found[0] = COLOURS * found[0]
        return torch.stack(found).mean(dim=0)


def make_style(clip: Clip, pictures: Sequence[tuple[Tensor, float]]) -> Style:
    """Return the style of `pictures`, each (1, 3, height, width) with its weight: their weighted mean.

    Raises:
        ModelError: the CLIP's image tower is of a make in which no layers are known.
    """
    total = sum(weight for _, weight in pictures)
    means: list[Tensor] = []
    with torch.no_grad():
        for picture, weight in pictures:
            views = closer(picture.to(clip.device), clip.side)
            with listening(clip, views) as maps:
                clip.encode_images(views)
            found = [_statistics(each).mean(dim=0) * (weight / total) for each in maps]
            means = [a + b for a, b in zip(means, found, strict=True)] if means else found
    return Style(clip, tuple(means), STRENGTH * total)


@contextmanager
def listening(clip: Clip, views: Tensor) -> Iterator[list[Tensor]]:
    """Yield a list with the colours of `views` (n, 3, side, side), to which encoding them adds feature maps.

    Each is (n, channels, positions).
    """
    heard = [_flat(views)]

    def hear(module: nn.Module, given: Any, out: Tensor) -> None:
        heard.append(_flat(out))

    handles = [layer.register_forward_hook(hear) for layer in _layers(clip)]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _flat(out: Tensor) -> Tensor:
    """Return an output as (n, channels, positions): of convolutions, or of tokens, batch first."""
    return (out.flatten(2) if out.ndim == 4 else out.transpose(1, 2)).float()


def _layers(clip: Clip) -> list[nn.Module]:
    """Return `LAYERS` modules of the image tower, from early to late."""
    tower = clip.image_tower
    if (trunk := getattr(tower, "trunk", None)) is not None and hasattr(trunk, "feature_info"):
        names = [info["module"] for info in trunk.feature_info]
        found = [trunk.get_submodule(name) for name in names]
    elif (blocks := getattr(getattr(tower, "transformer", None), "resblocks", None)) is not None:
        found = list(blocks)[: max(LAYERS, 3 * len(blocks) // 4)]
    elif hasattr(tower, "layer4"):
        found = [tower.layer1, tower.layer2, tower.layer3, tower.layer4]
    else:
        raise ModelError(f"--style: the image tower of {clip.name} has no layers that are known.")
    step = max(1, len(found) // LAYERS)
    return found[step - 1 :: step][:LAYERS]


def _statistics(maps: Tensor) -> Tensor:
    """Return the covariance and the means of channels: (n, c, positions) to (n, c, c + 1)."""
    mean = maps.mean(dim=2, keepdim=True)
    apart = maps - mean
    return torch.cat([apart @ apart.transpose(1, 2) / maps.shape[2], mean], dim=2)


def _size(target: Tensor) -> Tensor:
    """Return the scale of a target, covariance and means each by itself: (1, channels + 1)."""
    inside, means = target[:, :-1], target[:, -1:]
    sizes = [each.square().mean().sqrt().clamp(min=1e-6).expand(1, each.shape[1]) for each in (inside, means)]
    return torch.cat(sizes, dim=1)
