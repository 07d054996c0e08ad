"""What the loop yields and the judge says: frozen values that everything that shows or saves consumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from torch import Tensor

    from clipart.target import Target

StopReason = Literal["score", "steps", "seconds", "interrupted", "diverged"]


@dataclass(frozen=True)
class Reading:
    """How the judge sees one part of the prompt, at its place if it has one.

    `cosine` is the similarity of picture and text in [-1, 1]; `match` in [0, 1] is how sure the judge is
    of this text against the shipped list of everyday words. `weight` is the part's, as typed.
    """

    text: str
    weight: float
    cosine: float
    match: float


@dataclass(frozen=True)
class Check:
    """One look of the judge at the un-augmented canvas, whole or place by place, after `step` steps."""

    step: int
    readings: tuple[Reading, ...]

    def reached(self, target: Target) -> bool:
        """Say whether every part of positive weight has come up to `target`."""
        wanted = [r for r in self.readings if r.weight > 0]
        return all((r.match if target.percent else r.cosine) >= target.value for r in wanted)


class _Fetched:
    """A field that may be given as a function that returns its value: called once, when somebody asks."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            raise AttributeError(self._name)
        value = instance.__dict__[self._name]
        if callable(value):
            instance.__dict__[self._name] = value = value()
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value


def later(fetch: Callable[[], Tensor]) -> Tensor:
    """Return what an `Iterate` takes as its image, to call `fetch` when somebody asks for it."""
    return cast("Tensor", fetch)


@dataclass(frozen=True)
class Iterate:
    """The run after `step` of at most `steps` steps.

    `image` is (3, height, width) float32 on the CPU, RGB in [0, 1]: the canvas as it is shown and kept.
    It is fetched from the device when it is first asked for, as are the losses: a step waits for neither.
    `losses` is the tree of the objective flattened to "clip/apple", "tv", ..., with "total" the number
    that was descended; empty at step 0. `check` is the latest look of the judge. `stop` is None until
    the last iterate, which says why there are no more. `start` is the start that the run went on from, of
    those tried, from 1.
    """

    step: int
    steps: int
    image: Tensor
    losses: Mapping[str, float]
    check: Check
    lr: float
    stage: str
    seconds: float
    stop: StopReason | None = None
    start: int = 1

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields, with the image itself, for a copy or a pickle."""
        return {**self.__dict__, "image": self.image}


setattr(Iterate, "image", _Fetched("image"))  # noqa: B010 (to a type checker it stays the tensor)
