"""`clipart suggest`: words near a word that come out well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.advice import strange
from clipart.cli.options import Json, NoColor, option
from clipart.cli.progress import percent
from clipart.cli.reading import one_prompt

if TYPE_CHECKING:
    from clipart.seeing.suggesting import Drawn

Asked = Annotated[
    list[str] | None, typer.Argument(metavar="WORD", help="a word, or a few in quotes", show_default=False)
]


def suggest(
    context: typer.Context,
    words: Asked = None,
    most: Annotated[
        int, option("--most", about="words to suggest", value=8, metavar="N", min=1, max=100)
    ] = 8,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Say how well a word comes out with the embedded critic, and which words near it come out well.

    What is known was measured: each word of a list was drawn with several seeds, and the judge asked.
    """
    sink = context.obj.choose(json=json, no_color=no_color)
    asked = one_prompt(words, "clipart suggest")
    from clipart.models.registry import default
    from clipart.prompt import parse
    from clipart.seeing.suggesting import how
    from clipart.seeing.suggesting import suggest as suggest_near

    found = suggest_near(asked, most=most)
    own = _plain(found.own) if found.own else None
    near = [_plain(drawn) | {"cosine": cosine} for drawn, cosine in found.near]
    sink.event("suggested", word=found.word, measured=own, near=near, how=how())
    sink.show(f"{found.word}: {_said(found.own)}")
    if hint := strange(parse(found.word), [default("clip")]):
        sink.note(hint)
    width = max((len(drawn.word) for drawn, _ in found.near), default=0)
    sink.show("", "Near it, and named every time:" if found.near else "No word near it was named every time.")
    sink.show(*(f"  {drawn.word.ljust(width)}  match {percent(drawn.match)}" for drawn, _ in found.near))
    sink.show("", f"Measured with {how()}.")


def _said(drawn: Drawn | None) -> str:
    if drawn is None:
        return "not measured"
    return f"named in {drawn.first} of {drawn.tries} pictures, match {percent(drawn.match)} on average"


def _plain(drawn: Drawn) -> dict[str, Any]:
    return {"word": drawn.word, "first": drawn.first, "tries": drawn.tries, "match": drawn.match}
