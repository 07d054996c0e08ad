"""`clipart more`: more like a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipart.cli.many import Plan, make_all, many_options
from clipart.cli.options import own, takes
from clipart.cli.reading import preset_settings, settings_over
from clipart.cli.sink import Invocation

Picture = Annotated[Path, typer.Argument(metavar="FILE", help="a picture", show_default=False)]
SEEDS, HOW_MUCH = 6, 0.5
_OPTIONS = {
    "seeds": own(int, "--seeds", about="how many pictures", value=SEEDS, metavar="N", min=1, max=1000),
    "how_much": own(
        float,
        "--how-much",
        about="share of the picture: 0 its recipe alone, 1 the picture alone",
        value=HOW_MUCH,
        min=0,
        max=1,
    ),
}


@takes(picture=Picture, **_OPTIONS, **many_options("seed"))
def more(context: typer.Context, picture: Path, **given: Any) -> None:
    """Make more pictures like one: by its recipe with other seeds, by what is seen in it, or by both.

    A picture without a recipe counts by what is seen in it. What is typed replaces settings of the recipe.
    """
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    from clipart.many.checks import require_all
    from clipart.many.more import folder_of, recipes_like
    from clipart.many.tasks import make_tasks
    from clipart.shelf import Shelf

    changes = settings_over(preset_settings(given), given)
    count = given["seeds"] or SEEDS
    how_much = HOW_MUCH if given["how_much"] is None else given["how_much"]
    recipes = recipes_like(picture, count, how_much, changes)
    tasks = make_tasks(recipes, [f"seed {recipe.seed}" for recipe in recipes])
    require_all(tasks)
    folder = given["folder"] or folder_of(picture)
    plan = Plan(tasks, folder, given, invocation.typed, f"more like {picture.name}", shelf=Shelf())
    plan.announce(sink)
    make_all(sink, plan)
