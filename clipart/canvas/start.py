"""The start: seeded static on paper, with a picture under it if one is given."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.errors import UsageError
from clipart.recipe import Recipe


def make_start(recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Return the canvas before the first step, (1, 3, height, width) float32 RGB in [0, 1], on the CPU.

    Static of contrast `static` and grain `grain` lies on paper of colour `paper`; a picture in `init` is
    mixed over it with weight `init_strength`.
    """
    noise = static(recipe.height, recipe.width, recipe.grain, generator)
    start = paper_colour(recipe) + recipe.static * noise
    if recipe.init is not None:
        start = torch.lerp(
            start, load_picture(recipe.init, recipe.height, recipe.width), recipe.init_strength
        )
    return start.clamp(0, 1)


def paper_colour(recipe: Recipe) -> Tensor:
    """Return the colour of the paper, (1, 3, 1, 1) RGB in [0, 1]."""
    return torch.tensor(ImageColor.getrgb(recipe.paper)[:3]).view(1, 3, 1, 1) / 255


def static(height: int, width: int, grain: float, generator: torch.Generator) -> Tensor:
    """Return smooth noise of mean 0 and standard deviation 1, (1, 3, height, width).

    `grain` 1 is white noise and 0 has clouds a quarter of the short side wide; in between the size of a
    cloud shrinks geometrically. The noise is drawn on a coarse grid, so one seed gives like clouds at
    every picture size.
    """
    cells = 4 * (min(height, width) / 4) ** grain
    rows, columns = (max(2, math.ceil(cells * side / min(height, width))) for side in (height, width))
    noise = torch.randn(1, 3, rows, columns, generator=generator)
    if (rows, columns) != (height, width):
        noise = F.interpolate(noise, size=(height, width), mode="bicubic")
    return (noise - noise.mean()) / noise.std().clamp(min=1e-6)


def load_picture(path: str, height: int, width: int) -> Tensor:
    """Read a picture, turn it upright, cut it to the aspect asked for: (1, 3, height, width) in [0, 1].

    Transparent pictures are laid on white.

    Raises:
        UsageError: there is no such file, or it is no picture that Pillow can read, or a huge one.
    """
    try:
        with Image.open(Path(path)) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except FileNotFoundError:
        raise UsageError(f"--init {path}: there is no such file.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UsageError(
            f"--init {path}: not a picture that can be read ({error}). Try a PNG or JPEG."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UsageError(f"--init {path}: the picture has too many pixels; save it smaller first.") from None
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    fitted = ImageOps.fit(flat, (width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(fitted, dtype=np.float32) / 255).permute(2, 0, 1)[None].contiguous()
