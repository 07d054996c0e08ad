"""Tables of parts: names to the classes and functions behind them, loaded on first use.

A shipped part is one module and one entry in a table (`clipart.canvas.CANVASES`, `clipart.process.PROCESSES`,
`clipart.finish.FINISHES`). Another package adds parts by entry points of the table's group:

    [project.entry-points."clipart.canvases"]
    mosaic = "my_package.mosaic:MosaicCanvas"

and a program or a notebook by `CANVASES.add("mosaic", MosaicCanvas)`. Asking a table for its names loads no
part, so the command line's help needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from clipart.errors import ClipartError, UsageError
from clipart.near import did_you_mean

T = TypeVar("T")


class Table(Generic[T]):
    """Parts of one kind by name: the shipped ones, those of other packages, and those added by `add`.

    Args:
        kind: what one part is called in messages, such as "canvas".
        group: the group of entry points in which other packages name theirs, such as "clipart.canvases".
        shipped: "module:attribute" of each part that comes with clipart.
    """

    def __init__(self, kind: str, group: str, shipped: Mapping[str, str]) -> None:
        self.kind, self.group = kind, group
        self._shipped = dict(shipped)
        self._loaded: dict[str, T] = {}

    def names(self) -> tuple[str, ...]:
        """Return all names: the shipped ones in their order, then the others."""
        return tuple(dict.fromkeys([*self._shipped, *self.foreign, *self._loaded]))

    @cached_property
    def foreign(self) -> dict[str, EntryPoint]:
        """The entry points of other packages by name; a shipped part keeps its name."""
        found = {point.name: point for point in entry_points(group=self.group)}
        return {name: point for name, point in sorted(found.items()) if name not in self._shipped}

    def add(self, name: str, part: T) -> None:
        """Add a part of your own for this process.

        Raises:
            UsageError: a shipped part or another package's has that name.
        """
        if name in self._shipped or name in self.foreign:
            raise UsageError(f"{name!r} is the name of another {self.kind}. Choose another name.")
        self._loaded[name] = part

    def remove(self, name: str) -> None:
        """Take out a part that `add` put in."""
        if name in self._shipped or name in self.foreign or name not in self._loaded:
            raise UsageError(f"{name!r} is no {self.kind} that was added in this process.")
        del self._loaded[name]

    def check(self, name: str) -> str:
        """Return `name` if there is such a part.

        Raises:
            UsageError: there is none; the message has all names and the nearest one.
        """
        names = self.names()
        if name in names:
            return name
        hint = did_you_mean(name, names, quoted=True)
        raise UsageError(f"There is no {self.kind} {name!r}.{hint} There is: {', '.join(names)}.")

    def __getitem__(self, name: str) -> T:
        """Return the part called `name`, importing its module on first use.

        Raises:
            UsageError: there is no such part.
            ClipartError: the module of another package's part cannot be imported.
        """
        if self.check(name) not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        if name in self._shipped:
            module, _, attribute = self._shipped[name].partition(":")
            return cast(T, getattr(import_module(module), attribute))
        point = self.foreign[name]
        try:
            part: Any = point.load()
        except Exception as error:  # whatever another package's module does while it is imported
            owner = point.dist.name if point.dist else "another package"
            raise ClipartError(
                f"The {self.kind} {name!r} of {owner} cannot be loaded ({point.value}: {error!r}). "
                f"Update {owner}, or remove it: pip uninstall {owner}"
            ) from error
        return cast(T, part)
