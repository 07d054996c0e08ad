"""The one schema: ranges, messages, stages, targets."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from clipart.errors import UsageError
from clipart.knobs import knobs
from clipart.recipe import Recipe, make_recipe
from clipart.target import Target, parse_target


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"stpes: no such setting. Did you mean 'steps'\?"):
        make_recipe({"prompt": "apple", "stpes": 5})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("steps", 0, "greater than or equal to 1"),
        ("width", 9000, "less than or equal to 8192"),
        ("canvas", "vector", "There is: multires, plain, fourier, shapes"),
        ("lr", float("nan"), "finite"),
        ("paper", "greenish", "no colour"),
        ("until", "120%", "out of range"),
        ("device", "gpu", "device"),
        ("clip", (), "at least 1"),
    ],
)
def test_out_of_range_names_the_key_and_the_range(key: str, value: object, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_recipe({"prompt": "apple", key: value})
    assert str(caught.value).startswith(f"{key} = ")
    assert says in str(caught.value)


def test_a_stage_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="lr"):
        make_recipe({"prompt": "apple", "stages": [{"name": "rough", "share": 1, "lr": 99}]})
    with pytest.raises(UsageError, match="Did you mean 'views'"):
        make_recipe({"prompt": "apple", "stages": [{"name": "rough", "share": 1, "veiws": 9}]})


def test_recipe_is_frozen() -> None:
    recipe = Recipe(prompt="apple")
    with pytest.raises(UsageError, match=r"recipe.with_\(steps=...\)"):
        recipe.steps = 3  # type: ignore[misc]
    with pytest.raises(UsageError, match="cannot be deleted"):
        del recipe.steps
    assert recipe.steps == 500


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Recipe.model_validate({"prompt": "apple", "steps": "many"}), "steps = 'many'"),
        (lambda: Recipe.model_validate({"prompt": "apple", "stpes": 3}), "Did you mean 'steps'"),
        (lambda: Recipe.model_validate(3), "recipe = 3"),
        (lambda: Recipe.model_validate_json('{"prompt": "apple", "steps": -1}'), "steps = -1"),
        (lambda: Recipe.model_validate_json('{"prom'), "recipe = "),
        (lambda: Recipe.model_validate_strings({"prompt": "apple", "steps": "x"}), "steps = 'x'"),
    ],
)
def test_pydantic_s_own_ways_in_refuse_in_our_words(make: Callable[[], Recipe], names: str) -> None:
    with pytest.raises(UsageError, match=re.escape(names)):
        make()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("80%", Target(0.8, True)),
        ("0.31", Target(0.31, False)),
        (" 5 % ", Target(0.05, True)),
        ("-1", Target(-1, False)),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert parse_target(text) == pytest.approx(target)


@pytest.mark.parametrize("text", ["", "x", "0%", "101%", "1.5", "nan", "1e3", "80 percent"])
def test_bad_targets_say_what_to_type(text: str) -> None:
    with pytest.raises(UsageError, match=r"Type|Try"):
        parse_target(text)


def test_resolve_draws_a_seed_and_keeps_one() -> None:
    assert make_recipe({"prompt": "a", "seed": 0}).resolve().seed == 0
    drawn = {make_recipe({"prompt": "a"}).resolve().seed for _ in range(5)}
    assert None not in drawn
    assert len(drawn) > 1


def test_stages_divide_the_steps_by_share() -> None:
    recipe = make_recipe(
        {
            "prompt": "a",
            "steps": 10,
            "lr": 0.5,
            "stages": [{"name": "rough", "share": 3, "lr": 0.1}, {"name": "fine", "share": 7, "scale": 0.5}],
        }
    )
    names = [recipe.stage_at(step).name for step in range(1, 11)]  # type: ignore[union-attr]
    assert names == ["rough"] * 3 + ["fine"] * 7
    assert (recipe.at(3).lr, recipe.at(4).lr) == (0.1, 0.5)
    assert (recipe.at(3).scale, recipe.at(4).scale) == (None, 0.5)


def test_every_knob_has_a_panel_and_says_what_it_does() -> None:
    for name, field in knobs().items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["group"], name
    assert set(Recipe.model_fields) - set(knobs()) == {"stages", "extras", "left"}


@pytest.mark.parametrize(
    ("clip", "judge", "expected"),
    [
        (("tiny",), None, "tiny-judge"),
        (("tiny-judge::2",), None, "tiny-resnet"),
        (("tiny", "tiny-judge"), None, "tiny-resnet"),
        (("tiny", "fare4-b32::0.5", "RN50/openai"), None, "fare4-b32"),
        (("local-dir:/a/b",), None, "local-dir:/a/b"),
        (("tiny",), "tiny", "tiny"),
        (("fare4-b32",), "tiny-judge", "tiny-judge"),
    ],
)
def test_the_judge_is_one_that_did_not_climb(clip: tuple[str, ...], judge: str | None, expected: str) -> None:
    assert str(make_recipe({"prompt": "a", "clip": clip, "judge": judge}).resolve().judge) == expected
