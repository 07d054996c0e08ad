"""What a finished run says: what each part reached, why it stopped, where the files are, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.advice import advice
from clipart.cli.progress import Narrow, Parts, clock, percent, readings, speed
from clipart.layout import SIDE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clipart.iterates import Iterate
    from clipart.recipe import Recipe
    from clipart.runs import Result

BLOCKS = "▁▂▃▄▅▆▇█"


def stop_reason(result: Result, signal_name: str = "Ctrl-C") -> str:
    """Return in words what ended the run."""
    recipe, target = result.recipe, result.recipe.until
    goal = "" if target is None else percent(target.value) if target.percent else f"cosine {target.value:g}"
    missed = f", before every part reached {goal}" if goal else ""
    return {
        "score": f"every part reached {goal} at step {result.steps}",
        "steps": f"all {result.steps} steps are done{missed}",
        "seconds": f"{recipe.seconds or 0:g} s are over at step {result.steps}{missed}",
        "interrupted": f"{signal_name} at step {result.steps} of {recipe.steps}",
        "diverged": f"infinite or not a number at step {result.steps}; the picture is from before that",
    }[result.stop]


class Trace:
    """A consumer that remembers how the least match of the wanted parts went, and draws it on one line."""

    def __init__(self, most: int = 4096) -> None:
        self._seen: list[float] = []
        self._step, self._most = -1, most

    def __call__(self, it: Iterate) -> None:
        """Take in a new look of the judge."""
        wanted = [reading.match for reading in it.check.readings if reading.weight > 0]
        if it.check.step == self._step or not wanted:
            return
        self._step = it.check.step
        self._seen.append(min(wanted))
        if len(self._seen) > self._most:
            del self._seen[1:-1:2]

    def line(self, encoding: str = "utf-8", width: int = 40) -> str:
        """Return it as a row of blocks with the first and last value, empty if there is nothing to see."""
        if len(self._seen) < 3 or not encoding.lower().startswith("utf"):
            return ""
        blocks = sparkline(self._seen, width)
        return f"{percent(self._seen[0])} {blocks} {percent(self._seen[-1])}"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return `values` in [0, 1] as at most `width` blocks: lowest for 0, highest for 1."""
    if len(values) > width:
        values = [values[round(k * (len(values) - 1) / (width - 1))] for k in range(width)]
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(max(0.0, each) * len(BLOCKS)))] for each in values)


def summarise(result: Result, again: str, signal_name: str, trace: str = "") -> list[RenderableType]:
    """Return the summary of a run, to be printed line by line."""
    from rich.text import Text

    stepping = result.timings.get("steps", result.seconds)
    taken = result.steps - result.first
    rate = f"   {speed(taken / stepping)}" if stepping and taken else ""
    rows = [
        ("stopped", stop_reason(result, signal_name)),
        ("time", f"{clock(result.seconds)}{rate}"),
        ("seed", str(result.recipe.seed)),
        *((name, str(path)) for name, path in result.paths.items()),
        ("again", again),
    ]
    if result.stop == "interrupted" and "log" in result.paths:
        from clipart.record.owner import resume_command

        rows.append(("go on", resume_command(result.paths["log"].parent)))
    if {"width", "height"} <= {*result.recipe.left} and result.recipe.shape != (SIDE, SIDE):
        height, width = result.recipe.shape
        rows.insert(0, ("size", f"{width}x{height}, for the number of things"))
    rows.insert(0, ("judge", judge_line(result.recipe)))
    if trace:
        rows.insert(0, ("match", trace))
    if hint := advice(result):
        rows.append(("hint", hint))
    styles = {"hint": "yellow", "picture": "bold cyan", "again": "green", "go on": "green"}
    lines = [Text.assemble((f" {n:<8} ", "dim"), (value, styles.get(n, ""))) for n, value in rows]
    return ["", Narrow(Parts(result.check, result.recipe.until)), "", *lines, ""]


def judge_line(recipe: Recipe) -> str:
    """Return the name of the judge, and why its word counts less where it does."""
    from clipart.models.registry import descendants

    judge, critics = str(recipe.judge), recipe.critics
    if judge in critics:
        return f"{judge} (not independent: the picture climbed it)"
    began = descendants(judge, critics)
    return f"{judge} (not independent: {began[0]} was trained from it)" if began else judge


def done_event(result: Result, exit_code: int, again: str) -> dict[str, Any]:
    """Return the summary of a run as plain values."""
    return {
        "stop": result.stop,
        "steps": result.steps,
        "seconds": result.seconds,
        "seed": result.recipe.seed,
        "readings": readings(result.check),
        "paths": {name: str(path) for name, path in result.paths.items()},
        "timings": result.timings,
        "again": again,
        "exit_code": exit_code,
    }


def again(typed: Sequence[str], recipe: Recipe, seed_given: bool) -> str:
    """Return the command that makes the same picture: what was typed, and the seed if it was drawn."""
    words = list(typed)
    if not seed_given:
        end = words.index("--") if "--" in words else len(words)
        words[end:end] = ["--seed", str(recipe.seed)]
    return shlex.join(["clipart", *words])
