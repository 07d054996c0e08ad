"""The list of a batch: lines of text, a table (CSV) of settings, or TOML with `[[pictures]]`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.cli.assignments import read_set
from clipart.cli.reading import read_size
from clipart.errors import UsageError
from clipart.inputs import read_bytes
from clipart.presets import read_toml
from clipart.recipe import Recipe, make_recipe

Rows = Iterator[tuple[str, Callable[[], dict[str, Any]]]]  # where a row stands, and how its settings are read


def read_rows(path: Path, base: Mapping[str, Any]) -> list[Recipe]:
    """Return the recipes of the list at `path`, `-` for standard input, each row's settings over `base`.

    A file that ends in .csv has a line of names, `prompt` and settings, and a row a picture; an empty cell is
    not given. One that ends in .toml has tables `[[pictures]]`. Any other has a prompt a line; empty lines
    and lines that begin with `#` are left out.

    Raises:
        UsageError: it cannot be read, is empty, or rows are wrong; the message names each by its line.
    """
    kind = path.suffix.lower()
    recipes: list[Recipe] = []
    wrong: list[str] = []
    for where, values in {".csv": _table, ".toml": _pictures}.get(kind, _lines)(path):
        try:
            recipes.append(make_recipe({**base, **values()}))
        except UsageError as error:
            wrong.append(f"{where}: {error}")
    if wrong:
        more = (
            [f"And {len(wrong) - limits.WRONG_ROWS:,} more rows are wrong."]
            if len(wrong) > limits.WRONG_ROWS
            else []
        )
        raise UsageError("\n".join([*wrong[: limits.WRONG_ROWS], *more]))
    if not recipes:
        raise UsageError(f"{path}: there is no picture in this list. Write a prompt on each line.")
    return recipes


def _data(path: Path) -> str:
    if str(path) != "-":
        data = read_bytes(path, limits.LIST_BYTES)
    elif sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads the list from a pipe, and there is none: clipart batch - < prompts.txt")
    else:
        data = sys.stdin.buffer.read(limits.LIST_BYTES + 1)
        if len(data) > limits.LIST_BYTES:
            raise UsageError(f"-: has more than {limits.LIST_BYTES:,} bytes; at most so many are read.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None


def _lines(path: Path) -> Rows:
    for number, line in enumerate(_data(path).splitlines(), 1):
        if (prompt := line.strip()) and not prompt.startswith("#"):
            yield f"{path}, line {number}", partial(dict, prompt=prompt)


def _table(path: Path) -> Rows:
    reader = csv.reader(io.StringIO(_data(path), newline=""), strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _heads(cells, path)
                continue
            yield f"{path}, line {reader.line_num}", partial(_row, names, cells)
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: is no CSV ({error}).") from None


def _heads(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "prompt" not in names:
        raise UsageError(
            f"{path}: the first line names the columns, such as prompt,seed,steps; none is called prompt."
        )
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise UsageError(f"{path}: two columns are called {twice!r}.")
    return names


def _row(names: list[str], cells: list[str]) -> dict[str, Any]:
    """Return the settings of a row; what a cell says is read as `--set` reads it."""
    if len(cells) > len(names):
        raise UsageError(f"{len(cells)} cells for {len(names)} columns. Put a text with commas into quotes.")
    given = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    prompt, size = given.pop("prompt", ""), given.pop("size", None)
    try:
        assigned = read_set([f"{name}={cell}" for name, cell in given.items()])
    except UsageError as error:
        raise UsageError(str(error).replace("--set ", "column ")) from None
    if assigned.stages:
        raise UsageError("a row cannot change stages. Use a preset that has them.")
    extras = {"extras": assigned.extras} if assigned.extras else {}
    return {"prompt": prompt, **assigned.fields, **read_size({"size": size}), **extras}


def _pictures(path: Path) -> Rows:
    read = read_toml(path)
    pictures = read.pop("pictures", None)
    if not isinstance(pictures, list) or not all(isinstance(each, dict) for each in pictures) or read:
        raise UsageError(f"{path}: write tables only: [[pictures]], and in each a prompt and its settings.")
    for number, values in enumerate(pictures, 1):
        yield f"{path}, picture {number}", partial(dict, values)
