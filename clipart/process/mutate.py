"""The mutating process: change the picture a little at random, look, and keep the better one.

A (1 + lambda) evolution strategy (Rechenberg, "Evolutionsstrategie", 1973) on the canvas's parameters. It
asks for no gradient, so it works with any critic, and its film shows what this kind of art does: try,
compare, keep.
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from clipart.canvas.base import Canvas
from clipart.critic.objective import Objective
from clipart.critic.views import Views
from clipart.process.base import Process, Step, Trying, branch
from clipart.process.gradient import rate_at
from clipart.recipe import Recipe
from clipart.rng import Streams

GROWTH = (
    1.5  # factor on the size of the changes when one was better; its fourth root divides it when none was
)
SMALLEST, LARGEST = 0.05, 8.0  # bounds of that factor's product
_REACH = 4.0  # size of a change at factor 1, in learning rates
_DAB = (0.06, 0.6)  # standard deviation of a dab of colour, part of the grid's short side


class MutateProcess(Trying):
    """Tries `mutants` random changes of the canvas in a step, and keeps the best if it beats what there was.

    A change is a dab of colour on one grid of pixels, or other numbers for one to three rows of a table, such
    as shapes. Parent and mutants are scored in the same views, with the regularisers. The size of the changes
    follows the learning rate and Rechenberg's rule that one in five should succeed.

    Args:
        canvas: what is changed.
        settings: `mutants` is taken from it.
        streams: `streams.evolve` is where the changes come from.
    """

    def __init__(self, canvas: Canvas, settings: Recipe, streams: Streams) -> None:
        super().__init__(canvas, streams.evolve)
        self.pictures = 1 + settings.mutants
        self.factor = torch.tensor(1.0)

    @classmethod
    def build(cls, canvas: Canvas, settings: Recipe, streams: Streams, before: Process | None) -> Self:
        """Return the process on `canvas`."""
        return cls(canvas, settings, streams)

    @torch.no_grad()
    def step(self, objective: Objective, views: Views, settings: Recipe, step: int) -> Step:
        """Try `settings.mutants` changes, and keep the best of them and of what there was."""
        rate = rate_at(settings, step) * self.canvas.pace
        size = _REACH * rate * float(self.factor)
        parameters = list(self.canvas.parameters())
        parents = [parameter.clone() for parameter in parameters]
        family, images = [parents], [self.image()]
        for _ in range(settings.mutants):
            self._put(parents)
            chosen = int(torch.randint(len(parameters), (1,), generator=self._generator))
            parameters[chosen].add_(size * _change(parameters[chosen], self._generator))
            self.canvas.project((step - 1) / settings.steps)
            family.append([parameter.clone() for parameter in parameters])
            images.append(self.image())
        losses = objective.score(torch.cat(images), views, settings)
        best = min(range(len(losses)), key=losses.__getitem__)
        grown = float(self.factor) * (GROWTH if best else GROWTH**-0.25)
        self.factor = torch.tensor(min(max(grown, SMALLEST), LARGEST))
        self._put(family[best])
        self.canvas.project(step / settings.steps)
        return Step({"kept": float(best > 0), "total": losses[best]}, rate)

    def state(self) -> dict[str, Tensor]:
        """Return the canvas's state and the size of the changes."""
        tensors = {f"canvas/{name}": value for name, value in self.canvas.state_dict().items()}
        return tensors | {"factor": self.factor}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put it into a state taken by `state`."""
        self.canvas.load_state_dict(branch(tensors, "canvas"))
        self.factor = tensors["factor"].clone().cpu()

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.canvas.parameters(), values, strict=True):
            parameter.copy_(value)


def _change(parameter: nn.Parameter, generator: torch.Generator) -> Tensor:
    """Return a random change of size about 1 for `parameter`, zero in most places."""
    if parameter.ndim == 4:
        _, channels, height, width = parameter.shape
        change = _dab(channels, height, width, generator)
    elif parameter.ndim == 2:
        count = int(torch.randint(1, 4, (1,), generator=generator))
        rows = torch.randperm(len(parameter), generator=generator)[:count]
        change = torch.zeros(parameter.shape)
        change[rows] = torch.randn(len(rows), parameter.shape[1], generator=generator)
    else:
        change = torch.randn(parameter.shape, generator=generator)
    return change.to(parameter)


def _dab(channels: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Return a soft round dab of one random colour at a random place, (1, channels, height, width)."""
    x, y, spread = torch.rand(3, generator=generator).tolist()
    low, high = _DAB
    sigma = max(0.5, min(height, width) * math.exp(math.log(low) + spread * math.log(high / low)))
    rows = torch.exp(-0.5 * ((torch.arange(height) + 0.5 - y * height) / sigma).square())
    columns = torch.exp(-0.5 * ((torch.arange(width) + 0.5 - x * width) / sigma).square())
    colour = torch.randn(channels, generator=generator)
    return (colour[:, None, None] * rows[:, None] * columns[None, :])[None]
