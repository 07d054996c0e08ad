"""A whole run: what it leaves, that it repeats, and that nothing is lost when it goes wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

import clipart
from clipart.errors import ClipartError, UsageError
from clipart.iterates import Iterate
from clipart.presets import load_recipe
from clipart.recipe import make_recipe
from clipart.record.log import read_log
from clipart.runs import Outputs, generate, run

Settings = dict[str, object]


def make(settings: Settings, tmp_path: Path, **changes: object) -> clipart.Result:
    return run(make_recipe(settings | changes), Outputs(folder=tmp_path, video_seconds=1.0))


def test_a_run_leaves_picture_video_recipe_and_log(settings: Settings, tmp_path: Path) -> None:
    result = make(settings, tmp_path)
    folder = result.paths["picture"].parent
    assert folder.parent == tmp_path
    assert folder.name.endswith("-apple-tart-7")
    assert {p.name for p in folder.iterdir()} == {
        "picture.png",
        "video.mp4",
        "trajectory.mkv",
        "recipe.toml",
        "log.jsonl",
        "checkpoints",
    }
    with Image.open(result.paths["picture"]) as picture:
        assert picture.size == (40, 40)
        assert picture.info["icc_profile"]
        assert picture.tobytes() == result.image.tobytes()
    assert load_recipe(result.paths["recipe"]) == result.recipe
    assert [line.step for line in read_log(result.paths["log"])] == list(range(7))
    assert set(result.timings) == {"start", "steps", "record", "finish"}
    assert result._repr_png_().startswith(b"\x89PNG")


def test_two_runs_with_one_seed_are_the_same_to_the_bit(settings: Settings, tmp_path: Path) -> None:
    one, same, other = (make(settings, tmp_path, seed=seed) for seed in (3, 3, 4))
    assert one.paths["picture"].read_bytes() == same.paths["picture"].read_bytes()
    assert one.paths["picture"] != same.paths["picture"]
    assert one.image.tobytes() != other.image.tobytes()


def test_the_recipe_that_is_left_makes_the_picture_again(settings: Settings, tmp_path: Path) -> None:
    first = make({k: v for k, v in settings.items() if k != "seed"}, tmp_path)
    assert first.recipe.seed is not None
    again = run(load_recipe(first.paths["recipe"]), Outputs(folder=None))
    assert again.image.tobytes() == first.image.tobytes()
    assert again.paths == {}


def test_just_the_picture(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    result = run(make_recipe(settings), Outputs(file=file))
    assert result.paths == {"picture": file}
    assert list(tmp_path.iterdir()) == [file]


def test_a_picture_is_of_a_format_that_is_known(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.bmp"):
        run(make_recipe(settings), Outputs(file=tmp_path / "a.bmp"))
    assert list(tmp_path.iterdir()) == []


def test_stopping_saves_what_there_is(settings: Settings, tmp_path: Path) -> None:
    seen: list[int] = []
    result = run(
        make_recipe(settings | {"steps": 100}),
        Outputs(folder=tmp_path, video_seconds=1.0),
        [lambda it: seen.append(it.step)],
        stop_now=lambda: len(seen) > 3,
    )
    assert result.stop == "interrupted"
    assert result.steps == seen[-1] == 4
    assert result.check.step == 4
    assert set(result.paths) == {"picture", "video", "recipe", "log"}
    assert all(path.is_file() for path in result.paths.values())


def test_a_failure_on_the_way_keeps_the_last_good_picture(settings: Settings, tmp_path: Path) -> None:
    def fail(it: Iterate) -> None:
        if it.step == 4:
            raise ClipartError("the plug was pulled")

    with pytest.raises(ClipartError, match="plug"):
        run(make_recipe(settings), Outputs(folder=tmp_path), [fail])
    (folder,) = tmp_path.iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names == {"picture.png", "trajectory.mkv", "recipe.toml", "log.jsonl"}
    assert read_log(folder / "log.jsonl")[-1].step == 4


def test_nothing_is_made_when_the_run_cannot_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ClipartError):
        run(make_recipe(settings | {"clip": ("no-such-model",)}), Outputs(folder=tmp_path / "out"))
    with pytest.raises(UsageError):
        run(make_recipe(settings), Outputs(file=tmp_path / "missing" / "a.png"))
    assert list(tmp_path.iterdir()) == []


def test_generate_takes_settings_and_a_preset(settings: Settings, tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('about = "mine"\nsteps = 3\nviews = 2\nlr = 0.5\n')
    given = {k: v for k, v in settings.items() if k not in ("prompt", "steps")}
    steps: list[Iterate] = []
    result = generate(
        "apple",
        preset=str(preset),
        outputs=Outputs(folder=None),
        consumers=[steps.append],
        **given | {"lr": 0.1},
    )
    assert (result.recipe.steps, result.recipe.lr, result.recipe.views) == (3, 0.1, 4)
    assert len(steps) == 4
    with pytest.raises(UsageError, match="Did you mean 'steps'"):
        generate("apple", stepps=3)


def test_a_result_cannot_be_changed(settings: Settings) -> None:
    result = run(make_recipe(settings | {"steps": 1}), Outputs(folder=None))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.steps = 5  # type: ignore[misc]


def test_the_finish_is_applied(settings: Settings) -> None:
    plain, cleaned, large = (
        run(make_recipe(settings | changes), Outputs(folder=None))
        for changes in ({"finish": "none"}, {"finish": "clean"}, {"upscale": 2})
    )
    assert plain.image.tobytes() != cleaned.image.tobytes()
    assert large.image.size == (80, 80)
