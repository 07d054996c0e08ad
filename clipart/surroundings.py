"""What a program around a run may have set in torch: set as a run needs it, then given back.

A run needs gradients, float32 as the default type, the CPU as the default device and no autocast. A program
that calls clipart may be in `torch.no_grad()` or `torch.inference_mode()`, or compute in float64. And it may
fork later: the threads that torch's OpenMP keeps do not live on in a child, which would wait for them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

T = TypeVar("T")
_HARD = 2  # omp_pause_hard: the threads end
_AUTOCAST = ("cpu", "cuda", "mps")


@contextmanager
def as_needed() -> Iterator[None]:
    """Set what a run needs of torch, and give back what was there; also a decorator."""
    dtype = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in _AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        yield


def stepping(iterates: Iterator[T]) -> Iterator[T]:
    """Yield what `iterates` yields, computed `as_needed`; in between the surroundings are as they were."""
    try:
        while True:
            with as_needed():
                try:
                    value = next(iterates)
                except StopIteration:
                    return
            yield value
    finally:
        if isinstance(iterates, Generator):
            iterates.close()


@cache
def mind_forks() -> None:
    """See that a process that forks after a run leaves no threads behind that its child would wait for."""
    openmp = ctypes.CDLL(None)
    pause: Any = getattr(openmp, "omp_pause_resource_all", None)  # OpenMP 5.0; others have nothing to end
    if pause is not None and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lambda: pause(_HARD))
