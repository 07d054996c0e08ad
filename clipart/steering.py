"""Weights that change on the way: `--steer STEP=WEIGHT,...`, one weight for each part, from that step on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from clipart.errors import UsageError
from clipart.prompt import MAX_WEIGHT, Prompt
from clipart.values import number

if TYPE_CHECKING:
    from clipart.recipe import Recipe

_STEER = re.compile(r"\s*(\d{1,7})\s*=\s*([^=]+)")


def read_steer(text: str) -> tuple[int, tuple[float, ...]]:
    """Read `150=1,0.5`: a step, and the weights from that step on, in the order of the parts.

    Raises:
        UsageError: it is of no such form, or a weight is out of range.
    """
    found = _STEER.fullmatch(text)
    try:
        weights = tuple(float(each) for each in found[2].split(",")) if found else ()
    except ValueError:
        weights = ()
    if not found or not weights or int(found[1]) < 1:
        raise UsageError(
            f"--steer {text[:40]!r}: type STEP=WEIGHT,WEIGHT, a step from 1 on and a weight for each part of "
            "the prompt in its order. For example --steer 150=1,0.5"
        )
    if not all(-MAX_WEIGHT <= weight <= MAX_WEIGHT for weight in weights):
        raise UsageError(f"--steer {text[:40]}: weights go from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}.")
    return int(found[1]), weights


def read_weights(text: str | None) -> tuple[float, ...] | None:
    """Read `1,0.5`, what is typed for --weights; None stays None.

    Raises:
        UsageError: a weight is no number, or out of range.
    """
    if text is None:
        return None
    try:
        return read_steer(f"1={text}")[1]
    except UsageError:
        raise UsageError(
            f"--weights {text[:40]!r}: type a number from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g} for each part of "
            "the prompt, in its order, with commas between. For example --weights 1,0.5"
        ) from None


def canonical_steer(text: str) -> str:
    """Return it as a recipe keeps it."""
    return write_steer(*read_steer(text))


def write_steer(step: int, weights: Sequence[float]) -> str:
    """Return what `read_steer` reads."""
    return f"{step}={','.join(number(weight) for weight in weights)}"


def require_steerable(recipe: Recipe) -> None:
    """See that what `recipe` says of weights on the way fits its parts.

    Raises:
        UsageError: there are more or fewer weights than parts, a part would change its sign, or nothing would
            be drawn.
    """
    parts = recipe.parts.parts
    for text in recipe.steer:
        _, weights = read_steer(text)
        named = ", ".join(f"{part.text} {number(part.weight)}" for part in parts)
        if len(weights) != len(parts):
            raise UsageError(
                f"--steer {text}: the prompt has {len(parts)} parts, and {len(weights)} weights are typed. "
                f"Type one for each: {named}."
            )
        for part, weight in zip(parts, weights, strict=True):
            if part.weight * weight < 0 or (part.weight == 0 and weight != 0):
                raise UsageError(
                    f"--steer {text}: {part.text} begins with the weight {number(part.weight)}, and keeps "
                    "its sign. Type a weight of the same sign, or 0."
                )
        if sum(weights) <= 0:
            raise UsageError(f"--steer {text}: the weights add up to more than 0. They were {named}.")


def steered(prompt: Prompt, steer: Sequence[str], step: int) -> Prompt:
    """Return `prompt` with the weights that are in force at `step` (from 1)."""
    past = [found for text in steer if (found := read_steer(text))[0] <= step]
    if not past:
        return prompt
    _, weights = max(past, key=lambda found: found[0])
    parts = zip(prompt.parts, weights, strict=True)
    return Prompt(tuple(replace(part, weight=weight) for part, weight in parts))


def steered_on(recipe: Recipe, step: int, weights: Sequence[float]) -> Recipe:
    """Return `recipe` with `weights` from the step after `step` on; what was to come later is left out.

    Raises:
        UsageError: as `require_steerable`.
    """
    before = tuple(text for text in recipe.steer if read_steer(text)[0] <= step)
    return recipe.with_(steer=(*before, write_steer(step + 1, weights)))
