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
from clipart.knobs import knobs  # noqa: E402

BOUNDS = ("ge", "gt", "le", "lt")
PAGE = ROOT / "docs" / "cli.md"
HEAD = """# The command line

Made by `docs/make_cli.py` from the program itself. `clipart --help` shows the same.

    clipart "PROMPT" [options]
"""
TAIL = """## Settings, presets and options

A preset replaces defaults, and an option that is typed replaces the preset's value. Options may stand before
the prompt or after it.

`--set NAME=VALUE` sets any setting by its name in a recipe or preset, with VALUE as it would stand there; quotes
around a text may be left out. It may be typed several times, but not for a setting that an option sets too:

    clipart "a tree" --set lr=0.05 --set 'no=["text", "fog"]'
    clipart "a tree" --preset unfold --set stages.blobs.lr=0.03    # a setting of the stage "blobs"
    clipart "a tree" --canvas mosaic --set extras.tiles=8          # a setting of a canvas of another package

The first word is a command only if it is the name of one. To draw such a word, type `clipart make presets` or
`clipart -- presets`. A prompt that begins with a dash is typed after two dashes: `clipart -- "-1 degrees"`.
A single word that is one slip from a command is asked about on a terminal, and drawn where there is none.

`-` in place of the prompt reads it from a pipe: `echo "a tree" | clipart -`. It is one line; `clipart batch -`
takes several.

## What is written where

The summary is written to stdout, the progress to stderr. With `--quiet`, stdout has the path of the picture;
stderr has nothing, unless the run fails. With `--json`, stdout has one JSON object a line, each with the key
`event`; [json.md](json.md) has every event with its keys.

`-o FILE` on a file that is there asks on a terminal. Elsewhere, and with `--json` or `--quiet`, it is refused
without `--force`. What cannot be written is found out before a model is loaded or fetched.

A stream that is closed, or whose disk is full, costs its words and never the picture. A command that only prints
ends with 1 then. Control characters and marks that turn the direction of text are printed as `\\x1b` or `\\u202e`.
The screens can be read down to 20 columns.

No colours are used with `--no-color`, with `NO_COLOR` set, with `TERM=dumb`, or if the output is not a
terminal. In the last two cases the progress is a line at every tenth of the run, in place of a bar.

## Stopping a run

After Ctrl-C or SIGTERM the step is finished and everything is saved. The summary has the command that continues
the run. A second Ctrl-C or SIGTERM stops at once, and says what is kept and how to continue.
`clipart resume` takes the folder of a run or a file in it.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the run failed |
| 2 | an option, a name or a file is wrong |
| 3 | a model is missing, or was refused |
| 4 | not enough memory or disk |
| 130, 143 | stopped by Ctrl-C, by SIGTERM |

An error is one message. With `CLIPART_DEBUG=1` set, the traceback is printed too.
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
        yield from [f"## {panel}", "", *_table(rows, {p.name: _of_setting(p) for p in shown}), ""]
    for name, each in group.commands.items():
        if name != "make":
            words = [param.metavar for param in each.params if param.param_type_name == "argument"]
            yield from [f"## `{' '.join(['clipart', name, *words])}`", "", each.help, ""]
            if name == "replay":
                yield from ["It takes every option of the main job.", ""]
                continue
            own = _own(each, job)
            rows = [row for rows in panels(own).values() for row in rows]
            yield from [*_table(rows, {param.name: _of_option(param) for param in own}), ""]
            if len(own) < len(each.params):
                yield from [
                    "It takes the other options of the main job, too, but `--output` and `--force`.",
                    "",
                ]
    yield TAIL


def _own(command: Any, job: Any) -> list[Any]:
    """Return the options of a command that are not those of the main job, if it has these, too."""
    of_job = {(param.name, param.help) for param in job.params}
    own = [param for param in command.params if (param.name, param.help) not in of_job]
    return own if len(command.params) - len(own) > len(job.params) // 2 else command.params


def _of_setting(param: Any) -> str:
    """Return the range of an option, from the recipe if it is a setting of it."""
    if param.name not in knobs():
        return _of_option(param)
    bounds = knobs()[param.name].metadata
    has = {key: _number(getattr(each, key)) for each in bounds for key in BOUNDS if hasattr(each, key)}
    low = f"above {has['gt']}" if "gt" in has else has.get("ge", "")
    return _range(low, f"below {has['lt']}" if "lt" in has else has.get("le", ""))


def _of_option(param: Any) -> str:
    return _range(*(_number(getattr(param, bound, None)) for bound in ("min", "max")))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _range(low: str, high: str) -> str:
    if not (low and high):
        return f"{low} or more" if low and not low.startswith("above") else low or high
    return f"{low}, up to {high}" if low.startswith("above") else f"{low} to {high}"


def _table(rows: list[Row], ranges: dict[str, str]) -> Iterator[str]:
    yield from ["| option | default | range | what it does |", "|---|---|---|---|"]
    for row in rows:
        flags = ", ".join(f"`{flag}`" for flag in row.flags)
        value = "" if row.is_default or not row.value else f" {_cell(row.value)}"
        default = _cell(row.value) if row.is_default else ""
        yield f"| {flags}{value} | {default} | {ranges.get(row.name, '')} | {_cell(row.about)} |"


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
