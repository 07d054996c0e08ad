"""A chain of finish steps, such as `flat,upscale:2`: names of the table, with numbers behind colons."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_args, get_type_hints

from clipart.errors import UsageError
from clipart.finish import FINISHES, LEAVES

if TYPE_CHECKING:
    from torch import Tensor

MIN_SIDE = 16  # pixels
NONE = "none"  # an empty chain, as it is typed
WITH_ALPHA = "alpha"  # in the annotation of a step's image: the step takes its alpha channel too


class Range(NamedTuple):
    """Lowest and highest value of a step's number; it stands in the parameter's annotation."""

    low: float
    high: float


def read_chain(text: str) -> tuple[str, ...]:
    """Split `clean,upscale:2` into its steps; `none` and an empty text are no steps.

    Raises:
        UsageError: there is no step of that name, or something behind a colon is no number.
    """
    steps = tuple(step.strip() for step in text.split(",") if step.strip())
    if steps == (NONE,):
        return ()
    for step in steps:
        _numbers(step)
    return steps


def name_of(step: str) -> str:
    """Return the name of a step as it is typed: `upscale` of `upscale:2`."""
    return step.partition(":")[0]


def _numbers(step: str) -> tuple[float, ...]:
    name, *rest = step.split(":")
    FINISHES.check(name)
    try:
        return tuple(float(number) for number in rest)
    except ValueError:
        raise UsageError(f"--finish {step}: numbers go behind colons, such as upscale:2.") from None


def make_chain(
    steps: Sequence[str], instead: Mapping[str, Callable[..., Tensor]] | None = None
) -> Callable[[Tensor], Tensor]:
    """Return the chain of `steps` as one function of an image, (3 or 4, H, W) in [0, 1], to an image.

    Most steps see the colours only, and an alpha channel is kept, enlarged where they enlarge. The same image
    gives the same result. `instead` has functions that take the place of the table's, by the step's name. The
    function raises ValueError for another shape, or a side under 16 pixels.

    Raises:
        UsageError: there is no step of a name, or a step takes other numbers.
    """
    calls = []
    for step in steps:
        name, numbers = name_of(step), _numbers(step)
        function = (instead or {}).get(name) or FINISHES[name]
        try:
            inspect.signature(function).bind(None, *numbers)
        except TypeError as error:
            raise UsageError(
                f"--finish {step}: {error}. `clipart --help` shows how steps are typed."
            ) from None
        annotations = _annotations(function)
        _check_ranges(step, annotations[1:], numbers)
        takes_alpha = WITH_ALPHA in get_args(annotations[0][1])
        calls.append((function if takes_alpha else _on_colours(function), numbers))

    def finish(image: Tensor) -> Tensor:
        if image.ndim != 3 or image.shape[0] not in (3, 4) or min(image.shape[1:]) < MIN_SIDE:
            shape = tuple(image.shape)
            raise ValueError(f"expected (3 or 4, H, W) with sides of {MIN_SIDE} or more, got {shape}")
        finished = image.detach().float()
        for function, numbers in calls:
            finished = function(finished, *numbers)
        return finished.clamp(0, 1)

    return finish


def _annotations(function: Callable[..., Tensor]) -> list[tuple[str, object]]:
    """Return the parameters of `function`, the image first, each with its annotation."""
    hints = get_type_hints(function, include_extras=True)
    return [(name, hints.get(name)) for name in inspect.signature(function).parameters]


def _on_colours(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return `function` of colours, (3, H, W), as one of an image, (3 or 4, H, W), whose alpha is kept."""

    def step(image: Tensor, *numbers: float) -> Tensor:
        import torch
        from torch.nn import functional as F  # noqa: N812

        colours, alpha = function(image[:3], *numbers), image[3:]
        if not len(alpha):
            return colours
        if alpha.shape[1:] != colours.shape[1:]:
            alpha = F.interpolate(alpha[None], size=colours.shape[1:], mode="bicubic")[0].clamp(0, 1)
        return torch.cat([colours, alpha])

    return step


def leaves(steps: Sequence[str], finished: Tensor) -> dict[str, bytes]:
    """Return what `steps` leave beside the picture `finished`, (3 or 4, H, W), by the ending of the name."""
    found: dict[str, bytes] = {}
    for step in steps:
        if name_of(step) in LEAVES.names():
            found |= LEAVES[name_of(step)](finished, *_numbers(step))
    return found


def enlarged(steps: Sequence[str], times: int) -> tuple[str, ...]:
    """Return the chain of `steps` for a picture `times` as large: enlarged last, but before `crisp`.

    So the lines that `crisp` makes are as fine as the large picture allows.
    """
    names = [name_of(step) for step in steps]
    at = names.index("crisp") if "crisp" in names else len(steps)
    return (*steps[:at], *([f"upscale:{times}"] if times > 1 else []), *steps[at:])


def enlargement(steps: Sequence[str]) -> int:
    """Return how many times as wide and high a picture is after the chain of `steps`, rounded up."""
    times = (number for step in steps if step.startswith("upscale:") for number in _numbers(step))
    return math.ceil(math.prod(times))


def _check_ranges(step: str, annotations: Sequence[tuple[str, object]], numbers: tuple[float, ...]) -> None:
    for (parameter, annotation), number in zip(annotations, numbers, strict=False):
        for each in get_args(annotation):
            if isinstance(each, Range) and not each.low <= number <= each.high:
                raise UsageError(
                    f"--finish {step}: {parameter} goes from {each.low:g} to {each.high:g}. "
                    f"Type for example {name_of(step)}:{each.high:g}."
                )
