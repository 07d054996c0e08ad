"""What a finished run says: what each part reached, why it stopped, where the files are, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipart.cli.progress import Narrow, clock, parts, percent, readings, speed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clipart.recipe import Recipe
    from clipart.run import Result


def stop_reason(result: Result, signal_name: str = "Ctrl-C") -> str:
    """Return in words what ended the run."""
    recipe, target = result.recipe, result.recipe.target
    goal = "" if target is None else percent(target.value) if target.percent else f"cosine {target.value:g}"
    missed = f", before every part reached {goal}" if goal else ""
    return {
        "score": f"every part reached {goal} at step {result.steps}",
        "steps": f"all {result.steps} steps are done{missed}",
        "seconds": f"{recipe.seconds or 0:g} s are over at step {result.steps}{missed}",
        "interrupted": f"{signal_name} at step {result.steps} of {recipe.steps}",
        "diverged": f"the numbers ran away at step {result.steps}; this is the last good picture",
    }[result.stop]


def summarise(result: Result, again: str, signal_name: str) -> list[RenderableType]:
    """Return the summary of a run, to be printed line by line."""
    from rich.text import Text

    stepping = result.timings.get("steps", result.seconds)
    rate = f"   {speed(result.steps / stepping)}" if stepping and result.steps else ""
    rows = [
        ("stopped", stop_reason(result, signal_name)),
        ("time", f"{clock(result.seconds)}{rate}"),
        ("seed", str(result.recipe.seed)),
        *((name, str(path)) for name, path in result.paths.items()),
        ("again", again),
    ]
    styles = {"picture": "bold cyan", "again": "green"}
    lines = [Text.assemble((f" {n:<8} ", "dim"), (value, styles.get(n, ""))) for n, value in rows]
    return ["", Narrow(parts(result.check, result.recipe.target)), "", *lines, ""]


def done_event(result: Result, exit_code: int, again: str) -> dict[str, Any]:
    """Return the summary of a run as plain values."""
    return {
        "stop": result.stop,
        "steps": result.steps,
        "seconds": result.seconds,
        "timings": result.timings,
        "seed": result.recipe.seed,
        "readings": readings(result.check),
        "paths": {name: str(path) for name, path in result.paths.items()},
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
