"""What an art process is: it holds a canvas and changes it, one step at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from clipart.canvas.base import Canvas
from clipart.canvas.base import branch as branch
from clipart.canvas.start import fresh_ground
from clipart.critic.objective import Objective
from clipart.critic.views import Views
from clipart.recipe import Recipe
from clipart.rng import Streams


@dataclass(frozen=True)
class Step:
    """What one step came to.

    Attributes:
        losses: the objective's tree by name, with "total" the number that was descended.
        rate: the learning rate or step size that was used, in units of the canvas's parameters; 0 where the
            step was taken back.
    """

    losses: Mapping[str, float]
    rate: float


class Process(ABC):
    """Changes `canvas` so that an objective falls.

    Attributes:
        canvas: what it changes; another process may go on with another canvas.
        extras: its own settings with their defaults, where it is a part of another package; their values are
            in `settings.extras`.
    """

    canvas: Canvas
    extras: ClassVar[Mapping[str, bool | int | float | str]] = {}

    @classmethod
    @abstractmethod
    def build(cls, canvas: Canvas, settings: Recipe, streams: Streams, before: Process | None) -> Self:
        """Return the process on a fresh `canvas`, with the values of `settings`.

        Randomness comes from `streams.evolve`. `before` is the process of the stage before, None at the
        beginning of a
        run: what it has learned may be taken over.
        """

    @abstractmethod
    def step(self, objective: Objective, views: Views, settings: Recipe, step: int) -> Step:
        """Take step number `step`, from 1, of `settings.steps`.

        Raises:
            DivergedError: it cannot go on; the canvas is at its last good state.
        """

    @abstractmethod
    def image(self) -> Tensor:
        """Return the canvas's image, (1, 3, height, width); values may lie outside [0, 1]."""

    @abstractmethod
    def move(self, settings: Recipe) -> None:
        """Let the canvas show what the camera of `settings` sees one step later."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on, as tensors by name; names may have slashes."""

    @abstractmethod
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put a process that `build` made for the same settings into a state taken by `state`."""


class Trying(Process):
    """A process that tries pictures and asks for no gradient; randomness comes from `generator`.

    Attributes:
        pictures: how many it scores in a step.
    """

    pictures: int

    def __init__(self, canvas: Canvas, generator: torch.Generator) -> None:
        self.canvas, self._generator = canvas, generator

    @torch.no_grad()
    def image(self) -> Tensor:
        """Return the canvas's image, (1, 3, height, width), without a graph."""
        shown: Tensor = self.canvas()
        return shown

    @torch.no_grad()
    def move(self, settings: Recipe) -> None:
        """Let the canvas show what the camera of `settings` sees one step later."""
        fresh = fresh_ground(settings, *self.canvas.size, self._generator)
        self.canvas.move(self.image().clamp(0, 1), settings, fresh)
