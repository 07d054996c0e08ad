"""The start: seeded static on paper, with a picture under it if one is given."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from PIL import Image, ImageColor, ImageOps
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.given import MARK, recall
from clipart.keeping import shows
from clipart.pictures import from_pil, on_white, open_picture
from clipart.recipe import Recipe
from clipart.text import real_name


def make_start(recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Return the canvas before the first step, (1, 3, height, width) float32 RGB in [0, 1], on the CPU.

    Static of contrast `static` and grain `grain` lies on paper of colour `paper`; a picture in `init` is
    mixed over it, the more of it the larger `init_strength`.
    """
    start = fresh_ground(recipe, *recipe.shape, generator)
    if recipe.picture is not None:
        weight = shows(recipe.init_strength) if recipe.keep else recipe.init_strength
        start = torch.lerp(start, load_picture(recipe.picture, *recipe.shape), weight)
    return start.clamp(0, 1)


def fresh_ground(recipe: Recipe, height: int, width: int, generator: torch.Generator | None) -> Tensor:
    """Return static on paper, (1, 3, height, width), not yet clamped: what a run grows from."""
    return paper_colour(recipe) + recipe.static * static(height, width, recipe.grain, generator)


def make_kept(recipe: Recipe, like: Tensor) -> Tensor | None:
    """Return the picture that the run keeps to, (1, 3, height, width) in [0, 1]; None where there is none.

    It lies on `like`'s device.
    """
    if recipe.picture is None or not recipe.keep or recipe.moves:
        return None
    return load_picture(recipe.picture, *recipe.shape).to(like)


def paper_colour(recipe: Recipe) -> Tensor:
    """Return the colour of the paper, (1, 3, 1, 1) RGB in [0, 1]."""
    return torch.tensor(ImageColor.getrgb(recipe.paper or "white")[:3]).view(1, 3, 1, 1) / 255


def static(height: int, width: int, grain: float, generator: torch.Generator | None) -> Tensor:
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


def load_picture(path: str, height: int, width: int, option: str = "--init") -> Tensor:
    """Read a picture, turn it upright, cut it to the aspect asked for: (1, 3, height, width) in [0, 1].

    `path` is as a recipe keeps it; messages name it after `option`. Transparent pictures are laid on white.

    Raises:
        UsageError: as `clipart.pictures.open_picture`, or as `clipart.given.recall`.
    """
    given = recall(path) if path.startswith(MARK) else open_picture(Path(real_name(path)), option)
    picture = on_white(given)
    return from_pil(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))[None].contiguous()
