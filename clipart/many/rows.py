"""A file of prompts as recipes: lines of text, CSV or TOML, read whole."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from clipart import limits
from clipart.errors import UsageError
from clipart.inputs import read_bytes
from clipart.knobs import as_toml, knobs, read_value
from clipart.meanings import setting_meant
from clipart.presets import apply, load_preset, parse_toml
from clipart.recipe import Recipe, make_recipe
from clipart.record.metadata import require_harmless
from clipart.text import quoted
from clipart.values import sized

Format = Literal["text", "csv", "toml"]
FORMATS: tuple[str, ...] = get_args(Format)
TABLE = "picture"  # of TOML, one for each picture
_HEADER = re.compile(rf"^[ \t]*\[\[[ \t]*{TABLE}[ \t]*\]\]", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\r|\n")  # as editors count; a page feed ends no line
_OWN = ("preset", "size")  # columns that are no field of a recipe


@dataclass(frozen=True)
class Row:
    """One picture that a file asks for: where it stands, and the values that it gives."""

    where: str
    values: Mapping[str, Any]


def read_file(path: str | os.PathLike[str], kind: Format | None = None) -> list[Row]:
    """Read the rows of a file; its kind is by its name: .csv, .toml, and lines of text for any other.

    Raises:
        UsageError: no such file, more than `clipart.limits.TABLE_BYTES`, or as `read_rows`.
    """
    name = os.fspath(path)
    by_suffix: Any = Path(name).suffix.lower().removeprefix(".")
    found: Format = kind or (by_suffix if by_suffix in ("csv", "toml") else "text")
    return read_rows(read_bytes(path, limits.TABLE_BYTES), found, name)


def read_rows(data: bytes, kind: Format, name: str) -> list[Row]:
    """Return the rows in `data`. `name` is what it is called in messages.

    Raises:
        UsageError: not UTF-8, broken, no rows, more than `clipart.limits.PICTURES`, or a column that is no
            setting; with the number of the line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}: not UTF-8 text (line {line}). Save it as UTF-8.") from None
    rows = _READERS[kind](text, name)
    if not rows:
        raise UsageError(f"{name}: there is no prompt in it. {_EXAMPLES[kind]}")
    if len(rows) > limits.PICTURES:
        raise UsageError(f"{name}: {len(rows):,} pictures; at most {limits.PICTURES:,} are made at once.")
    return rows


def _lines(text: str, name: str) -> list[Row]:
    """One prompt a line; empty lines, and those that begin with #, are passed over."""
    found = [(number, line.strip()) for number, line in enumerate(_LINE_END.split(text), 1)]
    return [Row(f"line {n}", {"prompt": line}) for n, line in found if line and not line.startswith("#")]


def _csv(text: str, name: str) -> list[Row]:
    """A first line with names of settings, one of them `prompt`; what is between commas may be left empty."""
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    between = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True, skipinitialspace=True)
    rows: list[Row] = []
    columns: list[str] = []
    before = 0
    try:
        for cells in reader:
            where, before = f"line {before + 1}", reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = [_column(cell, f"{name}, {where}") for cell in cells]
                _require_columns(columns, f"{name}, {where}")
            elif len(cells) > len(columns):
                raise UsageError(
                    f"{name}, {where}: {len(cells)} cells under {len(columns)} columns. "
                    'Put quotes around a cell with a comma in it: "red, and green"'
                )
            else:
                given = {c: cell.strip() for c, cell in zip(columns, cells, strict=False) if cell.strip()}
                rows.append(Row(where, {column: _value(column, cell) for column, cell in given.items()}))
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}: broken CSV: {error}.") from None
    return rows


def _column(cell: str, where: str) -> str:
    name = cell.strip().lower().replace("-", "_").replace(" ", "_")
    if name in ("prompt", *_OWN) or name in knobs() or name.startswith("extras."):
        return name
    hint = setting_meant(name, [*knobs(), *_OWN]) or " `clipart --help` lists the settings."
    raise UsageError(
        f"{where}: the column {quoted(cell.strip())} is no setting.{hint} "
        "The first line has the names of the settings, such as: prompt,seed,steps"
    )


def _require_columns(columns: list[str], where: str) -> None:
    if "prompt" not in columns:
        raise UsageError(
            f"{where}: there is no column `prompt`. Type it in the first line: prompt,seed,steps"
        )
    for column in columns:
        if columns.count(column) > 1:
            raise UsageError(f"{where}: the column {column} is there twice. Take one out.")


def _value(column: str, cell: str) -> Any:
    if column in ("prompt", *_OWN):
        return cell
    return read_value(Recipe, column, cell) if column in knobs() else as_toml(cell)


def _toml(text: str, name: str) -> list[Row]:
    """Settings for all pictures, and under each [[picture]] those of one."""
    values = parse_toml(text, name)
    tables = values.pop(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f'{name}: a picture is a table: [[{TABLE}]], and below it prompt = "a red apple"')
    lines = [text.count("\n", 0, found.start()) + 1 for found in _HEADER.finditer(text)]
    known = len(lines) == len(tables)  # else one of them stands in a text
    places = [f"line {line}" for line in lines] if known else [f"picture {n + 1}" for n in range(len(tables))]
    return [Row(where, values | table) for where, table in zip(places, tables, strict=True)]


_READERS: dict[str, Callable[[str, str], list[Row]]] = {"text": _lines, "csv": _csv, "toml": _toml}
_EXAMPLES = {
    "text": "Type one on each line: a red apple",
    "csv": "Type the names of settings in the first line, and below it one picture a line: prompt,seed",
    "toml": f'Type for each picture: [[{TABLE}]], and below it prompt = "a red apple"',
}


def recipe_of(row: Row, under: Mapping[str, Any], preset: str | None = None) -> Recipe:
    """Return the recipe of a row: its values, above those in `under`, above those of its preset.

    `preset` is that of rows that name none. A preset must not choose files of this machine; a row may.

    Raises:
        UsageError: what is wrong with it.
    """
    values = dict(row.values)
    chosen = values.pop("preset", preset)
    if chosen is not None and not isinstance(chosen, str):
        raise UsageError(f"preset = {quoted(chosen)} is not the name of a preset.")
    extras = {
        key.removeprefix("extras."): values.pop(key) for key in list(values) if key.startswith("extras.")
    }
    given = {**under, **sized(values)}
    if extras:
        given["extras"] = {**given.get("extras", {}), **extras}
    recipe = make_recipe(apply(load_preset(chosen), given) if chosen else given)
    if chosen:
        require_harmless(recipe, given)
    return recipe
