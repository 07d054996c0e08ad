"""`--explain-every`: a film of where the parts are found, beside the other files of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from clipart.cli.drive import Consumer
    from clipart.recipe import Recipe
    from clipart.runs import Result

NAME = "explained.mp4"


def with_heats(
    recipe: Recipe,
    every: int | None,
    consumers: Sequence[Consumer],
    run: Callable[[Sequence[Consumer]], Result],
    held: Mapping[str, Tensor] | None = None,
) -> Result:
    """Return what `run` does with `consumers`, and write the film if `every` so many steps one is wanted.

    It is `NAME` in the folder of the run; of a run without one, it stands beside the picture. A run that goes
    on from step 150 leaves the film that is there, and writes `explained-from-150.mp4`. `held` are the
    pictures among the parts of its prompt, by key; without it, their files are read.

    Raises:
        UsageError: `every` asks for too many looks, or whatever `run` raises.
    """
    if every is None:
        return run(consumers)
    from clipart.seeing.filming import Heats

    heats = Heats(recipe, every, held=held)
    result = run([*consumers, heats])
    path = heats.save(_beside(result.paths, heats.first or 0))
    return replace(result, paths=result.paths | {"explained": path})


def _beside(paths: dict[str, Path], first: int) -> Path:
    if "recipe" in paths:
        path = paths["recipe"].with_name(NAME)
        return path.with_stem(f"{path.stem}-from-{first}") if first else path
    picture = paths["picture"]
    return picture.with_name(f"{picture.stem}-{NAME}")
