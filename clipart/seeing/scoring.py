"""Pictures scored against a prompt: what critics and judge say of every part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipart.critic.judge import Judge
from clipart.iterates import Reading
from clipart.layout import lay_out
from clipart.recipe import make_recipe
from clipart.seeing.looking import looking, pictures_in, read, still


@dataclass(frozen=True)
class Scored:
    """A picture, and what each CLIP says of the parts of the prompt.

    `judge` is the name of the one whose word counts; `by` has the readings of all, by name, the judge's last.
    """

    path: Path
    judge: str
    by: dict[str, tuple[Reading, ...]]

    @property
    def match(self) -> float:
        """The least match of the wanted parts, 0 to 1, by the judge: what pictures are ordered by."""
        return min(each.match for each in self.by[self.judge] if each.weight > 0)


def score(
    images: Sequence[Path | str] | Path | str,
    prompt: str,
    *,
    clip: Sequence[str] | str | None = None,
    judge: str | None = None,
    layout: str = "auto",
) -> list[Scored]:
    """Score pictures against a prompt, the best first.

    Args:
        images: files, or folders with pictures or runs.
        prompt: as for a run; things are looked for where a run would place them.
        clip: the critic, or several; the embedded one by default.
        judge: the CLIP whose match counts; by default the one that a run with these critics believes.
        layout: "apart", "blend", or "auto" as in a run: with embedded critics each thing in its place.

    Raises:
        UsageError: no pictures; something is no picture; a wrong prompt.
        ModelError: a CLIP is not on this machine.
    """
    asked = {"prompt": prompt, "clip": clip, "judge": judge, "layout": layout}
    recipe = make_recipe({name: value for name, value in asked.items() if value is not None}).resolve()
    laid = lay_out(recipe.parts, apart=recipe.layout == "apart")
    last = str(recipe.judge)
    names = [*(spec.name for spec in recipe.clip if spec.name != last), last]
    found = []
    paths = pictures_in(images)
    with still():
        judges = {name: Judge(looking(name), recipe.parts, laid) for name in names}
        for path in paths:
            image = read(path)
            by = {name: each.check(image, 0).readings for name, each in judges.items()}
            found.append(Scored(path, last, by))
    return sorted(found, key=lambda each: -each.match)
