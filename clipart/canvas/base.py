"""What a canvas is: parameters, and a way to see them as an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.camera import moved
from clipart.recipe import Recipe


class Canvas(nn.Module, ABC):
    """The start plus a learned change: `canvas()` is the image, (1, 3, height, width) float32.

    The image is RGB with [0, 1] the displayable range; values may leave it, and the loop clamps them
    (see `clamp_with_grad`). A parameter's unit is a change of colour, so that one learning rate means
    about the same on every canvas; one that wants a smaller step sets `pace`.

    A canvas defines `build` and `forward`, and of the rest what it does in another way. Its parameters and
    buffers are what a checkpoint holds of it.

    Attributes:
        needs: names of the models that `build` is given (`clipart.models.needed`).
        optimizer: the gradient method where the recipe leaves it open.
        pace: units of its parameters that a learning rate of 1 stands for.
        fineness: pixels of the canvas for each pixel of a view, along a side, where the recipe leaves `scale`
            open; None is the picture's own resolution.
        finish: the finish steps where the recipe leaves them open.
        exact: its finished picture has the colours of a palette, and no others.
        grows: a large picture begins on a small canvas of this kind, which is built anew when it is to grow
            (`clipart.canvas.size`).
        extras: its own settings with their defaults, where it is a part of another package; `build` finds
            their values in `settings.extras`.

    Args:
        start: (1, 3, height, width) RGB, what the canvas shows before the first step.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    optimizer: ClassVar[str] = "sgd"
    pace: ClassVar[float] = 1.0
    fineness: ClassVar[float | None] = None
    grows: ClassVar[bool] = False
    finish: ClassVar[tuple[str, ...]] = ("clean",)
    exact: ClassVar[bool] = False
    extras: ClassVar[Mapping[str, bool | int | float | str]] = {}
    start: Tensor

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("start", start.detach().clone())

    @classmethod
    @abstractmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Return a canvas on `start`, (1, 3, height, width) RGB, with the values of `settings`.

        `models` has what the class `needs`, by name. `generator` is None where `start` is a picture, of the
        user's or of the stage before; else randomness of the start comes from it.
        """

    @classmethod
    def bytes_a_pixel(cls, settings: Recipe) -> int:
        """Return about how many bytes of memory a step needs for each pixel of the canvas."""
        return 130

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.start.shape[-2], self.start.shape[-1]

    @abstractmethod
    def forward(self) -> Tensor:
        """Return the image, (1, 3, height, width)."""

    def enlarged(self, image: Tensor, height: int, width: int) -> Tensor:
        """Return `image`, the canvas's own, at the size of the picture, (1, 3, height, width)."""
        return F.interpolate(image, size=(height, width), mode="bicubic")

    def final(self, height: int, width: int) -> Tensor | None:
        """Return the finished picture at this size, (1, 3, height, width) in [0, 1], without a gradient.

        None, unless the class says otherwise: then it is the moving average that was shown, enlarged.
        """
        return None

    def finished(self, image: Tensor) -> Tensor:
        """Return the picture, (1, 3, height, width), after the finish steps; here as it is."""
        return image

    def leaves(self, height: int, width: int) -> dict[str, bytes]:
        """Return files beside the picture of this size, by the ending of their name, such as ".svg"."""
        return {}

    def project(self, progress: float) -> None:
        """Put the parameters back to what the canvas allows; called after every step, `progress` 0 to 1."""

    @torch.no_grad()
    def restart(self, image: Tensor) -> None:
        """Make `image`, (1, 3, height, width), the start, with no change learned yet."""
        self.start.copy_(image)
        for parameter in self.parameters():
            parameter.zero_()

    def move(self, image: Tensor, settings: Recipe, fresh: Tensor | None = None) -> None:
        """Show what the camera of `settings` sees one step later of `image`, the canvas's own in [0, 1].

        `fresh`, of the same shape, is static on paper, for what comes into view.
        """
        self.restart(moved(image, settings, fresh))


def branch(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors under `name/`, without that prefix."""
    return {key.removeprefix(f"{name}/"): v for key, v in tensors.items() if key.startswith(f"{name}/")}


def over(image: Tensor, ground: Tensor) -> Tensor:
    """Return `image`, (n, 4, height, width) RGB with alpha, on `ground`, (1 or n, 3, ...): (n, 3, ...).

    An image without an alpha channel is returned as it is.
    """
    if image.shape[1] == 3:
        return image
    alpha = image[:, 3:]
    return alpha * image[:, :3] + (1 - alpha) * ground


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
