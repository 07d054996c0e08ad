"""More like a picture: of its recipe with other seeds, of what a critic sees in it, or of both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.pictures import open_picture
from clipart.prompt import MAX_WEIGHT
from clipart.recipe import Recipe, make_recipe
from clipart.record.metadata import read_origin, require_harmless
from clipart.settle import on_this_machine
from clipart.shown import write_shown
from clipart.text import kept_name
from clipart.values import one_or_more

SEEDS, HOW_MUCH = 6, 0.5
_DECIMALS = 3  # of the weight of the picture


def more(
    picture: str | os.PathLike[str],
    *,
    seeds: int = SEEDS,
    how_much: float = HOW_MUCH,
    folder: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    **settings: Any,
) -> Iterator[Any]:
    """Make pictures like `picture`, and yield what came of each, as `clipart.sweep` does.

    Args:
        picture: a picture, made by clipart or not.
        seeds: how many, 1 to `limits.PICTURES`.
        how_much: the share, 0 to 1, that the picture has in what is asked for, beside its recipe's prompt.
            At 0 it is the recipe alone with other seeds, at 1 the picture alone.
        folder: gets the runs and a sheet; by default a folder of its own under `outputs`.
        jobs: pictures that are made at the same time.
        settings: fields of a recipe, in place of those of the picture's recipe. A file that this names has
            to be among them, as a recipe must not choose files.

    Raises:
        UsageError: it is no picture; `how_much` is 0 and there is no recipe in it; something is out of range.
    """
    from clipart.many.api import sweep

    path = Path(picture)
    recipes = recipes_like(path, seeds, how_much, settings)
    return sweep(recipes, folder=folder or folder_of(path), jobs=jobs)


def folder_of(picture: Path) -> Path:
    """Return where pictures like `picture` go if nobody says it."""
    return Path("outputs") / f"more-{picture.stem}"


def recipes_like(picture: Path, seeds: int, how_much: float, settings: dict[str, Any]) -> list[Recipe]:
    """Return `seeds` recipes for pictures like `picture`; `more` says how.

    Raises:
        UsageError: as `more`.
    """
    if not 1 <= seeds <= limits.PICTURES:
        raise UsageError(f"{seeds} seeds: from 1 to {limits.PICTURES:,}.")
    if not 0 <= how_much <= 1:
        raise UsageError(f"--how-much {how_much:g}: from 0, the recipe alone, to 1, the picture alone.")
    open_picture(picture)
    before = _recipe_of(picture)
    if before is None and how_much == 0:
        raise UsageError(f"{picture}: there is no recipe in it. Type --how-much 1 for what is seen in it.")
    if before is None or how_much == 1:
        base = _alone(picture, before, settings)
    else:
        base = _beside(picture, before, how_much, settings)
    first = 1 if before is None or before.seed is None else before.seed + 1
    return [base.with_(seed=first + k) for k in range(seeds)]


def _alone(picture: Path, before: Recipe | None, settings: dict[str, Any]) -> Recipe:
    """Return a recipe of what is seen in `picture`, with the settings of `before` but for its prompt."""
    shown = {"image_prompt": (kept_name(str(picture)), *one_or_more(settings.get("image_prompt", ())))}
    if before is None:
        return make_recipe({"prompt": ""} | settings | shown)
    require_harmless(before, settings | shown)
    return before.with_(**{"prompt": "", "no": (), "place": ()} | settings | shown)


def _beside(picture: Path, before: Recipe, how_much: float, settings: dict[str, Any]) -> Recipe:
    """Return `before` with `picture` as a part, of which the share is `how_much`."""
    require_harmless(before, settings)
    base = before.with_(**settings)
    wanted = sum(part.weight for part in base.parts.parts if part.weight > 0)
    weight = min(MAX_WEIGHT, round(wanted * how_much / (1 - how_much), _DECIMALS))
    shown = write_shown(kept_name(str(picture)), weight)
    return base.with_(image_prompt=(*base.image_prompt, shown)) if weight else base


def _recipe_of(picture: Path) -> Recipe | None:
    """Return the recipe in a picture, None if there is none that can be read."""
    try:
        return on_this_machine(read_origin(picture).recipe)
    except ClipartError:
        return None
