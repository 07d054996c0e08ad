"""`--set NAME=VALUE`: any setting by its name."""

from __future__ import annotations

import pytest

from clipart.cli.assignments import change_stages, read_set
from clipart.errors import UsageError
from clipart.knobs import knobs
from clipart.recipe import make_recipe


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("lr=0.03", "lr", 0.03),
        ("steps = 5", "steps", 5),
        ("low-pass=0.1", "low_pass", 0.1),
        ("canvas=shapes", "canvas", "shapes"),
        ("canvas='shapes'", "canvas", "shapes"),
        ("paper=#ff8000", "paper", "#ff8000"),
        ("until=80%", "until", "80%"),
        ("until=0.31", "until", "0.31"),
        ("init=a = b.png", "init", "a = b.png"),
        ("no=fog", "no", ("fog",)),
        ("no=42", "no", ("42",)),
        ('no=["fog", "rain"]', "no", ("fog", "rain")),
        ("seed=007", "seed", 7),
    ],
)
def test_a_value_is_toml_or_else_text(typed: str, name: str, value: object) -> None:
    found = read_set([typed])
    assert (list(found.fields), found.stages, found.extras) == ([name], {}, {})
    made, meant = ({"prompt": "apple::9"} | each for each in (found.fields, {name: value}))
    assert make_recipe(made) == make_recipe(meant)


@pytest.mark.parametrize("name", [name for name in knobs() if name != "prompt"])
def test_every_setting_can_be_set(name: str) -> None:
    assert list(read_set([f"{name}=1"]).fields) == [name]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["lr"], "type NAME=VALUE"),
        (["=5"], "type NAME=VALUE"),
        (["momentm=0.5"], "Did you mean momentum?"),
        (["qqqq=1"], "`clipart --help` lists"),
        (["prompt=apple"], "typed by itself"),
        (["left=[]"], "no such setting"),
        (["extras=1"], "no such setting"),
        (["stages=[]"], "stages.NAME.KEY"),
        (["stages.blobs.left=1"], "no such setting"),
        (["extras.a=1", "extras.a=2"], "twice"),
        (["stages.blobs=1"], "stages.NAME.KEY"),
        (["stages.blobs.lrr=1"], "Did you mean lr?"),
        (["lr=1", "lr=2"], "twice"),
        (["stages.a.lr=1", "stages.a.lr=2"], "twice"),
    ],
)
def test_what_cannot_be_set(typed: list[str], says: str) -> None:
    with pytest.raises(UsageError) as failed:
        read_set(typed)
    assert says in str(failed.value)


@pytest.mark.parametrize(
    "value", ["[" * 9000, "9" * 9999, "{a.b.c = 1}", "1\nsteps = 2", "a." * 9000, "1979-05-27"]
)
def test_a_strange_value_is_a_text(value: str) -> None:
    assert read_set([f"paper={value}"]).fields == {"paper": value}
    assert read_set([f"lr={value}"]).fields == {"lr": value}


def test_stages_are_changed_by_name() -> None:
    stages = (
        {"name": "a", "share": 1.0},
        {"name": "b.c", "share": 2.0, "lr": 0.1},
        {"name": "a", "share": 3.0},
    )
    changes = read_set(["stages.a.lr=0.5", "stages.b.c.low-pass=0.2", "stages.b.c.canvas=plain"]).stages
    assert change_stages(stages, changes) == [
        {"name": "a", "share": 1.0, "lr": 0.5},
        {"name": "b.c", "share": 2.0, "lr": 0.1, "low_pass": 0.2, "canvas": "plain"},
        {"name": "a", "share": 3.0, "lr": 0.5},
    ]
    assert stages[0] == {"name": "a", "share": 1.0}


def test_an_unknown_stage_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no stage is called 'c'\. The stages are: a, b"):
        change_stages([{"name": "a"}, {"name": "b"}], {("c", "lr"): 0.5})
    with pytest.raises(UsageError, match="has no stages"):
        change_stages([], {("c", "lr"): 0.5})


def test_what_was_left_open_in_a_stage_is_open_again() -> None:
    stage = {"name": "a", "share": 1.0, "optimizer": "adam", "scale": 0.5, "left": ("optimizer", "scale")}
    assert change_stages([stage], {("a", "scale"): 0.7}) == [
        {"name": "a", "share": 1.0, "optimizer": None, "scale": 0.7}
    ]


def test_a_setting_of_another_package() -> None:
    assert read_set(["extras.tiles=8", "extras.glue=strong"]).extras == {"tiles": 8, "glue": "strong"}
