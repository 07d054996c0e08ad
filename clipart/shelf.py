"""Models that several runs in one process share: each is loaded once, where somebody asks for that."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 8  # models that are kept; the one that was longest not asked for goes first
_kept: ContextVar[OrderedDict[Hashable, Any] | None] = ContextVar("kept", default=None)


class Shelf:
    """A place for models. While a run is made within `used`, `once` looks there before it loads one."""

    def __init__(self) -> None:
        self._models: OrderedDict[Hashable, Any] = OrderedDict()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have `once` look here, and keep here what it loads."""
        token = _kept.set(self._models)
        try:
            yield
        finally:
            _kept.reset(token)


def once(key: Hashable, load: Callable[[], T]) -> T:
    """Return what `load` returns; within `Shelf.used`, what it returned for this `key` before.

    A model that is kept is frozen, so that a run is the same whether it was loaded for it or not.
    """
    kept = _kept.get()
    if kept is None:
        return load()
    if key not in kept:
        kept[key] = load()
    found: T = kept[key]
    kept.move_to_end(key)
    while len(kept) > MOST:
        kept.popitem(last=False)
    return found
