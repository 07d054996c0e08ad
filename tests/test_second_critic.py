"""The second embedded critic: which judge it has, and what a summary says of that judge."""

from __future__ import annotations

import pytest

from clipart.cli.summary import judge_line
from clipart.models.registry import descendants, judge_of
from clipart.recipe import make_recipe


def test_both_climb_and_the_judge_does_not() -> None:
    recipe = make_recipe({"prompt": "apple"}).resolve()
    assert [spec.name for spec in recipe.clip] == ["tiny", "tiny-80"]
    assert recipe.judge is not None
    assert recipe.judge.name == judge_of(["tiny", "tiny-80"]) == "tiny-resnet"
    assert judge_of(["tiny"]) == "tiny-judge"
    assert judge_of(["tiny-80", "tiny-resnet"]) == "tiny"
    assert judge_line(recipe) == "tiny-resnet"
    assert (recipe.layout, recipe.distance) == ("apart", "contrast")


def test_who_was_trained_from_whom() -> None:
    assert descendants("tiny-judge", ["tiny", "tiny-80"]) == ["tiny-80"]
    assert descendants("tiny-judge", ["tiny"]) == []
    assert descendants("tiny", ["tiny-80"]) == []


@pytest.mark.parametrize(
    ("clip", "judge", "says"),
    [
        (("tiny",), "tiny-judge", "tiny-judge"),
        (("tiny", "tiny-80"), "tiny-judge", "tiny-judge (not independent: tiny-80 was trained from it)"),
        (("tiny", "tiny-80"), "tiny", "tiny (not independent: the picture climbed it)"),
    ],
)
def test_the_summary_says_whether_the_judge_is_independent(
    clip: tuple[str, ...], judge: str, says: str
) -> None:
    assert judge_line(make_recipe({"prompt": "apple", "clip": clip, "judge": judge})) == says
