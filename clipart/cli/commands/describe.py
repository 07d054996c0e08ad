"""`clipart describe`: the words that fit a picture best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipart import limits
from clipart.cli.options import Json, NoColor, option
from clipart.cli.progress import percent
from clipart.errors import UsageError
from clipart.inputs import opened

if TYPE_CHECKING:
    from clipart.seeing import Described

Images = Annotated[
    list[Path],
    typer.Argument(metavar="IMAGE...", help="pictures, or folders of them", show_default=False),
]
MOST_TILES = limits.TILES
LEAST = 0.005  # a share that is shown as 1 %; below it, a word is not printed


def describe(
    context: typer.Context,
    images: Images,
    words: Annotated[
        str | None,
        option("--words", about='what to choose from: "cat,dog", or a FILE with one a line'),
    ] = None,
    grid: Annotated[
        int,
        option("--grid", about="N by N tiles are described too", value=1, metavar="N", min=1, max=MOST_TILES),
    ] = 1,
    most: Annotated[
        int, option("--most", about="words for each picture", value=5, metavar="N", min=1, max=100)
    ] = 5,
    clip: Annotated[
        str | None, option("--clip", about="CLIP that looks; default: tiny-judge", metavar="NAME")
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Say which words fit pictures best: "it reads cat 61%, fox 12%". The shares of all words sum to 100%."""
    sink = context.obj.choose(json=json, no_color=no_color)
    chosen = None if words is None else read_words(words)
    from clipart.seeing import describe as describe_all

    for each in describe_all(images, chosen, clip=clip, grid=grid, most=most):
        plain = [{"text": word.text, "share": word.share} for word in each.words]
        sink.event("described", path=each.path, row=each.row, column=each.column, words=plain)
        if each.row == 0:
            sink.show(f"{each.path}: it reads {_said(each)}")
        else:
            sink.show(f"   row {each.row}, column {each.column}: {_said(each)}")


def _said(found: Described) -> str:
    shown = [word for word in found.words if word.share >= LEAST] or found.words[:1]
    return ", ".join(f"{word.text} {percent(word.share)}" for word in shown)


def read_words(given: str) -> list[str]:
    """Return the words of `--words`: those of a file, one a line, or what stands between commas.

    Raises:
        UsageError: there is none; the file is too large or no text.
    """
    path = Path(given)
    if path.suffix or path.is_file():
        with opened(path, f"--words {given}", limits.WORDS_BYTES) as file:
            try:
                lines = file.read().decode("utf-8").splitlines()
            except UnicodeDecodeError:
                raise UsageError(f"--words {given}: is no text in UTF-8, with one word a line.") from None
    else:
        lines = given.split(",")
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise UsageError(f'--words {given[:60]}: there is no word in it. Type for example: --words "cat,dog"')
    return found
