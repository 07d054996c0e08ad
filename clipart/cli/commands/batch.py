"""`clipart batch`: the pictures that a file asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clipart import limits
from clipart.cli.assignments import read_set
from clipart.cli.downloads import fetch_typed
from clipart.cli.many import Plan, make_all, many_options
from clipart.cli.options import own, takes
from clipart.cli.reading import typed_settings
from clipart.cli.sink import Invocation
from clipart.errors import UsageError
from clipart.files import require_folder

if TYPE_CHECKING:
    from clipart.many.rows import Row

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="prompts: lines of text, .csv or .toml; - is stdin", show_default=False
    ),
]
FORMAT = "what FILE is: text, csv or toml; default: by its name"


@takes(
    file=File,
    format=own(Literal["text", "csv", "toml"], "--format", about=FORMAT, metavar="KIND"),
    **many_options(),
)
def batch(context: typer.Context, file: str, **given: Any) -> None:
    """Make the pictures that a file asks for, each in its own folder, with an index, a page and a sheet.

    A file has one prompt on each line; or is CSV with the names of settings in its first line, one of them
    prompt; or TOML with a table [[picture]] for each. Options hold for all; what a row says goes before them.
    Typed again, it skips what is done and goes on with what was cut off.
    """
    invocation: Invocation = context.obj
    sink = invocation.choose(json=given["json"], quiet=given["quiet"], no_color=given["no_color"])
    rows = read_rows_of(file, given["format"])
    under = typed_settings(given)
    if extras := read_set(given.get("set")).extras:
        under["extras"] = extras
    folder = given["folder"] or Path("outputs") / f"batch-{_stem(file)}"
    require_folder(folder)
    fetch_typed(sink, under)
    from clipart.many.api import tasks_of

    tasks = tasks_of(rows, file if file != "-" else "stdin", under, given.get("preset"))
    plan = Plan(tasks, folder, given, invocation.typed, Path(file).name if file != "-" else "stdin")
    plan.announce(sink)
    make_all(sink, plan)


def read_rows_of(file: str, kind: Any) -> list[Row]:
    """Return the rows of `file`, or of stdin for `-`.

    Raises:
        UsageError: it cannot be read, or nothing is piped in.
    """
    from clipart.many.rows import read_file, read_rows

    if file != "-":
        return read_file(file, kind)
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads the prompts from a pipe, and there is none: clipart batch - < prompts.txt")
    data = sys.stdin.buffer.read(limits.TABLE_BYTES + 1)
    if len(data) > limits.TABLE_BYTES:
        raise UsageError(f"stdin: more than {limits.TABLE_BYTES:,} bytes, which is the most that is read.")
    return read_rows(data, kind or "text", "stdin")


def _stem(file: str) -> str:
    from clipart.record.files import slug

    return slug(Path(file).stem) if file != "-" else "stdin"
