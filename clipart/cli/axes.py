"""The axes of a sweep as they are typed: prompts, presets, values of settings, seeds; and their product."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from clipart.cli.assignments import read_set
from clipart.cli.reading import read_recipe
from clipart.errors import UsageError
from clipart.rng import MAX_SEED

if TYPE_CHECKING:
    from clipart.recipe import Recipe

SEEDS = "seeds: 1-9, or 1,4,7, or a number, which is that many from 1"
_RANGE = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?")
_VALUE = re.compile(
    r"""("(?:\\.|[^"\\])*"|'[^']*'|\[(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\]])*\]|[^,"'\[]|["'\[])"""
)


def read_seeds(text: str, most: int) -> list[int]:
    """Read `1-9`, `1,4,7`, `1-3,8`, or `3`, which is 1 to 3.

    Raises:
        UsageError: it is none of these, a seed twice, or more than `most`.
    """
    pieces = [_RANGE.fullmatch(piece.strip()) for piece in text.split(",") if piece.strip()]
    if not pieces or not all(pieces):
        raise UsageError(
            f"--seeds {text[:40]}: type a range such as 1-9, a list such as 1,4,7, or how many: 3"
        )
    ends = [(int(found[1]), int(found[2] or found[1])) for found in pieces if found]
    if len(ends) == 1 and "-" not in text and "," not in text:
        ends = [(1, ends[0][0])]
    if any(first > last or last > MAX_SEED for first, last in ends) or ends[0][1] < 1:
        raise UsageError(f"--seeds {text[:40]}: a range goes up, as 1-9; a seed is at most {MAX_SEED}.")
    if sum(last - first + 1 for first, last in ends) > most:
        raise UsageError(f"--seeds {text[:40]}: more than {most:,} seeds.")
    seeds = [seed for first, last in ends for seed in range(first, last + 1)]
    if len({*seeds}) < len(seeds):
        raise UsageError(f"--seeds {text[:40]}: a seed is in it twice.")
    return seeds


def alternatives(text: str) -> list[str]:
    """Return what stands between the commas of `text`; commas in quotes or in [brackets] separate nothing.

    >>> alternatives('["clean", "flat"],clean')
    ['["clean", "flat"]', 'clean']
    """
    found, value = [], ""
    for piece in re.findall(rf"{_VALUE.pattern}|,", text):
        if piece:
            value += piece
        else:
            found.append(value.strip())
            value = ""
    return list(dict.fromkeys([*found, value.strip()]))


def read_axes(prompts: Sequence[str], given: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Return the axes by name, with their values as typed: prompt, preset, each setting of `--set`, seed.

    Raises:
        UsageError: a `--set` without a name or a value, one that is typed twice, or too many pictures.
    """
    from clipart.many.braces import require_few

    axes = {"prompt": [*prompts]}
    if given.get("preset"):
        axes["preset"] = _all_typed("--preset", given["preset"])
    for text in given.get("set") or ():
        name, equals, values = (piece.strip() for piece in text.partition("="))
        if not equals or not name:
            raise UsageError(f"--set {text}: type NAME=VALUE,VALUE, for example --set lr=0.05,0.1.")
        if name in axes or name == "seed":
            more = "Type the values of a setting in one --set, between commas." if name != "seed" else ""
            raise UsageError(f"--set {name} is typed twice. {more}".strip() if more else "Seeds: --seeds 1-9")
        axes[name] = _all_typed(f"--set {name}", values)
    axes["seed"] = [str(seed) for seed in seeds]
    require_few(math.prod(map(len, axes.values())))
    return axes


def _all_typed(flag: str, text: str) -> list[str]:
    values = alternatives(text)
    if not all(values):
        raise UsageError(f"{flag}: there is nothing between two commas.")
    return values


def recipes_of(
    axes: Mapping[str, Sequence[str]], given: dict[str, Any]
) -> tuple[list[Recipe], list[dict[str, str]]]:
    """Return the recipes of the product of `axes`, the last of which changes first, and their values.

    Raises:
        UsageError: a value that a recipe refuses.
    """
    recipes, places = [], []
    settings = [name for name in axes if name not in ("prompt", "preset", "seed")]
    for name in settings:  # a name or a value that is wrong is told once
        for value in axes[name]:
            read_set([f"{name}={value}"])
    for values in product(*axes.values()):
        at = dict(zip(axes, values, strict=True))
        typed = given | {"preset": at.get("preset"), "set": [f"{name}={at[name]}" for name in settings]}
        recipes.append(read_recipe([at["prompt"]], typed | {"seed": int(at["seed"])}))
        places.append(at)
    return recipes, places
