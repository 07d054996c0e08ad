"""`clipart sweep`: the product of prompts, presets, values and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart import limits
from clipart.cli.axes import SEEDS, read_axes, read_seeds, recipes_of
from clipart.cli.downloads import fetch_typed
from clipart.cli.many import Plan, make_all, many_options
from clipart.cli.options import Words, option, own, takes
from clipart.cli.progress import percent
from clipart.cli.reading import one_prompt, typed_settings
from clipart.cli.sink import Invocation
from clipart.files import require_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clipart.cli.sink import Sink
    from clipart.many.tasks import Outcome

PRESETS = "presets to begin with, between commas"
SETTINGS = "values of a setting, between commas (repeatable)"
DRY = "say how many pictures, and about how long; make none"
SHOWN = 40  # rows of the table


def axis_options(seeds: str) -> dict[str, Any]:
    """Return the options that are axes: presets, settings and seeds."""
    return {
        "seeds": own(str, "--seeds", about=SEEDS, value=seeds, metavar="SEEDS"),
        "preset": own(str, "--preset", "-p", about=PRESETS, metavar="NAMES"),
        "set": own(list[str], "--set", about=SETTINGS, metavar="NAME=VALUES"),
        "dry_run": Annotated[bool, option("--dry-run", about=DRY)],
    }


@takes(words=Words, **axis_options("1"), **many_options("seed", "preset", "set"))
def sweep(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Make every combination of prompts, presets, values and seeds, with a sheet and a table, best first.

    Several prompts are written in one with braces: "a {red,green} apple". A brace that is meant is written
    with a backslash before it. Typed again, it skips what is done and goes on with what was cut off.
    """
    from clipart.many.braces import choices

    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    prompt = one_prompt(words, "clipart sweep")
    plan = plan_of(sink, invocation, choices(prompt), given, given["seeds"] or "1", f"sweep-{_slug(prompt)}")
    if given["dry_run"]:
        raise typer.Exit
    make_all(sink, plan, lambda found: _table(sink, plan.axes, found))


def _slug(prompt: str) -> str:
    from clipart.record.files import slug

    return slug(prompt)


def plan_of(
    sink: Sink, invocation: Invocation, prompts: Sequence[str], given: dict[str, Any], seeds: str, name: str
) -> Plan:
    """Return the plan of the product of what was typed, after saying how many and about how long.

    Raises:
        UsageError, ModelError: what was typed is wrong, or cannot be made on this machine.
    """
    axes = read_axes(prompts, given, read_seeds(seeds, limits.PICTURES))
    recipes, places = recipes_of(axes, given)
    folder = given["folder"] or Path("outputs") / name
    require_folder(folder)
    fetch_typed(sink, typed_settings(given | {"set": None}))
    from clipart.many.checks import require_all
    from clipart.many.estimate import estimate
    from clipart.many.sheets import head
    from clipart.many.tasks import look, make_tasks
    from clipart.shelf import Shelf

    several = [name for name, values in axes.items() if len(values) > 1]
    where = [head(at, several) or at["prompt"] for at in places]
    tasks = make_tasks(recipes, where, places)
    require_all(tasks)
    left = [task for task in tasks if not look(folder, task.name).done]
    plan = Plan(tasks, folder, given, invocation.typed, "; ".join(prompts)[:200], axes, shelf=Shelf())
    plan.seconds = estimate(left, plan.jobs, plan.shelf) if left and plan.shelf else 0.0
    plan.announce(sink)
    return plan


def _table(sink: Sink, axes: Mapping[str, Sequence[str]], found: Sequence[Outcome]) -> None:
    """Show the judge's matches, best first."""
    from rich.table import Table

    several = [name for name, values in axes.items() if len(values) > 1] or ["prompt"]
    seen = sorted((each for each in found if each.match is not None), key=lambda each: -(each.match or 0))
    table = Table("match", *several, box=None, padding=(0, 2, 0, 1), header_style="dim")
    for each in seen[:SHOWN]:
        table.add_row(percent(each.match or 0.0), *(each.axes[name] for name in several))
    if seen:
        sink.show("", table)
    if len(seen) > SHOWN:
        sink.show(f" and {len(seen) - SHOWN} more, in index.csv")
