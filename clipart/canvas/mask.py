"""The map of `mask`: where it is white the picture may change, where it is black it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.mapped import Map
from clipart.canvas.start import load_picture
from clipart.recipe import Recipe


class Mask(Map):
    """Lays the kept picture over the image, as far as the mask is black; grey mixes.

    Args:
        picture: (1, 3, height, width) RGB in [0, 1], what is kept.
        mask: (1, 1, height, width) in [0, 1], 1 where the image may change.
    """

    picture: Tensor
    mask: Tensor

    def __init__(self, picture: Tensor, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("picture", picture, persistent=False)  # the session keeps both
        self.register_buffer("mask", mask, persistent=False)

    @classmethod
    def read(cls, settings: Recipe) -> dict[str, Tensor]:
        """Return both pictures at the size of the picture; of the mask, its grey."""
        assert settings.init is not None  # noqa: S101 (the recipe is checked)
        assert settings.mask is not None  # noqa: S101 (as above)
        height, width = settings.shape
        mask = load_picture(settings.mask, height, width, "--mask")
        return {
            "picture": load_picture(settings.init, height, width),
            "mask": mask.mean(dim=1, keepdim=True),
        }

    @classmethod
    def build(cls, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Self:
        """Return the map with the pictures that were read."""
        return cls(held["picture"].to(start), held["mask"].to(start))

    def forward(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the image with what is kept."""
        picture, mask = (_sized(each, image) for each in (self.picture, self.mask))
        return picture + mask * (image - picture)


def _sized(picture: Tensor, like: Tensor) -> Tensor:
    if picture.shape[-2:] == like.shape[-2:]:
        return picture
    return F.interpolate(picture, size=like.shape[-2:], mode="bicubic", antialias=True).clamp(0, 1)
