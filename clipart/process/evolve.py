"""The evolving process: CMA-ES on the canvas's parameters, a generation a step, without a gradient.

Hansen's covariance matrix adaptation (arXiv 1604.00772) by the `cmaes` package (arXiv 2402.01373), and the
separable form of Ros and Hansen (2008) where there are more than `FULL` numbers.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from clipart.canvas.base import Canvas
from clipart.critic.objective import Objective
from clipart.critic.views import Views
from clipart.errors import UsageError
from clipart.process.base import Process, Step, Trying, branch
from clipart.recipe import Recipe
from clipart.rng import Streams

FULL = 64  # numbers up to which the whole covariance matrix is adapted
MOST = 20_000  # numbers of a canvas that can be evolved
_SPREAD = 3.0  # standard deviation of the first generation, in learning rates


class EvolveProcess(Trying):
    """Samples a generation around a mean, scores it in one batch, and moves the mean and the spread.

    The canvas shows the mean. Which steps are large is what the method learns, so `lr` sets the spread of the
    first generation only.

    Args:
        canvas: what is changed; at most `MOST` numbers.
        settings: `lr` and `mutants`, the size of a generation at least, are taken from it.
        streams: `streams.evolve` is where the generations come from.

    Raises:
        UsageError: the canvas has more numbers.
    """

    def __init__(self, canvas: Canvas, settings: Recipe, streams: Streams) -> None:
        super().__init__(canvas, streams.evolve)
        start = parameters_to_vector(canvas.parameters()).detach().double().cpu().numpy()
        if len(start) > MOST:
            raise UsageError(
                f"--process evolve changes at most {MOST} numbers; --canvas {settings.canvas} has "
                f"{len(start)}. Type --canvas shapes, or a smaller --scale such as 0.25."
            )
        self._cma = _make(start, _SPREAD * settings.lr * canvas.pace, settings.mutants)
        self.pictures = int(self._cma.population_size)

    @classmethod
    def build(cls, canvas: Canvas, settings: Recipe, streams: Streams, before: Process | None) -> Self:
        """Return the process on `canvas`."""
        return cls(canvas, settings, streams)

    @torch.no_grad()
    def step(self, objective: Objective, views: Views, settings: Recipe, step: int) -> Step:
        """Score one generation, and let the canvas show the new mean."""
        self._cma.reseed_rng(int(torch.randint(2**32, (1,), generator=self._generator)))
        people = [self._cma.ask() for _ in range(self._cma.population_size)]
        images = []
        for person in people:
            self._show(person, (step - 1) / settings.steps)
            images.append(self.image())
        losses = objective.score(torch.cat(images), views, settings)
        spread = float(np.std(people))
        self._cma.tell(list(zip(people, losses, strict=True)))
        self._show(self._cma.mean, step / settings.steps)
        return Step({"worst": max(losses), "total": min(losses)}, spread)

    @torch.no_grad()
    def move(self, settings: Recipe) -> None:
        """Let the canvas show what the camera of `settings` sees one step later; the spread stays."""
        super().move(settings)
        mean = parameters_to_vector(self.canvas.parameters()).double().cpu().numpy()
        self._cma.__setstate__(self._cma.__getstate__() | {"_mean": mean})

    def state(self) -> dict[str, Tensor]:
        """Return the canvas's state and the search's: mean, spread, paths, covariance, generation."""
        tensors = {f"canvas/{name}": value for name, value in self.canvas.state_dict().items()}
        numbers = {
            k: v for k, v in self._cma.__getstate__().items() if isinstance(v, np.ndarray | float | int)
        }
        return tensors | {f"search/{k}": torch.tensor(v, dtype=torch.float64) for k, v in numbers.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put it into a state taken by `state`."""
        self.canvas.load_state_dict(branch(tensors, "canvas"))
        fresh, saved = self._cma.__getstate__(), branch(tensors, "search")
        found = {
            name: _as(fresh[name], value.cpu().numpy()) for name, value in saved.items() if name in fresh
        }
        self._cma.__setstate__(fresh | found)

    @torch.no_grad()
    def _show(self, numbers: np.ndarray[Any, Any], progress: float) -> None:
        like = next(self.canvas.parameters())
        vector_to_parameters(torch.from_numpy(numbers).to(like), self.canvas.parameters())
        self.canvas.project(progress)


def _make(start: np.ndarray[Any, Any], spread: float, least: int) -> Any:
    from cmaes import CMA, SepCMA

    kind = CMA if len(start) <= FULL else SepCMA
    size = max(least, 4 + int(3 * np.log(len(start))))
    return kind(mean=start, sigma=spread, population_size=size)


def _as(like: Any, value: np.ndarray[Any, Any]) -> Any:
    """Return a saved number or array as the type that it had."""
    if isinstance(like, int):
        return int(value)
    return float(value) if isinstance(like, float) else value
