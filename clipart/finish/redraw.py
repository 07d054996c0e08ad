"""A picture drawn anew by the embedded VQGAN: what it knows are drawings, so soft edges become drawn ones."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.finish.chain import Range
from clipart.models.vqgan import Vqgan, load_vqgan

REACH = 1 / 64  # of the short side: how far around a pixel the mean is taken that it is sharpened against


@torch.no_grad()
def redraw(image: Tensor, sharpen: Annotated[float, Range(0, 3)] = 0.7) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], as the nearest codes of the embedded VQGAN show it.

    Before that it is sharpened by `sharpen`: each pixel moves so many times as far from the mean around it.
    The model (Esser et al., arXiv 2012.09841) was trained on emoji and icons; few of its codes are soft.
    """
    vqgan = _embedded(torch.device("cpu"))
    height, width = image.shape[-2:]
    reach = max(1, round(REACH * min(height, width)))
    batch = image[None].to(vqgan.device)
    around = F.avg_pool2d(F.pad(batch, (reach,) * 4, mode="replicate"), 2 * reach + 1, stride=1)
    sharp = (batch + sharpen * (batch - around)).clamp(0, 1)
    drawn = vqgan.decode(vqgan.nearest(vqgan.encode(sharp)))
    found: Tensor = drawn[0, :, :height, :width].clamp(0, 1).to(image)
    return found


@cache
def _embedded(device: torch.device) -> Vqgan:
    return load_vqgan(None, device, "float32")
