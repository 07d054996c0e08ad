"""The index of a batch: a table (CSV), a page that loads nothing from elsewhere, and a sheet."""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.files import write_whole
from clipart.record.sheet import MAX_PICTURES, make_sheet

if TYPE_CHECKING:
    from clipart.batches import Made

COLUMNS = ("number", "prompt", "seed", "status", "match", "seconds", "picture", "error")
_FORMULA = "=+-@\t\r"  # what a spreadsheet would take as one at the beginning of a cell
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
figure { margin: 0; }
img { width: 100%; height: auto; border-radius: 4px; background: #fff; }
figcaption { overflow-wrap: anywhere; }
small { opacity: .75; }
.failed { border: 1px solid #c33; border-radius: 4px; padding: .5rem; }
"""


def write_index(found: Sequence[Made], folder: Path) -> tuple[Path, ...]:
    """Write `index.csv`, `index.html` and `sheet.png` into `folder`, and return their paths.

    There is no sheet where there is no picture, and only the first 1,000 pictures are on it.
    """
    table, page, sheet = (folder / name for name in ("index.csv", "index.html", "sheet.png"))
    write_whole(table, _table(found, folder))
    write_whole(page, _page(found, folder))
    pictures = [made.picture for made in found if made.picture is not None][:MAX_PICTURES]
    if not pictures:
        return table, page
    make_sheet(pictures, sheet, size=max(64, min(256, 8000 // max(1, round(len(pictures) ** 0.5)))))
    return table, page, sheet


def _place(made: Made, folder: Path) -> str:
    return "" if made.picture is None else os.path.relpath(made.picture, folder).replace(os.sep, "/")


def _table(found: Sequence[Made], folder: Path) -> str:
    page = io.StringIO(newline="")
    writer = csv.writer(page)
    writer.writerow(COLUMNS)
    for made in found:
        match = "" if made.match is None else f"{made.match:.4f}"
        seed = "" if made.seed is None else made.seed
        texts = (_cell(made.prompt), _cell(made.error))
        writer.writerow(
            (
                made.number,
                texts[0],
                seed,
                made.status,
                match,
                f"{made.seconds:.1f}",
                _place(made, folder),
                texts[1],
            )
        )
    return page.getvalue()


def _cell(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in _FORMULA and text else text


def _page(found: Sequence[Made], folder: Path) -> str:
    cells = "\n".join(_figure(made, folder) for made in found)
    done = sum(made.picture is not None for made in found)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{done} of {len(found)} pictures</title><style>{_STYLE}</style>"
        f"<h1>{done} of {len(found)} pictures</h1>\n<main>\n{cells}\n</main></html>\n"
    )


def _figure(made: Made, folder: Path) -> str:
    prompt = html.escape(made.prompt)
    if made.picture is None:
        reason = f"{made.number}. {prompt}<br><small>{html.escape(made.error or made.status)}</small>"
        return f'<figure class="failed"><figcaption>{reason}</figcaption></figure>'
    source = html.escape(_place(made, folder), quote=True)
    match = "" if made.match is None else f"{made.match:.0%}, "
    return (
        f'<figure><a href="{source}"><img src="{source}" alt="{prompt}" loading="lazy"></a>'
        f"<figcaption>{made.number}. {prompt}<br><small>{match}seed {made.seed}</small></figcaption></figure>"
    )
