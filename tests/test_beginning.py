"""Critics of a stage, and `--begin-with`: one CLIP draws the beginning, another goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clipart.cli import main
from clipart.cli.reading import read_beginning, settings_over
from clipart.cli.summary import judge_line
from clipart.errors import UsageError
from clipart.loop import iterate
from clipart.recipe import Recipe, make_recipe
from clipart.runs import Outputs, resume, run
from clipart.session import Session

SMALL = {
    "prompt": "apple", "seed": 3, "width": 32, "height": 32, "steps": 6, "views": 2, "starts": 1, "device": "cpu",
}  # fmt: skip


def begun(**more: object) -> Recipe:
    stages = [{"name": "beginning", "share": 1, "clip": "tiny-80"}, {"name": "rest", "share": 2}]
    return make_recipe({**SMALL, "clip": "tiny", "stages": stages, **more})


@pytest.mark.usefixtures("few_words")
def test_each_stage_climbs_its_own_critics() -> None:
    seen = {it.step: {name.partition("/")[0] for name in it.losses if "/" in name} for it in iterate(begun())}
    assert [seen[step] for step in range(1, 7)] == [{"tiny-80"}] * 2 + [{"tiny"}] * 4


@pytest.mark.usefixtures("few_words")
def test_the_beginning_is_that_of_the_other_critic_and_the_rest_is_not() -> None:
    images = [[it.image.clone() for it in iterate(make_recipe(values))] for values in (
        begun().model_dump(), {**SMALL, "clip": "tiny-80"}, {**SMALL, "clip": "tiny"},
    )]  # fmt: skip
    mixed, first, second = images
    assert torch.equal(mixed[2], first[2])
    assert not torch.equal(mixed[6], first[6])
    assert not torch.equal(mixed[6], second[6])


@pytest.mark.usefixtures("few_words")
def test_a_run_that_goes_on_is_the_same(tmp_path: Path) -> None:
    whole = run(begun(), Outputs(folder=tmp_path / "a", video="none"))
    stop = iter([False, False, False, True])
    cut = run(begun(), Outputs(folder=tmp_path / "b", video="none"), stop_now=lambda: next(stop, True))
    again = resume(cut.folder)
    assert cut.steps < again.steps == 6
    assert again.image.tobytes() == whole.image.tobytes()


def test_all_critics_are_named_and_the_judge_is_not_one_of_them_in_secret() -> None:
    assert begun().critics == ("tiny", "tiny-80")
    recipe = begun(
        stages=[{"name": "a", "share": 1, "clip": ["tiny-judge"]}, {"name": "b", "share": 1}]
    ).resolve()
    assert str(recipe.judge) == "tiny-judge"
    assert judge_line(recipe) == "tiny-judge (not independent: the picture climbed it)"
    assert make_recipe(recipe.model_dump(mode="json")) == recipe


def test_a_stage_takes_no_file() -> None:
    with pytest.raises(UsageError, match="a stage takes CLIPs with a name"):
        begun(stages=[{"name": "a", "share": 1, "clip": "local-dir:/somewhere"}])
    with pytest.raises(UsageError, match=r"stages\.0\.clip"):
        begun(stages=[{"name": "a", "share": 1, "clip": []}])


def test_the_choice_of_a_start_is_that_of_who_begins() -> None:
    fetched = {"name": "a", "share": 1, "clip": "ViT-B-32/openai"}
    recipe = make_recipe({"prompt": "apple", "stages": [fetched, {"name": "b", "share": 1}]})
    assert recipe.resolve().starts == 1
    assert make_recipe({"prompt": "apple"}).resolve().starts == 6


@pytest.mark.usefixtures("few_words")
def test_the_critics_of_a_trial_are_those_of_the_first_step() -> None:
    session = Session(begun(starts=2))
    assert [term.clip.name for term in session.objective.terms] == ["tiny-80"]


@pytest.mark.parametrize(
    ("typed", "name", "part"),
    [("tiny-80", "tiny-80", 20), ("fare4-b32=35.5%", "fare4-b32", 35.5), ("das", "das", 20)],
)
def test_what_is_typed_is_two_stages(typed: str, name: str, part: float) -> None:
    over = settings_over({}, {"begin_with": typed})
    first, rest = over["stages"]
    assert (first["clip"], first["share"], rest["share"]) == ([name], part, 100 - part)
    assert "clip" not in rest
    assert make_recipe({"prompt": "a", **over}).stages[0].share == part


@pytest.mark.parametrize("typed", ["", "=20%", "tiny=0%", "tiny=100%", "tiny=20", "tiny=x%"])
def test_what_cannot_be_read_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--begin-with fare4-b32=30%"):
        read_beginning({"begin_with": typed})


@pytest.mark.usefixtures("few_words")
def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--size", "32", "--steps", "5", "--starts", "1", "--views", "2", "--device", "cpu", "--quiet"]
    out = ["-o", str(tmp_path / "a.png")]
    assert main(["apple", "--begin-with", "tiny-80", *small, *out]) == 0
    assert main(["apple", "--begin-with", "nothing-here", *small, *out, "--force"]) == 3
    assert "no such model" in capsys.readouterr().err
    assert main(["apple", "--preset", "unfold", "--begin-with", "tiny-80", *small, *out, "--force"]) == 2
    assert "has stages of its own" in capsys.readouterr().err
