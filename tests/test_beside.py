"""Several CLIPs beside one another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest
import torch

import clipart
from clipart.critic.beside import beside
from clipart.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_they_share_the_cores_and_answer_in_order(threads: None) -> None:
    meeting = threading.Barrier(2, timeout=20)  # passes only where both are on the way

    def work(number: int) -> tuple[int, int]:
        meeting.wait()
        return number, torch.get_num_threads()

    assert beside([partial(work, 1), partial(work, 2)], CPU) == [(1, 2), (2, 2)]
    assert torch.get_num_threads() == 4


def test_one_alone_or_on_one_core_stays_in_its_thread(threads: None) -> None:
    assert beside([threading.get_ident], CPU) == [threading.get_ident()]
    torch.set_num_threads(1)
    assert beside([threading.get_ident] * 2, CPU) == [threading.get_ident()] * 2


def test_what_one_raises_is_raised(threads: None) -> None:
    def fail() -> int:
        raise MemoryError("too much")

    with pytest.raises(MemoryError, match="too much"):
        beside([int, fail], CPU)


def test_the_same_picture_comes_again_and_nearly_that_of_one_thread(threads: None) -> None:
    recipe = Recipe(prompt="a cat", size=64, steps=3, starts=1, views=4, seed=1, noise=0)

    def picture() -> torch.Tensor:
        return list(clipart.iterate(recipe))[-1].image

    first = picture()
    assert torch.equal(first, picture())
    torch.set_num_threads(1)
    assert torch.allclose(first, picture(), atol=1e-4)
