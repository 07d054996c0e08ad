"""The clean-up. Ascent against a CLIP leaves specks and grain that the CLIP likes and a person does not."""

from __future__ import annotations

import torch
from kornia.color import rgb_to_grayscale
from kornia.filters import bilateral_blur, median_blur
from torch import Tensor

from clipart.finish.sharpen import sharpen
from clipart.finish.strips import in_strips

MEDIAN = 3  # pixels; takes single specks, keeps lines of two pixels
REACH = 7  # pixels; the bilateral filter's window
CONTRAST = 0.15  # differences of colour much above this are edges and stay
SPREAD = 2.0  # pixels
TAIL = 0.005  # part of the pixels that may be lighter or darker than the stretched range
MAX_GAIN = 1.25
SHARPEN = 0.25
SHARPEN_SIGMA = 1.0  # pixels
MAX_SAMPLE = 1 << 20  # pixels that the range is measured on


def clean(image: Tensor) -> Tensor:
    """Return `image`, (3, H, W) RGB in [0, 1], without speckle, its contrast stretched, its edges crisp."""
    smooth = in_strips(_denoise, image, margin=MEDIAN // 2 + REACH // 2)
    return sharpen(stretch(smooth), SHARPEN, SHARPEN_SIGMA)


def _denoise(batch: Tensor) -> Tensor:
    despeckled = median_blur(batch, MEDIAN)
    return bilateral_blur(despeckled, REACH, CONTRAST, (SPREAD, SPREAD))


def stretch(image: Tensor) -> Tensor:
    """Return `image`, (3, H, W), with its light and shade stretched towards [0, 1], by `MAX_GAIN` at most.

    All channels get one gain and one shift, so a cast of colour stays. What is free below and above the range
    shrinks in proportion: a light picture stays light.
    """
    luma = rgb_to_grayscale(image[None])[0, 0]
    every = max(1, int((luma.numel() / MAX_SAMPLE) ** 0.5))
    sample = luma[::every, ::every].flatten()
    low, high = (
        float(q) for q in torch.quantile(sample, torch.tensor([TAIL, 1 - TAIL], device=sample.device))
    )
    room = low + 1 - high
    gain = min(MAX_GAIN, 1 / max(high - low, 1e-6))
    if gain <= 1 or room <= 0:
        return image
    floor = low / room * (1 - gain * (high - low))
    return (image - low).mul_(gain).add_(floor).clamp_(0, 1)
