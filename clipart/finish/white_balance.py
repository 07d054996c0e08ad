"""White balance: a cast of colour is taken off."""

from __future__ import annotations

from typing import Annotated

import torch
from kornia.color import rgb_to_grayscale
from torch import Tensor

from clipart.finish.chain import Range

LIGHTER = 0.5  # part of the pixels whose median is taken for white or grey
MAX_SAMPLE = 1 << 20  # pixels


def white_balance(image: Tensor, amount: Annotated[float, Range(0, 1)] = 1.0) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], with its light pixels made neutral, by `amount`.

    The white-patch rule: each channel gets the gain that makes the median of the lighter half
    of the pixels grey.
    """
    every = max(1, int((image[0].numel() / MAX_SAMPLE) ** 0.5))
    pixels = image[:, ::every, ::every]
    luma = rgb_to_grayscale(pixels[None])[0, 0].flatten()
    lighter = luma.topk(max(1, int(LIGHTER * luma.numel()))).indices
    white = pixels.flatten(1)[:, lighter].median(1).values.clamp(min=1 / 255)
    gain = torch.lerp(torch.ones_like(white), white.mean() / white, amount)
    return (image * gain[:, None, None]).clamp(0, 1)
