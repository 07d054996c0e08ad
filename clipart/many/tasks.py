"""What is to be made, and what of it is there already: tasks, their folders, and what came of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.pictures import open_picture
from clipart.record.files import slug
from clipart.record.folder import CHECKPOINTS, Folder
from clipart.record.log import read_log

if TYPE_CHECKING:
    from PIL.Image import Image

    from clipart.iterates import Reading
    from clipart.recipe import Recipe

State = Literal["made", "there", "cut", "failed"]
DIVERGED = "the loss became infinite or not a number; try a lower lr, or another optimizer"
_PICTURE, _LOG = "picture.png", "log.jsonl"
_MOST = 10_000  # folders of one name


@dataclass(frozen=True)
class Task:
    """A picture that is to be made: a recipe with its seed.

    `where` says where it was asked for, such as "line 3". `axes` are its values on the axes of a sweep, by
    their names.
    """

    number: int
    recipe: Recipe
    where: str = ""
    axes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The name of its folder: words of the prompt, the seed, and 8 digits of a hash of the recipe.

        So it is found again by what it is, wherever in a file it stands.
        """
        return f"{slug(self.recipe.title)}-{self.recipe.seed}-{_digest(self.recipe)[:8]}"


@dataclass(frozen=True)
class Outcome:
    """What came of a recipe among many.

    Attributes:
        number: its place among the recipes, from 1.
        recipe: as it was asked for, with its seed.
        state: "made"; "there": it had been made before; "cut": stopped on its way; "failed".
        reason: why it failed, empty otherwise.
        folder: of the run, None where there is none.
        readings: what the judge saw last.
        steps, seconds: how far the run went, and how long it took.
        where: where it was asked for, such as "line 3".
        axes: its values on the axes of a sweep.
    """

    number: int
    recipe: Recipe
    state: State
    reason: str = ""
    folder: Path | None = None
    readings: tuple[Reading, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    where: str = ""
    axes: Mapping[str, str] = field(default_factory=dict)

    @property
    def match(self) -> float | None:
        """The least of the judge's matches of the wanted parts, 0 to 1; None if it has seen nothing."""
        found = [reading.match for reading in self.readings if reading.weight > 0]
        return min(found) if found and all(map(math.isfinite, found)) else None

    @property
    def picture(self) -> Path | None:
        """The path of the picture, None where there is none."""
        path = self.folder / _PICTURE if self.folder is not None else None
        return path if path is not None and path.is_file() else None

    @property
    def image(self) -> Image:
        """The picture as a PIL image, read from its file.

        Raises:
            UsageError: there is none; the message has the reason.
        """
        if self.folder is None or self.picture is None:
            raise UsageError(f"Recipe {self.number} has no picture ({self.reason or self.state}).")
        Folder(self.folder).has(_PICTURE)
        return open_picture(self.picture)


@dataclass(frozen=True)
class Found:
    """What is on the disk of a task; `done`: it has come to its own end, and its picture is there."""

    folder: Path | None = None
    done: bool = False
    stop: str | None = None
    readings: tuple[Reading, ...] = ()
    steps: int = 0
    seconds: float = 0.0


def look(base: Path, name: str) -> Found:
    """Return what is there of the run called `name` in `base`: done, or to be resumed, or nothing."""
    for number in range(1, _MOST):
        folder = base / (name if number == 1 else f"{name}-{number}")
        if not folder.is_dir():
            break
        found = _look_into(folder)
        if found is not None:
            return found
    return Found()


def _look_into(path: Path) -> Found | None:
    """Return what is in the folder of a run, None where it cannot go on from it."""
    with Folder.open(path) as folder:
        lines = read_log(folder.slot(_LOG)) if folder.has(_LOG) else []
        has_picture = folder.has(_PICTURE)
        goes_on = folder.has(CHECKPOINTS, "folder") and any(
            name.endswith(".safetensors") for name in folder.sub(CHECKPOINTS).names()
        )
    stop = lines[-1].stop if lines else None
    done = has_picture and stop not in (None, "interrupted")
    if not done and not goes_on:
        return None
    readings = next((line.readings for line in reversed(lines) if line.readings is not None), ())
    last = lines[-1] if lines else None
    return Found(path, done, stop, readings, last.step if last else 0, last.seconds if last else 0.0)


def outcome(task: Task, state: State, base: Path, reason: str = "") -> Outcome:
    """Return what came of `task`, with what its folder in `base` says of it."""
    try:
        found = look(base, task.name)
    except ClipartError as error:
        found, reason = Found(), reason or str(error)
        state = "failed"
    if found.done and found.stop == "diverged":
        state, reason = "failed", reason or DIVERGED
    return Outcome(
        task.number,
        task.recipe,
        state,
        reason,
        found.folder,
        found.readings,
        found.steps,
        found.seconds,
        task.where,
        task.axes,
    )


def make_tasks(
    recipes: Iterable[Recipe],
    where: Sequence[str] = (),
    axes: Sequence[Mapping[str, str]] = (),
    first_seed: int = 1,
) -> list[Task]:
    """Return the tasks of `recipes`, each with a seed.

    A recipe without one gets the least seed from `first_seed` on that makes another picture than the others:
    the same prompt three times has the seeds 1, 2 and 3. So it is the same seed when it is asked for again.

    Raises:
        UsageError: none, or more than `clipart.limits.PICTURES`; or two that make the same picture.
    """
    recipes = list(recipes)
    if not 1 <= len(recipes) <= limits.PICTURES:
        raise UsageError(
            f"{len(recipes):,} pictures are asked for; 1 to {limits.PICTURES:,} can be made at once."
        )
    places = list(where) or [f"recipe {number}" for number in range(1, len(recipes) + 1)]
    taken: dict[str, str] = {}
    for recipe, place in zip(recipes, places, strict=True):
        if recipe.seed is not None and (first := taken.setdefault(_digest(recipe), place)) != place:
            raise UsageError(f"{place}: the same picture as {first}. Leave one out, or give it another seed.")
    free: dict[str, Iterator[int]] = {}  # by the hash without a seed: the seeds that were not tried yet
    seeded = [each if each.seed is not None else _seeded(each, taken, free, first_seed) for each in recipes]
    found = axes or [{}] * len(recipes)
    rows = zip(seeded, places, found, strict=True)
    return [Task(number, *row) for number, row in enumerate(rows, 1)]


def _seeded(recipe: Recipe, taken: dict[str, str], free: dict[str, Iterator[int]], first: int) -> Recipe:
    for seed in free.setdefault(_digest(recipe), count(first)):
        chosen = recipe.model_copy(update={"seed": seed})
        if (digest := _digest(chosen)) not in taken:
            taken[digest] = ""
            return recipe.with_(seed=seed)
    raise AssertionError  # pragma: no cover (there are always more seeds than pictures)


def _digest(recipe: Recipe) -> str:
    """Return a hash of what a recipe says, as it was asked for; settings with their defaults do not count."""
    values = recipe.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
