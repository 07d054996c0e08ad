"""A film of where the parts of a prompt are found while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.critic.held import read_pictures
from clipart.errors import UsageError
from clipart.iterates import Iterate
from clipart.pictures import to_pil
from clipart.recipe import Recipe
from clipart.record.folder import written
from clipart.seeing.explaining import explained
from clipart.seeing.looking import looking, still
from clipart.seeing.overlay import overlay

FPS = 10
MOST_FRAMES = 500  # that are kept in memory until the film is written
SIDE = 256  # pixels of the short side of a picture in the film
GAP = 8  # pixels between the pictures


class Heats:
    """Takes in the pictures of a run, every so many steps, and keeps what `overlay` shows of each part.

    Args:
        recipe: of the run, with its prompt.
        every: steps from one look to the next; the first and the last picture are looked at in any case.
        clip: the CLIP that looks; by default the first critic of the run.
        held: the pictures among the parts of the prompt, by key, each (1, 3, height, width) in [0, 1]; by
            default their files are read.

    Attributes:
        first: the step of the first picture that came, None before.

    Raises:
        UsageError: that many steps are more than `MOST_FRAMES` looks.
        ModelError: the CLIP is not on this machine.
    """

    def __init__(
        self, recipe: Recipe, every: int, clip: str | None = None, held: Mapping[str, Tensor] | None = None
    ) -> None:
        if recipe.steps / every > MOST_FRAMES:
            least = -(-recipe.steps // MOST_FRAMES)
            raise UsageError(
                f"--explain-every {every}: {recipe.steps:,} steps would be more than {MOST_FRAMES} looks. "
                f"Type {least} or more."
            )
        self.every, self._prompt = every, recipe.parts
        self._held = read_pictures(recipe) if held is None else held
        self.first: int | None = None
        with still():
            self._clip = looking(clip or recipe.clip[0].name)
        self.frames: list[np.ndarray[Any, Any]] = []

    def __call__(self, it: Iterate) -> None:
        """Look at a picture of the run, if it is its turn."""
        if self.first is None:
            self.first = it.step
        if it.step % self.every and it.stop is None:
            return
        image = it.image[None]
        with still():
            found = explained(self._clip, image, self._prompt, self._held)
        short = min(image.shape[-2:])
        size = [round(SIDE * side / short / 2) * 2 for side in image.shape[-2:]]
        plain = F.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(0, 1)[0]
        looks = [plain, *(overlay(plain[None], each.heat) for each in found)]
        self.frames.append(np.asarray(to_pil(_row(looks))))

    def save(self, path: Path) -> Path:
        """Write the film to `path`, an MP4, and return it: the picture, and beside it each part.

        Raises:
            UsageError, ResourceError, ClipartError: it cannot be written.
        """
        import imageio.v3 as iio

        frames = [*self.frames, *self.frames[-1:] * FPS]  # the last is held for a second
        with written(path) as temporary:
            iio.imwrite(temporary, frames, plugin="pyav", extension=".mp4", codec="libx264", fps=FPS)
        return path


def _row(looks: list[Tensor]) -> Tensor:
    """Return pictures (3, height, width) of one size side by side, as wide as codecs want it."""
    height = looks[0].shape[1]
    gap = torch.ones(3, height, GAP)
    pieces = [piece for look in looks for piece in (look, gap)]
    return torch.cat(pieces, dim=2)
