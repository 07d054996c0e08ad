"""`clipart compare`: what a change of words does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.commands.sweep import axis_options, plan_of
from clipart.cli.many import make_all, many_options
from clipart.cli.options import takes
from clipart.cli.progress import percent
from clipart.cli.sink import Invocation
from clipart.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipart.cli.many import Plan
    from clipart.cli.sink import Sink
    from clipart.many.tasks import Outcome

STEPS = 150  # where nobody types --steps
SEEDS = "3"
Prompts = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROMPT...", help="what to draw, each in quotes", show_default=False),
]


@takes(words=Prompts, **axis_options(SEEDS), **many_options("seed", "preset", "set"))
def compare(context: typer.Context, words: list[str] | None, **given: Any) -> None:
    """Draw several prompts with the same seeds, and judge every picture against every prompt.

    Where --steps is not typed, a picture has 150 steps. Presets and CLIPs are compared the same way:
    --preset poster,night, and --set clip=tiny,tiny-80.
    """
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    prompts = list(dict.fromkeys(words or ()))
    if not prompts:
        raise UsageError(
            'Compare what? Type prompts in quotes: clipart compare "apple tart" "apple:: tart::"'
        )
    given["steps"] = given["steps"] or STEPS
    from clipart.record.files import slug

    plan = plan_of(sink, invocation, prompts, given, given["seeds"] or SEEDS, f"compare-{slug(prompts[0])}")
    if given["dry_run"]:
        raise typer.Exit
    make_all(sink, plan, lambda found: _table(sink, plan, prompts, found))


def _table(sink: Sink, plan: Plan, prompts: Sequence[str], found: Sequence[Outcome]) -> None:
    """Show each picture's match with each prompt, and for each prompt the mean of its pictures."""
    from rich.table import Table

    from clipart.many.compare import judge_all, means
    from clipart.many.sheets import head
    from clipart.shelf import Shelf

    judge, rows = judge_all(sorted(found, key=lambda each: each.number), prompts, plan.shelf or Shelf())
    if not rows:
        return
    names = [name for name, values in plan.axes.items() if len(values) > 1 and name != "seed"] or ["prompt"]
    for row in rows:
        matches = dict(zip(prompts, row.matches, strict=True))
        sink.event("compared", number=row.outcome.number, judge=judge, matches=matches)
    table = Table("", "seed", *(f"{n}" for n in range(1, len(prompts) + 1)), box=None, padding=(0, 2, 0, 1))
    for label, group in means(rows, lambda row: head(row.outcome.axes, names)):
        for row in group.rows:
            table.add_row(label, str(row.outcome.recipe.seed), *map(percent, row.matches))
            label = ""
        table.add_row("", "mean", *map(percent, group.matches), style="bold")
    numbers = [f" {number}  {prompt}" for number, prompt in enumerate(prompts, 1)]
    sink.show("", f" Match of each picture, by {judge}, with", *numbers, "", table)
