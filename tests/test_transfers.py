"""What a step reads from the device: one number, and more only when somebody looks."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from clipart.critic.losses import Losses
from clipart.iterates import Check, Iterate, later
from clipart.loop import iterate
from clipart.recipe import make_recipe


class Reads(TorchDispatchMode):
    """Counts what makes Python wait for the device, and copies of whole pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if name.startswith(("aten._local_scalar_dense", "aten.nonzero", "aten.equal", "aten.is_nonzero")):
            self.found["reads"] += 1
        if name.startswith("aten.clone") and args[0].shape == (3, 40, 40):
            self.found["pictures"] += 1
        return func(*args, **(kwargs or {}))


def reads_of_steps(settings: dict[str, object], look: Any) -> list[Counter[str]]:
    """Return what each step reads whose iterate is given to `look`; no step is checked by the judge."""
    # Without the blur, where kornia looks at the width that it was given, a number of the host.
    recipe = make_recipe(settings | {"steps": 6, "check_every": 100, "low_pass": 0.0, "noise": 0.0})
    steps, found = iterate(recipe), []
    next(steps)
    for step in range(1, 6):
        with Reads() as mode:
            it = next(steps)
            look(step, it)
        found.append(mode.found)
    return found[1:]


def test_a_step_waits_for_one_number(settings: dict[str, object]) -> None:
    plain = reads_of_steps(settings, lambda step, it: None)
    assert [each["reads"] for each in plain] == [1] * 4
    assert [each["pictures"] for each in plain] == [0] * 4


def test_who_looks_gets_it_once(settings: dict[str, object]) -> None:
    def look(step: int, it: Iterate) -> None:
        if step == 3:
            assert it.image is it.image
            assert it.losses["total"] == pytest.approx(it.losses["total"])

    found = reads_of_steps(settings, look)
    assert [each["pictures"] for each in found] == [0, 1, 0, 0]


def test_a_picture_that_is_asked_for_late_is_that_of_its_step(settings: dict[str, object]) -> None:
    recipe = make_recipe(settings)
    early = [it.image.clone() for it in iterate(recipe)]
    late = list(iterate(recipe))
    assert all(torch.equal(a, it.image) for a, it in zip(early, late, strict=True))


def test_an_iterate_can_be_copied_and_pickled() -> None:
    calls = []
    it = Iterate(1, 2, later(lambda: calls.append(1) or torch.ones(3, 2, 2)), {}, Check(1, ()), 0.1, "", 0.0)
    assert not calls
    for other in (copy.deepcopy(it), pickle.loads(pickle.dumps(it))):  # noqa: S301 (our own)
        assert torch.equal(other.image, torch.ones(3, 2, 2))
    assert calls
    assert it.image is it.image


def test_losses_come_in_one_transfer_with_their_total() -> None:
    losses = Losses()
    losses.add(["a", "b"], torch.tensor([1.0, 3.0]), 2.0, torch.tensor(2.0))
    losses.add(["tv"], torch.tensor(0.5), 4.0, torch.tensor(0.5))
    assert bool(losses.finite())
    assert losses == {"a": 1.0, "b": 3.0, "tv": 0.5, "total": 6.0}
    losses = Losses()
    losses.add(["a"], torch.tensor(float("nan")), 1.0, torch.tensor(float("nan")))
    assert not bool(losses.finite())
