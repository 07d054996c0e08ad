"""Write docs/cli.md from the command line itself: `python docs/make_cli.py`, or `--check` to compare."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clipart.cli.app import command  # noqa: E402
from clipart.cli.help import EXAMPLES, Row, panels  # noqa: E402

PAGE = ROOT / "docs" / "cli.md"
HEAD = """# The command line

Made by `docs/make_cli.py` from the program itself. `clipart --help` shows the same.

    clipart "PROMPT" [options]
"""
TAIL = """## Settings, presets and options

A default gives way to the preset of `--preset`, and the preset to an option that is typed. Options may
stand before the prompt or after it. A sub-command is one only where it comes first: `clipart make presets`
and `clipart -- presets` draw the word. A prompt that begins with a dash goes behind two: `clipart -- "-1
degrees"`.

## What is written where

The summary goes to stdout, the progress to stderr. With `--quiet`, stdout has the path of the picture and
stderr nothing, unless the run fails. With `--json`, stdout has one JSON object a line, each with the key
`event`; [json.md](json.md) has every event with its keys.

There is no colour with `--no-color`, with `NO_COLOR` set, with `TERM=dumb`, or where the output is no
terminal; in the last two there is no bar either, but a line at every tenth of the run.

## Stopping a run

Ctrl-C or SIGTERM: the step is finished, everything is saved, and the summary says so, with the command to go
on. A second one stops at once; even then `clipart resume` goes on from the last checkpoint.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the run failed |
| 2 | something was asked for that there is not |
| 3 | a model is refused or missing |
| 4 | memory or disk is short |
| 130, 143 | stopped by Ctrl-C, by SIGTERM |

An error is one message. `CLIPART_DEBUG=1` in front of the command adds the traceback.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    group = command()
    yield HEAD
    yield from ("    " + f"{example:<40}# {about}" for example, about in EXAMPLES)
    yield ""
    job = group.commands["make"]
    shown = [*job.params, *(param for param in group.params if param.name not in ("help",))]
    for panel, rows in panels(shown).items():
        yield from [f"## {panel}", "", *_table(rows), ""]
    for name, each in group.commands.items():
        if name != "make":
            words = [param.metavar for param in each.params if param.param_type_name == "argument"]
            yield from [f"## `{' '.join(['clipart', name, *words])}`", "", each.help, ""]
            if name == "replay":
                yield from ["It takes every option of the main job.", ""]
                continue
            yield from [*_table([row for rows in panels(each.params).values() for row in rows]), ""]
    yield TAIL


def _table(rows: list[Row]) -> Iterator[str]:
    yield from ["| option | default | what it does |", "|---|---|---|"]
    for row in rows:
        flags = ", ".join(f"`{flag}`" for flag in row.flags)
        value = "" if row.is_default or not row.value else f" {_cell(row.value)}"
        yield f"| {flags}{value} | {_cell(row.value) if row.is_default else ''} | {_cell(row.about)} |"


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")


def main(args: list[str]) -> int:
    """Write the page, or with `--check` return 1 if it is not what it would be."""
    if args == ["--check"]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
