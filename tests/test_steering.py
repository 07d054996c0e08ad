"""Weights that change on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import clipart
from clipart.cli import main
from clipart.errors import UsageError
from clipart.pictures import open_picture
from clipart.recipe import Recipe
from clipart.runs import Outputs, generate, resume
from clipart.steering import read_steer, steered, steered_on

SMALL = {"size": 64, "steps": 8, "starts": 1, "views": 2, "seed": 1, "device": "cpu"}


def picture(**more: object) -> torch.Tensor:
    return list(clipart.iterate(Recipe(prompt="a cat:: dog::", **(SMALL | more))))[-1].image  # type: ignore[arg-type]


def test_weights_from_a_step_on() -> None:
    assert read_steer(" 150 = 1, .5 ") == (150, (1.0, 0.5))
    recipe = Recipe(prompt="a cat:: dog::2", no=["fog"], steer=["5=1,1,-1", "3=2,0,-0.5"])
    weights = [
        [part.weight for part in steered(recipe.parts, recipe.steer, step).parts] for step in (2, 3, 4, 5)
    ]
    assert weights == [[1, 2, -0.5], [2, 0, -0.5], [2, 0, -0.5], [1, 1, -1]]
    assert steered_on(recipe, 3, [3, 3, -1]).steer == ("3=2,0,-0.5", "4=3,3,-1")


@pytest.mark.parametrize(
    ("steer", "says"),
    [
        ("x", "type STEP=WEIGHT,WEIGHT"),
        ("0=1,1", "a step from 1 on"),
        ("5=1", "the prompt has 2 parts, and 1 weights"),
        ("5=1,-1", "dog begins with the weight 1, and keeps its sign"),
        ("5=0,0", "add up to more than 0"),
        ("5=1,101", "weights go from -100 to 100"),
    ],
)
def test_what_does_not_fit_is_refused(steer: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Recipe(prompt="a cat:: dog::", steer=[steer])


def test_a_run_follows_the_weights() -> None:
    plain, late = picture(), picture(steer=["5=1,0"])
    assert torch.equal(picture(steer=["5=1,1"]), plain)  # nothing but the weights has changed
    assert not torch.equal(late, plain)
    checks = [
        it.check
        for it in clipart.iterate(Recipe(prompt="a cat:: dog::", steer=["5=3,1"], check_every=4, **SMALL))
    ]
    assert [[reading.weight for reading in check.readings] for check in (checks[0], checks[4])] == [
        [1, 1],
        [3, 1],
    ]


def test_a_run_that_is_steered_on_is_the_run_of_its_recipe(tmp_path: Path) -> None:
    stops = iter([False, False, False, True])
    outputs = Outputs(folder=tmp_path, video="none")
    recipe = Recipe(prompt="a cat:: dog::", **SMALL)  # type: ignore[arg-type]
    half = clipart.runs.run(recipe, outputs, stop_now=lambda: next(stops))
    assert half.stop == "interrupted"
    run = half.paths["recipe"].parent
    with pytest.raises(UsageError, match="the prompt has 2 parts"):
        resume(run, weights=[1])
    whole = resume(run, weights=[0.25, 2])
    assert whole.recipe.steer == (f"{half.steps + 1}=0.25,2",)
    again = generate("a cat:: dog::", steer=whole.recipe.steer, outputs=Outputs(folder=None), **SMALL)  # type: ignore[arg-type]
    assert again.image.tobytes() == whole.image.tobytes()
    with pytest.raises(UsageError, match=r"--weights: the run has ended after 8 steps. Add --steps N"):
        resume(run, weights=[1, 1])


def test_the_command_line_steers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = [f"--{name}={value}" for name, value in SMALL.items()]
    assert main(["a cat:: dog::", *typed, "--steer", "5=1,0.5", "--video", "none", "--json"]) == 0
    (recipe,) = tmp_path.rglob("recipe.toml")
    assert main(["resume", str(recipe.parent), "--steps", "10", "--weights", "2,1"]) == 0
    assert '"9=2,1"' in recipe.read_text()
    assert main(["resume", str(recipe.parent), "--steps", "12", "--weights", "a"]) == 2
    assert "--weights 'a': type a number from -100 to 100 for each part" in capsys.readouterr().err
    (png,) = recipe.parent.glob("picture.png")
    assert open_picture(png).size == (64, 64)
