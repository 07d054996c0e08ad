"""Enlarging a finished picture by a network of super-resolution, from a file that a person names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from clipart.errors import ModelError, UsageError
from clipart.finish.chain import Range
from clipart.models.weights import SAFE, read_tensors

TILE, OVERLAP = 192, 16  # pixels of the picture before, that the network sees at once, and that tiles share


def read_upscaler(path: Path) -> Callable[..., Tensor]:
    """Return the finish step `upscale` by the network in `path`, for the times that it was trained for.

    The file holds safetensors of an architecture that the package spandrel knows (ESRGAN, SwinIR, Compact,
    ...). The picture goes through it in tiles, so memory does not grow with it.

    Raises:
        UsageError: spandrel is not installed, or the file is not of safetensors.
        ModelError: it cannot be read, or is no network that enlarges RGB pictures.
    """
    try:
        import spandrel
    except ImportError:
        words = '--upscaler needs the package spandrel. Type: pip install "clipart[upscale]"'
        raise UsageError(words) from None
    if path.suffix.lower() != SAFE:
        raise UsageError(
            f"--upscaler {path}: only a file that ends in {SAFE} is read; it holds weights alone."
        )
    if not path.is_file():
        raise UsageError(f"--upscaler {path}: no such file.")
    try:
        found: Any = spandrel.ModelLoader("cpu").load_from_state_dict(read_tensors(path))
    except ModelError:
        raise
    except Exception as error:  # whatever an architecture's reader makes of weights that are not its own
        raise ModelError(f"--upscaler {path}: spandrel knows no network with these weights.") from error
    channels = (getattr(found, "input_channels", 0), getattr(found, "output_channels", 0))
    if channels != (3, 3) or found.scale < 2:
        raise ModelError(f"--upscaler {path}: its network does not enlarge RGB pictures.")
    scale = int(found.scale)

    @torch.no_grad()
    def upscale(image: Tensor, times: float = scale) -> Tensor:
        return _in_tiles(found, image, scale)

    upscale.__annotations__["times"] = Annotated[float, Range(scale, scale)]
    return upscale


def _in_tiles(model: Callable[[Tensor], Tensor], image: Tensor, scale: int) -> Tensor:
    """Return `image`, (3, H, W) in [0, 1], `scale` times as large, by `model` on (1, 3, h, w)."""
    _, height, width = image.shape
    out = image.new_empty(3, height * scale, width * scale)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            up, before = max(0, top - OVERLAP), max(0, left - OVERLAP)
            tile = image[None, :, up : top + TILE + OVERLAP, before : left + TILE + OVERLAP]
            rows, columns = min(TILE, height - top) * scale, min(TILE, width - left) * scale
            y, x = (top - up) * scale, (left - before) * scale
            done = model(tile)[0, :, y : y + rows, x : x + columns]
            out[:, top * scale : top * scale + rows, left * scale : left * scale + columns] = done
    return out.clamp(0, 1)
