"""The gradient process: a step of a torch optimiser on the canvas, and the way back from NaN."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, Self

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from clipart.canvas.base import Canvas
from clipart.canvas.start import fresh_ground
from clipart.critic.objective import Objective
from clipart.critic.views import Views
from clipart.errors import DivergedError
from clipart.process.base import Process, Step, branch
from clipart.recipe import Recipe
from clipart.rng import Streams

RETRIES = 3
_STAYS = 0.6  # of the learning rate, under a camera
_SNAPSHOT_EVERY = 10  # steps; a way back need not be the very last state

_ADAMS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}
_OTHERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def make_optimizer(name: str, canvas: Canvas, momentum: float) -> torch.optim.Optimizer:
    """Return the torch optimiser called `name` over the canvas's parameters; the rate is set at each step."""
    parameters = list(canvas.parameters())
    if name in _ADAMS:
        return _ADAMS[name](parameters, betas=(momentum, 0.99))
    if name in _OTHERS:
        return _OTHERS[name](parameters, momentum=momentum)
    return torch.optim.Adagrad(parameters)


def rate_at(settings: Recipe, step: int) -> float:
    """Return the learning rate of `step` (1 to `steps`): warm-up, then the schedule down.

    Where a camera moves it stays up, since there is something to grow to the last step.
    """
    done = (step - 1) / max(1, settings.steps)
    if done < settings.warmup:
        return settings.lr * step / max(1.0, math.ceil(settings.warmup * settings.steps))
    left = 1 - (done - settings.warmup) / max(1e-9, 1 - settings.warmup)
    falls = {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}
    return settings.lr * max(falls[settings.schedule], _STAYS if settings.moves else 0.0)


class GradientProcess(Process):
    """Moves a canvas along the gradient of an objective.

    A loss or gradient that is not finite puts the canvas and the optimiser back to the last good state and
    halves the learning rate from there on, at most `RETRIES` times in a run.

    Args:
        canvas: what it moves.
        settings: `optimizer` and `momentum` are taken from it.
        retries: so far in the run; an earlier stage may have had some.
        generator: where the static comes from that a camera brings into view.
    """

    def __init__(
        self, canvas: Canvas, settings: Recipe, retries: int = 0, generator: torch.Generator | None = None
    ) -> None:
        self.canvas = canvas
        self.generator = generator
        self.method = settings.optimizer
        self.optimizer = make_optimizer(self.method, canvas, settings.momentum)
        self.retries = retries
        self._image: Tensor | None = None
        self._good: dict[str, Any] = {}
        self._keep()

    @classmethod
    def build(cls, canvas: Canvas, settings: Recipe, streams: Streams, before: Process | None) -> Self:
        """Return the process on `canvas`, with the retries of the gradient process before."""
        retries = before.retries if isinstance(before, GradientProcess) else 0
        return cls(canvas, settings, retries, streams.evolve)

    def image(self) -> Tensor:
        """Return the canvas's image, (1, 3, height, width), with its graph.

        It is rendered once after each change: what is shown after a step is what the next step begins with.
        """
        if self._image is None:
            with torch.enable_grad():
                self._image = self.canvas()
        return self._image

    def step(self, objective: Objective, views: Views, settings: Recipe, step: int) -> Step:
        """Take one step.

        Raises:
            DivergedError: the last retry has failed too; the canvas is at its last good state.
        """
        rate = rate_at(settings, step) / 2**self.retries
        self.optimizer.zero_grad()
        image, self._image = self.image(), None
        gradient, losses = objective.gradient(image, views, settings)
        if settings.low_pass:
            gradient = low_pass(gradient, settings.low_pass)
        torch.autograd.backward(image, gradient)
        if not bool(self._finite(losses.finite())):  # the one number of a step that is waited for
            self._retry()
            return Step(losses, 0.0)
        if step % _SNAPSHOT_EVERY == 1:
            self._keep()
        if self.method == "sgd":
            self._normalise()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.canvas.pace
        self.optimizer.step()
        self.canvas.project(step / settings.steps)
        return Step(losses, rate)

    @torch.no_grad()
    def move(self, settings: Recipe) -> None:
        """Let the canvas show what the camera of `settings` sees; the optimiser keeps its memory."""
        fresh = fresh_ground(settings, *self.canvas.size, self.generator)
        self.canvas.move(self.image().clamp(0, 1), settings, fresh)
        self._image = None

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on, as tensors by name."""
        tensors = {f"canvas/{name}": value for name, value in self.canvas.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{slot}": torch.as_tensor(value) for slot, value in slots.items()}
        tensors["retries"] = torch.tensor(self.retries)
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put a process with a like canvas into a state taken by `state`."""
        self._image = None
        self.canvas.load_state_dict(branch(tensors, "canvas"))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in branch(tensors, "optimizer").items():
            index, slot = name.split("/")
            slots.setdefault(int(index), {})[slot] = value
        self._require_slots(slots)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.retries = int(tensors["retries"])
        self._keep()

    def _require_slots(self, slots: dict[int, dict[str, Tensor]]) -> None:
        """Check that what an optimiser remembers is of the parameters' shapes; torch finds out a step later.

        Raises:
            ValueError: it is not.
        """
        parameters = list(self.canvas.parameters())
        for index, slot in slots.items():
            for name, value in slot.items():
                if value.ndim > 0 and value.shape != parameters[index].shape:
                    raise ValueError(f"optimizer/{index}/{name} has the shape {tuple(value.shape)}")

    def _normalise(self) -> None:
        # The scale of a CLIP's gradient means nothing; to unit RMS, lr is the change of colour it makes.
        for parameter in self.canvas.parameters():
            if parameter.grad is not None:
                parameter.grad /= parameter.grad.square().mean().sqrt().clamp(min=1e-12)

    def _finite(self, losses: Tensor) -> Tensor:
        """Return whether `losses`, a bool, holds and every gradient is finite, as a bool on the device."""
        grads = [p.grad for p in self.canvas.parameters() if p.grad is not None]
        return torch.stack([losses, *(torch.isfinite(grad).all() for grad in grads)]).all()

    def _keep(self) -> None:
        self._good = {
            "canvas": {name: value.clone() for name, value in self.canvas.state_dict().items()},
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
        }

    def _retry(self) -> None:
        self.canvas.load_state_dict(self._good["canvas"])
        self.optimizer.load_state_dict(copy.deepcopy(self._good["optimizer"]))
        if self.retries == RETRIES:
            raise DivergedError(
                f"The picture diverged {RETRIES + 1} times (NaN in the gradient). "
                "Try a smaller --lr, or --precision float32."
            )
        self.retries += 1


def low_pass(gradient: Tensor, width: float) -> Tensor:
    """Blur `gradient` (1, 3, height, width) with a Gaussian; `width` is its sigma over the short side."""
    short = min(gradient.shape[-2:])
    sigma = max(width * short, 1e-3)
    kernel = min(2 * math.ceil(2.5 * sigma) + 1, (short - 1) | 1)
    blurred: Tensor = gaussian_blur2d(gradient, (kernel, kernel), (sigma, sigma), border_type="replicate")
    return blurred
