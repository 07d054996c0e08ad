"""`clipart explain`: where in a picture the parts of a prompt are found, and by which words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipart.cli.fonts import warn_of_boxes
from clipart.cli.options import Force, Json, NoColor, Quiet, option
from clipart.cli.overwrite import mind_the_file
from clipart.cli.progress import percent

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.seeing import Explained

Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="a picture", show_default=False)]
Asked = Annotated[
    str, typer.Argument(metavar="PROMPT", help="what to look for, in quotes", show_default=False)
]
TOLD = 0.0005  # of a cosine: less is nothing


def explain(
    context: typer.Context,
    image: Image,
    prompt: Asked,
    clip: Annotated[
        str | None, option("--clip", about="CLIP that looks; default: tiny-judge", metavar="NAME")
    ] = None,
    output: Annotated[
        Path | None,
        option("--output", "-o", about="sheet to write; default: IMAGE-explained.png", metavar="FILE"),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Show where in a picture each part of a prompt is found, and which of its words matter.

    A place is hot where the picture loses the part when the place is covered, and where it is taken for the
    part when it is looked at by itself. Of a part that is not there, all is pale. A sheet is written, and
    beside it an overlay of each part.
    """
    from clipart.prompt import parse

    sink = context.obj.choose(json=json, quiet=quiet, no_color=no_color)
    parts, path = parse(prompt), output or image.with_name(f"{image.stem}-explained.png")
    mind_the_file(sink, path, force)
    from clipart.seeing import explain as explain_all
    from clipart.seeing.overlay import names_of, save_explained

    overlays = names_of(path, [part.text for part in parts.parts])
    for each in overlays:
        mind_the_file(sink, each, force)
    found = explain_all(image, parts, clip=clip)
    for part, overlay in zip(found, overlays, strict=True):
        _say(sink, part, overlay)
    if not save_explained(image, found, path, overlays):
        warn_of_boxes(sink)
    sink.event("explained", path=path, parts=len(found))
    sink.file(path)


def _say(sink: Sink, part: Explained, overlay: Path) -> None:
    """Print a part as text: its match, where it is found, the blocks, and what each word is worth."""
    from rich.text import Text

    from clipart.seeing.overlay import blocks, in_words

    words = [{"text": word.text, "lost": word.lost} for word in part.words]
    heat = [[round(value, 3) for value in row] for row in part.heat.tolist()]
    plain = {"text": part.text, "match": part.match, "cosine": part.cosine, "words": words, "heat": heat}
    sink.event("explained part", path=overlay, **plain)
    sink.show("", f"{part.text}: match {percent(part.match)}, {in_words(part)}")
    sink.show(*(Text(f"  {line}", "red") for line in blocks(part.heat)))
    for word in sorted(part.words, key=lambda each: -each.lost):
        if word.lost > TOLD:
            sink.show(f"  without {word.text!r} the cosine falls by {word.lost:.3f}")
        elif word.lost < -TOLD:
            sink.show(f"  without {word.text!r} the cosine rises by {-word.lost:.3f}: it does not help")
