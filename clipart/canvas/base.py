"""What a canvas is: parameters, and a way to see them as an image."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.camera import moved
from clipart.recipe import Recipe

# Square root of the covariance of RGB values in natural photographs, from Lucid (Olah, Mordvintsev and
# Schubert, "Feature Visualization", 2017), over its largest column norm. Rows are R, G, B; the first
# column is nearly grey, so that a step along it changes lightness and the others change colour less.
_COLOUR_SQRT = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
DECORRELATED = _COLOUR_SQRT / _COLOUR_SQRT.norm(dim=0).max()


class Canvas(nn.Module):
    """The start plus a learned change: `canvas()` is the image, (1, 3, height, width) float32.

    The image is RGB with [0, 1] the displayable range; values may leave it, and the loop clamps them
    (see `clamp_with_grad`). A parameter's unit is a change of colour, so that one learning rate means
    about the same on every canvas; one that wants a smaller step sets `pace`.

    Args:
        start: (1, 3, height, width) RGB, what the canvas shows before the first step.
        falloff: how much less fine features move than broad ones: amplitude falls as 1 / frequency to
            this power; 1 is the spectrum of natural images.
        decorrelated: take steps in Lucid's decorrelated colour space instead of RGB.
    """

    pace = 1.0  # units of its parameters that a learning rate of 1 stands for
    start: Tensor
    to_rgb: Tensor

    def __init__(self, start: Tensor, *, falloff: float = 1.0, decorrelated: bool = True) -> None:
        super().__init__()
        self.falloff = falloff
        self.register_buffer("start", start.detach().clone())
        matrix = DECORRELATED if decorrelated else torch.eye(3)
        self.register_buffer("to_rgb", matrix.to(start))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.start.shape[-2], self.start.shape[-1]

    @abstractmethod
    def change(self) -> Tensor:
        """Return the learned change, (1, 3, height, width), in the canvas's colour space."""

    def enlarged(self, image: Tensor, height: int, width: int) -> Tensor:
        """Return `image`, the canvas's own, at the size of the picture, (1, 3, height, width)."""
        return F.interpolate(image, size=(height, width), mode="bicubic")

    def project(self, progress: float) -> None:
        """Put the parameters back to what the canvas allows; called after every step, `progress` 0 to 1."""

    @torch.no_grad()
    def restart(self, image: Tensor) -> None:
        """Make `image`, (1, 3, height, width), the start, with no change learned yet."""
        self.start.copy_(image)
        for parameter in self.parameters():
            parameter.zero_()

    def move(self, image: Tensor, settings: Recipe) -> None:
        """Show what the camera of `settings` sees one step later of `image`, the canvas's own in [0, 1]."""
        self.restart(moved(image, settings))

    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""
        return self.start + torch.einsum("rc,nchw->nrhw", self.to_rgb, self.change())


class _ClampWithGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        return image.clamp(0, 1)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors  # type: ignore[attr-defined]
        (grad,) = grads
        inward = grad * (image - image.clamp(0, 1)) >= 0
        return torch.where(inward, grad, torch.zeros_like(grad))


def clamp_with_grad(image: Tensor) -> Tensor:
    """Clamp to [0, 1], letting through the gradient that does not push values further out.

    The idea is Katherine Crowson's `ClampWithGrad` in her VQGAN+CLIP notebooks.
    """
    clamped: Tensor = _ClampWithGrad.apply(image)
    return clamped
