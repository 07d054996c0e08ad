"""`--explain-every`: a film of where the parts are found, beside the other files of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.runs import Result

NAME = "explained.mp4"


def with_heats(
    recipe: Recipe,
    every: int | None,
    consumers: Sequence[Consumer],
    run: Callable[[Sequence[Consumer]], Result],
) -> Result:
    """Return what `run` does with `consumers`, and write the film if `every` so many steps one is wanted.

    It is `NAME` in the folder of the run; of a run without one, it stands beside the picture.

    Raises:
        UsageError: `every` asks for too many looks, or whatever `run` raises.
    """
    if every is None:
        return run(consumers)
    from clipart.seeing.filming import Heats

    heats = Heats(recipe, every)
    result = run([*consumers, heats])
    path = heats.save(_beside(result.paths))
    return replace(result, paths=result.paths | {"explained": path})


def _beside(paths: dict[str, Path]) -> Path:
    if "recipe" in paths:
        return paths["recipe"].with_name(NAME)
    picture = paths["picture"]
    return picture.with_name(f"{picture.stem}-{NAME}")
