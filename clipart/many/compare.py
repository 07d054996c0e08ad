"""Every picture judged against every prompt, so that one sees what a change of words does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from clipart.critic.judge import Judge
from clipart.device import pick_device
from clipart.layout import lay_out
from clipart.many.tasks import Outcome
from clipart.pictures import from_pil, on_white
from clipart.session import shared_clip
from clipart.shelf import Shelf
from clipart.surroundings import as_needed


@dataclass(frozen=True)
class Judged:
    """A picture and its match with each prompt, 0 to 1: the least of the wanted parts, as in `Outcome`."""

    outcome: Outcome
    matches: tuple[float, ...]


@as_needed()
def judge_all(outcomes: Sequence[Outcome], prompts: Sequence[str], shelf: Shelf) -> tuple[str, list[Judged]]:
    """Return the name of the judge, and each picture of `outcomes` judged against each of `prompts`.

    It is one judge for all: that of the first recipe. Pictures that are not there are left out.

    Raises:
        ModelError: the judge is not on this machine.
    """
    made = [each for each in outcomes if each.picture is not None]
    if not made:
        return "", []
    first = made[0].recipe.resolve()
    device, name = pick_device(first.device), str(first.judge)
    with shelf.used():
        clip = shared_clip(name, device, first.precision)
        judges = []
        for prompt in prompts:
            asked = first.with_(prompt=prompt, no=(), place=()).resolve()
            judges.append(
                Judge(clip, asked.parts, lay_out(asked.parts, apart=asked.layout == "apart", boxes=()))
            )
    found = []
    for each in made:
        image = from_pil(on_white(each.image))[None]
        checks = [judge.check(image, each.steps) for judge in judges]
        matches = (min(r.match for r in check.readings if r.weight > 0) for check in checks)
        found.append(Judged(each, tuple(matches)))
    return name, found


@dataclass(frozen=True)
class Group:
    """Pictures that differ by their seed alone, and the mean of their matches with each prompt."""

    rows: tuple[Judged, ...]
    matches: tuple[float, ...]


def means(rows: Sequence[Judged], key: Callable[[Judged], str]) -> list[tuple[str, Group]]:
    """Return the rows with the same `key` together, in order, with the means of their matches."""
    groups: dict[str, list[Judged]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [
        (name, Group(tuple(each), tuple(map(fmean, zip(*(row.matches for row in each), strict=True)))))
        for name, each in groups.items()
    ]
