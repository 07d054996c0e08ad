"""Glowing tubes in the dark."""

from __future__ import annotations

from typing import Annotated

from kornia.filters import gaussian_blur2d
from torch import Tensor

from clipart.finish.chain import Range
from clipart.finish.lines import edges
from clipart.finish.strips import in_strips

GROUND = (0.03, 0.02, 0.08)
GLOW = 3.0  # pixels
REACH = 7


def neon(image: Tensor, width: Annotated[float, Range(1, 4)] = 2) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], as glowing lines of its colours, `width` pixels wide, on black."""
    strength = edges(image, width)
    light = image.amax(0, keepdim=True).clamp(min=0.1)
    pure = ((image / light) ** 3).clamp(0.08, 1)  # the hue, at full light
    tube = pure * strength
    halo = in_strips(lambda b: gaussian_blur2d(b, (2 * REACH + 1,) * 2, (GLOW, GLOW)), tube, margin=REACH)
    return (image.new_tensor(GROUND)[:, None, None] + 1.6 * halo + tube + 0.35 * strength).clamp(0, 1)
