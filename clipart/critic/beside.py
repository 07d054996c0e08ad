"""Several CLIPs beside one another: each on its share of the cores.

A small CLIP on a few views does not fill two cores by itself: torch splits each of its operations, and waits
for all threads after every one. Two CLIPs, each in a thread with its part of the cores, wait for one another
once a step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

T = TypeVar("T")


def beside(work: list[Callable[[], T]], device: torch.device) -> list[T]:
    """Return what each of `work` returns, in its order; on a CPU they are done at the same time.

    What one of them raises is raised. The result depends on how many threads torch has, as everything else
    does.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or len(work) < 2 or threads < 2:
        return [each() for each in work]
    return list(_pool(len(work), max(1, threads // len(work)), os.getpid()).map(_call, work))


def _call(work: Callable[[], T]) -> T:
    return work()


@cache
def _pool(workers: int, threads: int, process: int) -> ThreadPoolExecutor:
    """Return a pool of workers with `threads` threads each; a process that was forked has its own."""
    return ThreadPoolExecutor(workers, "clipart-critic", torch.set_num_threads, (threads,))
