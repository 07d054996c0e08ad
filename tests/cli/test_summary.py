"""What a finished run says."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from fake_run import PICTURE, FakeRun

from clipart.cli import main
from clipart.recipe import Recipe


def test_summary(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apple::2", "--no", "text", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    for words in (
        "80%",
        "cosine 0.300",
        "no text",
        "all 2 steps are done",
        "seed     7",
        str(PICTURE),
        "0:01",
    ):
        assert words in out
    assert "clipart apple::2 --no text --seed 7\n" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "step 2/2" in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    ("stop", "args", "says", "code"),
    [
        ("steps", ["--until", "90%"], "all 2 steps are done, before every part reached 90%", 0),
        ("score", ["--until", "80%"], "every part reached 80% at step 2", 0),
        ("score", ["--until", "0.25"], "every part reached cosine 0.25 at step 2", 0),
        ("seconds", ["--seconds", "30"], "30 s are over at step 2", 0),
        ("interrupted", [], "Ctrl-C at step 2 of 500", 130),
        ("diverged", [], "infinite or not a number at step 2; the picture is from before that", 1),
    ],
)
def test_the_summary_says_what_stopped_it(
    stop: str, args: list[str], says: str, code: int, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.stop = stop
    assert main(["apple", *args]) == code
    out, err = capsys.readouterr()
    assert f" stopped  {says}\n" in out
    assert ("--lr" in err) == (stop == "diverged")


@pytest.mark.parametrize("args", [["apple:: it's::"], ["--steps", "5", "--", "-1"], ["a", "--seed", "3"]])
def test_again_makes_the_same_recipe(
    args: list[str], fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--json", *args])
    done, recipe = json.loads(capsys.readouterr().out.splitlines()[-1]), fake.recipe
    main(shlex.split(done["again"])[1:])
    assert values(fake.recipe) == values(recipe)


def values(recipe: Recipe) -> dict[str, Any]:
    """All settings; `left` says only who chose them."""
    return recipe.model_dump(exclude={"left"})
