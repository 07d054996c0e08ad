"""`clipart score`: pictures against a prompt, the best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.options import Json, NoColor, option
from clipart.cli.progress import percent, readings_of, shorten
from clipart.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipart.seeing import Scored

Things = Annotated[
    list[str] | None,
    typer.Argument(metavar='IMAGE... "PROMPT"', help="pictures, and the prompt last", show_default=False),
]


def score(
    context: typer.Context,
    things: Things = None,
    clip: Annotated[
        list[str] | None, option("--clip", about="critic to ask (repeatable); default: tiny", metavar="NAME")
    ] = None,
    judge: Annotated[
        str | None, option("--judge", about="CLIP whose match orders the pictures", metavar="NAME")
    ] = None,
    layout: Annotated[
        str, option("--layout", about="auto, apart or blend: where parts are looked for", value="auto")
    ] = "auto",
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Say how well pictures fit a prompt, by critic and judge, the best first."""
    sink = context.obj.choose(json=json, no_color=no_color)
    *images, prompt = things or [""]
    if not images:
        raise UsageError('Score what? Type pictures, then the prompt: clipart score a.png b.png "a cat"')
    from clipart.seeing import score as score_all

    found = score_all(images, prompt, clip=clip or None, judge=judge, layout=layout)
    for each in found:
        said = {name: readings_of(readings) for name, readings in each.by.items()}
        sink.event("scored", path=each.path, judge=each.judge, match=each.match, by=said)
    sink.show(_table(found))


def _table(found: Sequence[Scored]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names = list(found[0].by)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("picture", overflow="fold")
    table.add_column("part", overflow="fold")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column("cosine", justify="right", no_wrap=True, style="dim")
    for each in found:
        label = str(each.path)
        for rows in zip(*each.by.values(), strict=True):
            cells = [cell for row in rows for cell in (percent(row.match), f"{row.cosine:.2f}")]
            table.add_row(label, shorten(rows[0].text), *cells)
            label = ""
    return table
