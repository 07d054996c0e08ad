"""The contact sheet of many pictures, with the axes of a sweep named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clipart.many.tasks import Outcome
from clipart.record.sheet import GAP, MAX_PIXELS, Layout, Tile, arrange, save_sheet

SIZE = 256  # pixels of a picture on it, at most
_SMALLEST = 16
_BETWEEN = ", "


def write_sheet(outcomes: Sequence[Outcome], axes: Mapping[str, Sequence[str]], path: Path) -> bool:
    """Write a sheet of the pictures that there are to `path`; False if there are none.

    `axes` are names with their values, in order. The last with several values is the columns, the others
    together are the rows. Without axes, prompts and seeds are, where they make a grid.
    """
    made = [each for each in outcomes if each.picture is not None]
    if not made:
        return False
    layout = _grid(made, axes) if axes else arrange([_tile(each) for each in made])
    save_sheet(layout, path, fitting_size(len(layout.rows[0]), len(layout.rows)))
    return True


def fitting_size(columns: int, rows: int) -> int:
    """Return the size of a picture with which a sheet of so many is not too large."""
    size = SIZE
    while (columns + 1) * (size + GAP) * (rows + 1) * (1.2 * size + GAP) > MAX_PIXELS and size > _SMALLEST:
        size -= 8
    return size


def words(name: str, value: str) -> str:
    """Return a value of an axis in words: what says itself what it is stands alone."""
    return value if name in ("prompt", "preset") else f"{name} {value}"


def split(axes: Mapping[str, Sequence[str]]) -> tuple[list[str], str]:
    """Return the axes that are the rows of a sheet, and the one that is its columns, by name."""
    several = [name for name, values in axes.items() if len(values) > 1] or [*axes][-1:]
    return several[:-1], several[-1]


def head(axes: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the values of some axes in words."""
    return _BETWEEN.join(words(name, axes[name]) for name in names)


def _grid(made: Sequence[Outcome], axes: Mapping[str, Sequence[str]]) -> Layout:
    rows, column = split(axes)
    lines: dict[str, dict[str, Tile]] = {}
    for each in made:
        line = lines.setdefault(head(each.axes, rows) or each.recipe.prompt, {})
        line[each.axes[column]] = _tile(each)
    there = [value for value in axes[column] if any(value in line for line in lines.values())]
    grid = tuple(tuple(line.get(value) for value in there) for line in lines.values())
    return Layout(grid, tuple(words(column, value) for value in there), tuple(lines))


def _tile(each: Outcome) -> Tile:
    assert each.picture is not None  # noqa: S101 (only those that have one come here)
    return Tile(each.picture, each.recipe.prompt, str(each.recipe.seed))
