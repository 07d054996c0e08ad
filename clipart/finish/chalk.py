"""Chalk on a blackboard."""

from __future__ import annotations

from typing import Annotated

import torch
from kornia.color import rgb_to_grayscale
from torch import Tensor

from clipart.finish.chain import Range
from clipart.finish.lines import edges

BOARD = (0.12, 0.17, 0.15)
FILL = 0.9  # how much chalk lies where the picture has colour


def chalk(image: Tensor, width: Annotated[float, Range(1, 4)] = 2) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], in coloured chalk on a blackboard, outlines `width` pixels wide.

    Paper is left as board. The grain of the board is always the same.
    """
    board = image.new_tensor(BOARD)[:, None, None]
    grain = torch.rand(1, *image.shape[1:], generator=torch.Generator().manual_seed(0)).to(image.device)
    colour = image.amax(0, keepdim=True) - image.amin(0, keepdim=True)
    dark = 1 - rgb_to_grayscale(image[None])[0]
    fill = FILL * (1.5 * torch.maximum(colour, dark) - 0.35).clamp(0, 1) * (grain > 0.35)
    chalked = board + ((0.45 + 0.55 * image) - board) * fill
    return chalked + (0.93 - chalked) * edges(image, width) * (0.55 + 0.45 * grain)
