"""Models that several runs of one process share: loaded at the first run, kept for the next ones.

A run by itself loads its own. Models are frozen, so sharing them changes no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def models_kept() -> Iterator[None]:
    """While entered, a model that was loaded once is not loaded again."""
    before = _kept.set({} if _kept.get() is None else _kept.get())
    try:
        yield
    finally:
        _kept.reset(before)


def kept(load: Callable[[], T], *key: Hashable) -> T:
    """Return what `load` returned the first time that it was asked for `key`; without `models_kept`, load."""
    models = _kept.get()
    if models is None:
        return load()
    if key not in models:
        models[key] = load()
    return models[key]  # type: ignore[no-any-return]
