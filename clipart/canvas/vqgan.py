"""The latent canvas: the codes of a VQGAN are changed, and its decoder shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from clipart.canvas.base import Canvas
from clipart.models.vqgan import Vqgan
from clipart.recipe import Recipe


class VqganCanvas(Canvas):
    """A grid of latents, each shown as the code of the VQGAN that is nearest to it.

    The gradient goes straight through the choice of the code (Bengio et al., arXiv 1308.3432), as Crowson's
    VQGAN+CLIP notebooks have it. A latent's unit is the codebook's range, channel by channel: 0 is its
    lowest value and 1 its highest, as black and white are a colour's, so that learning rates mean about the
    same as on pixels. After every step the latents are put back into that range.

    Args:
        start: (1, 3, height, width) RGB, encoded to begin with; any size.
        vqgan: the model, on the same device.
        generator: where the codes of a fresh start come from; None begins with the encoded start alone.
        codes: how much of those codes is mixed into the encoded start, 0 to 1.
        pull: how far, at the first step, the latents are drawn to the middle of the codebook; it fades out
            over the run. Small parts of 1: it happens at every step.
    """

    needs = ("vqgan",)
    grows = True
    pace = 0.4  # a latent passes few codes on its way, where a colour has 256 levels
    low: Tensor
    span: Tensor
    middle: Tensor

    def __init__(
        self,
        start: Tensor,
        vqgan: Vqgan,
        *,
        generator: torch.Generator | None = None,
        codes: float = 1.0,
        pull: float = 0.0,
    ) -> None:
        super().__init__(start)
        self.vqgan, self.pull = vqgan, pull  # no nn.Module, so its weights are no part of the canvas
        codebook = vqgan.codebook
        low, high, middle = codebook.amin(dim=0), codebook.amax(dim=0), codebook.mean(dim=0)
        span = (high - low).clamp(min=1e-6)
        for name, value in {"low": low, "span": span, "middle": (middle - low) / span}.items():
            self.register_buffer(name, value.view(1, -1, 1, 1), persistent=False)
        latent = vqgan.encode(self.start)
        if generator is not None:
            latent = torch.lerp(latent, random_codes(vqgan, latent, generator), codes)
        self.latent = nn.Parameter((latent - self.low) / self.span)

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return the latents of `start`, with the recipe's `codes` and `pull`."""
        (needed,) = cls.needs
        return cls(start, models[needed], generator=generator, codes=settings.codes, pull=settings.pull)

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel, with the embedded model."""
        return 700

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        latent = self.low + self.span * self.latent
        latent = latent + (self.vqgan.nearest(latent) - latent).detach()
        height, width = self.size
        return self.vqgan.decode(latent)[..., :height, :width]

    @torch.no_grad()
    def project(self, progress: float) -> None:
        """Draw the latents to the middle of the codebook, and put them back into its range."""
        self.latent.lerp_(self.middle.expand_as(self.latent), self.pull * (1 - progress))
        self.latent.clamp_(0, 1)

    @torch.no_grad()
    def restart(self, image: Tensor) -> None:
        """Make `image`, (1, 3, height, width), the start, and the latents those of it."""
        self.start.copy_(image)
        self.latent.copy_((self.vqgan.encode(self.start) - self.low) / self.span)


def random_codes(vqgan: Vqgan, like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a code for each place of `like`, (1, embed_dim, rows, columns), each as likely as any other."""
    rows, columns = like.shape[-2:]
    drawn = torch.randint(len(vqgan.codebook), (rows, columns), generator=generator)
    return vqgan.codebook[drawn.to(vqgan.device)].permute(2, 0, 1)[None].to(like)
