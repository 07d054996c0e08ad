"""Black ink from a cut block: the darker, the broader the ridges."""

from __future__ import annotations

from typing import Annotated

import torch
from kornia.color import rgb_to_grayscale
from torch import Tensor

from clipart.finish.cells import grid
from clipart.finish.chain import Range

PAPER, INK = (0.96, 0.93, 0.85), (0.09, 0.08, 0.08)
WAVE = 0.35  # of a ridge, how far the knife swings


def woodcut(image: Tensor, across: Annotated[float, Range(8, 128)] = 40) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], printed in black from ridges, `across` along the shorter side."""
    side = min(image.shape[1:]) / across
    y, x = (place / side for place in grid(image))
    luma = rgb_to_grayscale(image[None])[0]
    ridge = (2 * ((y + x / 3 + WAVE * torch.sin(0.6 * x)) % 1) - 1).abs()
    dark = ((0.9 - luma) / 0.65).clamp(0, 1)
    inked = ((dark * 1.1 - 0.05 - ridge) * side / 2 + 0.5).clamp(0, 1) * (dark > 0.08)
    paper, ink = (image.new_tensor(colour)[:, None, None] for colour in (PAPER, INK))
    return torch.lerp(paper.expand_as(image), ink.expand_as(image), inked.expand_as(image))
