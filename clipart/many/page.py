"""What lies beside the runs of many pictures: a table for programs, and a page for people."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from clipart.errors import ClipartError
from clipart.files import write_whole
from clipart.many.sheets import write_sheet
from clipart.many.tasks import Outcome
from clipart.pictures import on_white

INDEX, PAGE, SHEET = "index.csv", "index.html", "sheet.png"
SIDE = 256  # pixels of the longer side of a picture on the page
QUALITY = 85
STATES = {"made": "made", "there": "was there", "cut": "stopped on its way", "failed": "failed"}
_FORMULA = "=+-@\t\r"  # what a spreadsheet would take as one at the beginning of a cell
_ELSEWHERE = "choose another disk with --folder"
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.4 system-ui, sans-serif; margin: 1rem; }}
h1 {{ font-size: 1.3rem; overflow-wrap: anywhere; }}
ul {{ list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 1fr)); }}
li {{ overflow-wrap: anywhere; }}
img {{ width: 100%; height: auto; border-radius: 4px; background: #fff; display: block; }}
p {{ margin: .3rem 0; }}
small {{ opacity: .8; }}
.failed {{ border-left: 4px solid #c33; padding-left: .6rem; white-space: pre-wrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
"""


class Index:
    """The table, the page and the sheet of many pictures in `folder`.

    Args:
        folder: in which the folders of the runs are.
        title: of the page.
        axes: of a sweep, by name, with their values.
    """

    def __init__(self, folder: Path, title: str, axes: Mapping[str, Sequence[str]]) -> None:
        self.folder, self.title, self.axes = folder, title, axes

    def write_table(self, outcomes: Sequence[Outcome]) -> Path:
        """Write `index.csv`, in the order of the numbers."""
        table = io.StringIO(newline="")
        writer = csv.writer(table, lineterminator="\n")
        own = [name for name in self.axes if name not in ("prompt", "seed")]
        names = ("number", "state", "match", "prompt", "seed", *own)
        writer.writerow([*names, "steps", "seconds", "folder", "reason"])
        for each in _ordered(outcomes):
            match = "" if each.match is None else f"{each.match:.4f}"
            about = [each.number, each.state, match, _cell(each.recipe.prompt), each.recipe.seed]
            run = each.folder.name if each.folder else ""
            values = [_cell(each.axes[name]) for name in own]
            writer.writerow([*about, *values, each.steps, f"{each.seconds:.1f}", run, _cell(each.reason)])
        write_whole(path := self.folder / INDEX, table.getvalue(), _ELSEWHERE)
        return path

    def write(self, outcomes: Sequence[Outcome]) -> dict[str, Path]:
        """Write all three; returns their paths, those of "index", "page" and, if there is one, "sheet"."""
        found = _ordered(outcomes)
        paths = {"index": self.write_table(found), "page": self.folder / PAGE}
        write_whole(paths["page"], "".join(self._page(found)), _ELSEWHERE)
        if write_sheet(found, self.axes, self.folder / SHEET):
            paths["sheet"] = self.folder / SHEET
        return paths

    def _page(self, outcomes: Sequence[Outcome]) -> list[str]:
        counts = {state: sum(each.state == state for each in outcomes) for state in STATES}
        summary = ", ".join(f"{count} {STATES[state]}" for state, count in counts.items() if count)
        lines = [_HEAD.format(title=escape(self.title), summary=escape(summary))]
        lines += [
            f'<p class="failed">{escape(f"{each.recipe.prompt} ({each.where}): {each.reason}")}</p>\n'
            for each in outcomes
            if each.state == "failed"
        ]
        cards = [_card(each) for each in outcomes if each.picture is not None]
        return [*lines, "<ul>\n", *cards, "</ul>\n</body>\n</html>\n"]


def _cell(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula; a number is none."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text[:1] in _FORMULA and text else text
    return text


def _ordered(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda each: each.number)


def _card(each: Outcome) -> str:
    """Return the entry of a picture: small, within the page; a click opens the large one beside it."""
    assert each.picture is not None and each.folder is not None  # noqa: S101, PT018 (its caller has looked)
    try:
        picture = on_white(each.image)
    except ClipartError as error:
        return f'<li><p class="failed">{escape(str(error))}</p></li>\n'
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode()
    words = escape(each.recipe.prompt)
    more = {k: v for k, v in each.axes.items() if k not in ("prompt", "seed")}
    about = [f"seed {each.recipe.seed}", *(f"{name} {value}" for name, value in more.items())]
    about += [f"match {100 * each.match:.0f} %"] if each.match is not None else []
    width, height = picture.size
    return (
        f'<li><a href="{quote(f"{each.folder.name}/{each.picture.name}")}">'
        f'<img src="data:image/jpeg;base64,{data}" alt="{words}" width="{width}" height="{height}"></a>'
        f"<p>{words}<br><small>{escape(', '.join(about))}</small></p></li>\n"
    )
