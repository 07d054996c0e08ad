"""Maps of what a canvas shows: the one seam for symmetry, tiles, masks and transparency.

A map stands between a canvas and everybody who looks at it. So critic, film and finished picture see the
same, and any canvas and any process works with any map.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from clipart.around import maps_of
from clipart.canvas import MAPS
from clipart.canvas.base import Canvas, branch
from clipart.recipe import Recipe


class Map(nn.Module, ABC):
    """A differentiable map from an image to an image of the same height and width.

    Its entry in the table `clipart.canvas.MAPS` has the name of the setting that asks for it. Parameters of
    its own are changed with those of the canvas; they and its buffers are in the checkpoint.
    """

    @classmethod
    def read(cls, settings: Recipe) -> dict[str, Tensor]:
        """Return what `build` needs from files, by name; it is read once a run, and kept in the checkpoint.

        Raises:
            UsageError: a file is not there, or is no picture.
        """
        return {}

    @classmethod
    @abstractmethod
    def build(cls, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Self:
        """Return the map for a canvas whose image, (1, 3 or 4, height, width), is `start` at first.

        `held` is what `read` returned.
        """

    @abstractmethod
    def forward(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the map of `image`, (1, channels, height, width) of any size.

        If it is `exact`, no colours may be mixed: the image has those of a palette.
        """

    def finished(self, image: Tensor, exact: bool = False) -> Tensor:
        """Return the finished picture, (1, channels, height, width), after the finish steps."""
        mapped: Tensor = self(image, exact)
        return mapped

    def leaf(self, ending: str, data: bytes) -> bytes | None:
        """Return a file beside the picture, by the ending of its name, as mapped; None leaves it out."""
        return None

    def project(self, progress: float) -> None:
        """Called after every step, as `Canvas.project`."""


class MappedCanvas(Canvas):
    """A canvas that is another canvas, seen through maps, the first one first."""

    def __init__(self, canvas: Canvas, maps: Sequence[Map]) -> None:
        nn.Module.__init__(self)
        self.inner = canvas
        self.maps = nn.ModuleList(maps)

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        """Canvases of this kind are made by `mapped`."""
        raise NotImplementedError

    @property
    def pace(self) -> float:  # type: ignore[override]
        """As of the canvas inside."""
        return self.inner.pace

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.inner.size

    def forward(self) -> Tensor:
        """Return the image, (1, 3 or 4, height, width)."""
        return self._mapped(self.inner())

    def enlarged(self, image: Tensor, height: int, width: int) -> Tensor:
        """Return `image`, the canvas's own, at the size of the picture, mapped at that size."""
        return self._mapped(self.inner.enlarged(image[:, :3], height, width))

    @torch.no_grad()
    def final(self, height: int, width: int) -> Tensor | None:
        """Return the finished picture at this size, (1, 3 or 4, height, width); None as the one inside."""
        found = self.inner.final(height, width)
        return None if found is None else self._mapped(found, self.inner.exact)

    @torch.no_grad()
    def finished(self, image: Tensor) -> Tensor:
        """Return `image`, (1, 3 or 4, height, width), as the maps want it after the finish steps."""
        for each in self.maps:
            image = cast(Map, each).finished(image, self.inner.exact)
        return image

    def leaves(self, height: int, width: int) -> dict[str, bytes]:
        """Return the files beside the picture that every map can map."""
        found = self.inner.leaves(height, width)
        for each in self.maps:
            mapped = {ending: cast(Map, each).leaf(ending, data) for ending, data in found.items()}
            found = {ending: data for ending, data in mapped.items() if data is not None}
        return found

    def project(self, progress: float) -> None:
        """Put the parameters back to what canvas and maps allow."""
        self.inner.project(progress)
        for each in self.maps:
            cast(Map, each).project(progress)

    def move(self, image: Tensor, settings: Recipe, fresh: Tensor | None = None) -> None:
        """Let the canvas inside move; a map stays where it is."""
        self.inner.move(image, settings, fresh)

    def restart(self, image: Tensor) -> None:
        """Let the canvas inside begin with `image`."""
        self.inner.restart(image)

    def _mapped(self, image: Tensor, exact: bool = False) -> Tensor:
        for each in self.maps:
            image = each(image, exact)
        return image


def mapped(canvas: Canvas, start: Tensor, settings: Recipe, held: Mapping[str, Tensor]) -> Canvas:
    """Return `canvas`, seen through the maps that `settings` ask for; itself if that is none.

    `start` is what is shown at first, (1, 3 or 4, height, width); `held` are the pictures of `read_held`.
    """
    names = maps_of(settings)
    if not names:
        return canvas
    return MappedCanvas(canvas, [MAPS[name].build(start, settings, branch(held, name)) for name in names])


def read_held(settings: Recipe) -> dict[str, Tensor]:
    """Return what the maps of `settings` need from files, by the name of the map and its own name for it.

    Raises:
        UsageError: a file is not there, or is no picture.
    """
    return {
        f"{name}/{key}": value
        for name in maps_of(settings)
        for key, value in MAPS[name].read(settings).items()
    }
