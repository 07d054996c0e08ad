"""`clipart parse`: how a prompt is understood, and what of it the CLIP can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.advice import strange
from clipart.cli.habits import habits
from clipart.cli.options import Json, NoColor, Words, option
from clipart.cli.progress import shorten
from clipart.knobs import knobs
from clipart.models.registry import default
from clipart.shown import parts_of
from clipart.template import MARK, read_template

if TYPE_CHECKING:
    from rich.text import Text

    from clipart.cli.sink import Sink
    from clipart.prompt import Part, Prompt

CLIP = default("clip")
NARROW = 50  # columns below which the parts stand below one another, without a table
AWAY = str(knobs()["no"].description)
WHOSE = "preset whose template is taken"
AROUND = str(knobs()["template"].description)


def parse(
    context: typer.Context,
    words: Words = None,
    no: Annotated[list[str] | None, option("--no", "--negative", about=AWAY, metavar="TEXT")] = None,
    template: Annotated[str | None, option("--template", about=AROUND, metavar="TEXT")] = None,
    preset: Annotated[str | None, option("--preset", "-p", about=WHOSE, metavar="NAME")] = None,
    clip: Annotated[str, option("--clip", about="CLIP whose tokens are shown", value=CLIP)] = CLIP,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Show the parts of a prompt with their weights and tokens, and the words that the CLIP does not read."""
    from clipart.cli.reading import one_prompt, preset_settings

    sink = context.obj.choose(json=json, no_color=no_color)
    prompt = one_prompt(words, "clipart parse")
    around = template if template is not None else preset_settings({"preset": preset}).get("template", MARK)
    parts = parts_of(prompt, no or (), (), read_template(around))
    show_prompt(sink, parts, clip)
    for hint in habits(prompt):
        sink.note(hint)
    if hint := strange(parts, [clip]):
        sink.note(hint)


@dataclass(frozen=True)
class Reach:
    """A part in the tokens of a CLIP, how many it can read, and the words that fall beyond."""

    tokens: tuple[str, ...]
    limit: int
    lost: tuple[str, ...]


def show_prompt(sink: Sink, prompt: Prompt, clip: str) -> None:
    """Print the parts of `prompt`, with the tokens that the CLIP called `clip` makes of them.

    A concept has the tokens of its word.
    """
    from clipart.critic.concepts import as_words

    reaches = [reach(clip, as_words(part.text)) for part in prompt.parts]
    of = places_of(prompt, clip)
    sink.event("parse", prompt=str(prompt), clip=clip, parts=_plain(prompt, reaches, of))
    sink.show(_table(prompt, reaches, of) if sink.out.width >= NARROW else _list(prompt, reaches, of))
    for part, found in zip(prompt.parts, reaches, strict=True):
        if found.lost:
            sink.warn(
                f"{clip} reads {found.limit} tokens of a part, and {shorten(part.text)!r} has "
                f"{len(found.tokens)}.\nIt does not see: {' '.join(found.lost)}\n"
                "Shorten the part, or split it in two with ::"
            )


def places_of(prompt: Prompt, clip: str) -> tuple[int | None, ...]:
    """Return the place, from 1, of every part if `clip` is climbed by itself; None is all of the picture."""
    from clipart.layout import lay_out
    from clipart.models.registry import traits

    layout = lay_out(prompt, apart=traits([clip]).layout == "apart")
    return tuple(None if place is None else place + 1 for place in layout.of)


def reach(clip: str, text: str) -> Reach:
    """Return `text` in tokens, and its words that lie, wholly or in part, beyond the CLIP's context."""
    from clipart.models.tokens import tokens

    found, limit = tokens(clip, text)
    words, kept = text.split(), 0
    if len(found) <= limit:
        kept = len(words)
    else:  # tokens never reach over a space, so the longest beginning that fits can be searched for
        beyond = len(words)
        while kept + 1 < beyond:
            middle = (kept + beyond) // 2
            if len(tokens(clip, " ".join(words[:middle]))[0]) <= limit:
                kept = middle
            else:
                beyond = middle
    return Reach(tuple(_readable(each) for each in found), limit, tuple(words[kept:]))


def _readable(token: str) -> str:
    """Return a token of the byte-pair vocabulary as text; bytes that are no whole letter become U+FFFD."""
    token = token.removesuffix("</w>")
    if token.isascii():
        return token
    from clipart.models.bytepairs import letters

    bytes_of = {letter: byte for byte, letter in enumerate(letters())}
    if not any(letter in bytes_of for letter in token):  # it is text already, in another script
        return token
    return bytes(bytes_of[letter] for letter in token if letter in bytes_of).decode(errors="replace")


def _plain(prompt: Prompt, reaches: list[Reach], of: tuple[int | None, ...]) -> list[dict[str, Any]]:
    return [
        {
            "text": part.text,
            "weight": part.weight,
            "share": share,
            "place": place,
            "emphasis": [{"text": part.text[s.start : s.end], "weight": s.weight} for s in part.spans],
            "tokens": list(found.tokens),
            "limit": found.limit,
            "lost": list(found.lost),
        }
        for part, share, found, place in zip(prompt.parts, prompt.shares(), reaches, of, strict=True)
    ]


def _table(prompt: Prompt, reaches: list[Reach], of: tuple[int | None, ...]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("weight", "share", "place"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("part")
    table.add_column("tokens", justify="right", no_wrap=True)
    for part, share, found, place in zip(prompt.parts, prompt.shares(), reaches, of, strict=True):
        style, tokens = "red" if part.weight < 0 else "green", _tokens(found)
        table.add_row(
            Text(f"{part.weight:g}"),
            Text(f"{share:.0%}", style),
            Text("all" if place is None else str(place)),
            Text("\n").join([_emphasised(part), tokens]),
            Text(f"{len(found.tokens)} of {found.limit}", "red" if found.lost else ""),
        )
    return table


def _list(prompt: Prompt, reaches: list[Reach], of: tuple[int | None, ...]) -> Any:
    """Return what the table says as lines for a narrow screen."""
    from rich.text import Text

    lines = []
    for part, share, found, place in zip(prompt.parts, prompt.shares(), reaches, of, strict=True):
        numbers = f"weight {part.weight:g}, share {share:.0%}, place {'all' if place is None else place}"
        lines += [_emphasised(part), Text(numbers), _tokens(found)]
        lines.append(Text(f"{len(found.tokens)} of {found.limit} tokens\n"))
    return Text("\n").join(lines)


def _tokens(found: Reach) -> Text:
    from rich.text import Text

    tokens = Text(" · ".join(found.tokens[: found.limit]), "dim")
    if found.lost:
        tokens.append(" · ", "dim").append(" · ".join(found.tokens[found.limit :]), "red strike")
    return tokens


def _emphasised(part: Part) -> Text:
    """Return a part with its emphasis on show."""
    from rich.text import Text

    text, end = Text(style="bold"), 0
    for span in part.spans:
        text.append(part.text[end : span.start])
        text.append(part.text[span.start : span.end], "cyan" if span.weight > 1 else "dim")
        text.append(f" x{span.weight:g}", "not bold cyan")
        end = span.end
    return text.append(part.text[end:])
