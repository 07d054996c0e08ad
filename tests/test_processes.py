"""The processes without a gradient: they descend, repeat, and go on to the bit."""

from __future__ import annotations

import itertools

import pytest
import torch

from clipart.errors import UsageError
from clipart.loop import go_on, iterate
from clipart.process.evolve import EvolveProcess
from clipart.process.mutate import MutateProcess, _dab
from clipart.recipe import make_recipe
from clipart.rng import stream
from clipart.session import Session

CANVASES = ["shapes", "strokes", "pixelart", "plain", "multires"]
SMALL = {
    "shapes": 6,
    "strokes": 6,
    "grid": 6,
    "colours": 4,
    "starts": 1,
    "mutants": 6,
    "width": 24,
    "height": 24,
}


@pytest.mark.parametrize("process", ["mutate", "evolve"])
@pytest.mark.parametrize("canvas", CANVASES)
def test_one_seed_gives_one_picture_and_no_gradient_is_asked_for(
    settings: dict[str, object], process: str, canvas: str
) -> None:
    recipe = make_recipe(settings | SMALL | {"process": process, "canvas": canvas, "steps": 3})
    with torch.no_grad():
        *_, one = iterate(recipe)
        *_, same = iterate(recipe)
        *_, other = iterate(recipe.with_(seed=8))
    assert torch.equal(one.image, same.image)
    assert not torch.equal(one.image, other.image)
    assert one.stop == "steps"


@pytest.mark.parametrize("process", ["mutate", "evolve"])
def test_it_descends(settings: dict[str, object], process: str) -> None:
    still = {"noise": 0, "jitter": 0, "erase": 0, "shift": 0, "rotate": 0, "perspective": 0, "overview": 1}
    still |= {"detail": 1, "largest": 1, "warmup": 0, "schedule": "constant", "lr": 0.05, "views": 1}
    recipe = make_recipe(
        settings | SMALL | still | {"process": process, "canvas": "plain", "scale": 0.34, "steps": 40}
    )
    losses = [it.losses["total"] for it in iterate(recipe) if it.step]
    assert min(losses[-5:]) < losses[0] - 1e-3
    if process == "mutate":  # what is worse is never kept
        assert all(later <= before + 1e-5 for before, later in itertools.pairwise(losses))


@pytest.mark.parametrize("process", ["mutate", "evolve"])
@pytest.mark.parametrize("canvas", ["shapes", "plain"])
def test_it_goes_on_from_its_saved_state_to_the_bit(
    settings: dict[str, object], process: str, canvas: str
) -> None:
    stages = [
        {"name": "rough", "share": 1, "process": process},
        {"name": "fine", "share": 1, "process": "gradient"},
    ]
    recipe = make_recipe(settings | SMALL | {"canvas": canvas, "steps": 6, "stages": stages, "scale": 0.5})
    first, saved = Session(recipe), {}
    for it in go_on(first):
        saved[it.step] = {name: value.clone() for name, value in first.state().items()}
    for step in (1, 3, 4):
        later = Session.restore(saved[step], recipe)
        *_, last = go_on(later)
        assert torch.equal(later.shown, first.shown), step
        assert last.losses == it.losses


def test_processes_are_those_asked_for(settings: dict[str, object]) -> None:
    recipe = make_recipe(settings | SMALL | {"process": "mutate"})
    assert isinstance(Session(recipe).process, MutateProcess)
    assert isinstance(Session(recipe.with_(process="evolve", canvas="shapes")).process, EvolveProcess)
    with pytest.raises(UsageError, match=r"at most 20000 numbers; --canvas plain has \d+"):
        Session(recipe.with_(process="evolve", canvas="plain", width=128, height=128))


def test_a_dab_is_round_soft_and_of_one_colour() -> None:
    dab = _dab(3, 20, 30, stream(2, "evolve"))
    assert dab.shape == (1, 3, 20, 30)
    shape = dab[0].abs() / dab[0].abs().amax(dim=(1, 2), keepdim=True)
    assert torch.allclose(shape[0], shape[1], atol=1e-4)
    assert shape.min() < 0.7
