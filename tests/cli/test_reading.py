"""From what is typed to a recipe and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun

from clipart.cli import main
from clipart.presets import Preset, dump_recipe
from clipart.recipe import make_recipe
from clipart.runs import Outputs


def test_a_default_gives_way_to_a_preset_and_a_preset_to_an_option(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = Preset(
        "soft", "", {"steps": 77, "views": 3, "width": 64, "height": 48, "no": ("fog",)}, ("soft",)
    )
    monkeypatch.setattr("clipart.presets.load_preset", lambda name: {"soft": preset}[name])
    main(["apple", "--preset", "soft", "--views", "5", "-s", "32"])
    recipe = fake.recipe
    assert (recipe.steps, recipe.views, recipe.width, recipe.height) == (77, 5, 32, 32)
    assert recipe.no == ("fog",)
    assert recipe.lr == make_recipe({"prompt": "apple"}).lr
    main(["apple", "--views", "5"])
    assert (fake.recipe.steps, fake.recipe.no) == (500, ())


def test_an_option_at_its_default_overrules_a_preset(fake: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = Preset("quick", "", {"steps": 7, "flip": 0.5}, ("quick",))
    monkeypatch.setattr("clipart.presets.load_preset", lambda name: preset)
    main(["apple", "-p", "quick", "--steps", "500", "--flip", "0"])
    assert (fake.recipe.steps, fake.recipe.flip) == (500, 0)


def test_a_preset_file(fake: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "default"\nsteps = 9\n')
    assert main(["apple", "-p", str(tmp_path / "mine.toml")]) == 0
    assert fake.recipe.steps == 9


def test_no_and_negative_are_one_option(fake: FakeRun) -> None:
    main(["apple::9", "--no", "fog", "--negative", "text", "--no", "rain"])
    assert fake.recipe.no == ("fog", "text", "rain")


@pytest.mark.parametrize("size", ["512x384", "512X384", "512 x 384", "512×384", "512*384"])
def test_size(size: str, fake: FakeRun) -> None:
    main(["apple", "-s", size])
    assert (fake.recipe.width, fake.recipe.height) == (512, 384)
    main(["apple", "--size", "384"])
    assert (fake.recipe.width, fake.recipe.height) == (384, 384)


def test_a_seed_is_drawn_and_told(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    main(["apple"])
    first = fake.recipe.seed
    assert str(first) in capsys.readouterr().out
    main(["apple"])
    assert isinstance(first, int)
    assert fake.recipe.seed != first


def test_outputs(fake: FakeRun) -> None:
    main(["apple"])
    assert fake.outputs == Outputs()
    main(["apple", "--folder", "there", "--video", "none", "--fps", "12", "--video-seconds", "4.5"])
    assert fake.outputs == Outputs(Path("there"), None, "none", 12, 4.5)
    main(["apple", "-o", "apple.png"])
    assert fake.outputs == Outputs(None, Path("apple.png"), "none")


def test_set_is_as_good_as_an_option(fake: FakeRun) -> None:
    assert main(["apple", "--set", "steps=7", "--set", "canvas=shapes", "--set", "seed=3"]) == 0
    assert (fake.recipe.steps, fake.recipe.canvas, fake.recipe.seed) == (7, "shapes", 3)
    assert {"canvas", "seed"}.isdisjoint(fake.recipe.left)


def test_set_goes_over_a_preset_and_keeps_its_stages(fake: FakeRun) -> None:
    main(["apple", "-p", "unfold"])
    before = fake.recipe
    assert main(["apple", "-p", "unfold", "--set", "grain=0.25", "--set", "stages.blobs.lr=0.03"]) == 0
    assert fake.recipe.grain == 0.25
    assert [stage.name for stage in fake.recipe.stages] == [stage.name for stage in before.stages]
    for stage, other in zip(fake.recipe.stages, before.stages, strict=True):
        assert stage == other.model_copy(update={"lr": 0.03} if stage.name == "blobs" else {})


def test_a_seed_that_is_set_is_not_typed_again(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    main(["apple", "--set", "seed=5"])
    assert "clipart apple --set seed=5\n" in capsys.readouterr().out


def test_a_model_that_is_set_is_fetched(fake: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "clipart.cli.downloads.fetch_named", lambda sink, names: asked.extend(map(str, names))
    )
    main(["apple", "--set", "judge=tiny", "--set", "clip=tiny::2"])
    assert asked == ["tiny::2", "tiny"]


@pytest.mark.parametrize("canvas", ["plain", "vqgan"])
def test_replay_changes_a_stage(canvas: str, fake: FakeRun, tmp_path: Path) -> None:
    main(["apple", "-p", "unfold", "--seed", "5", "--set", "stages.blobs.canvas=shapes"])
    made = fake.recipe
    assert (made.stages[1].optimizer, made.stages[1].left) == ("adam", ("optimizer",))
    (tmp_path / "recipe.toml").write_text(dump_recipe(made), encoding="utf-8")
    file = str(tmp_path / "recipe.toml")
    assert main(["replay", file]) == 0
    assert fake.recipe == made
    assert main(["replay", file, "--set", f"stages.blobs.canvas={canvas}", "--set", "lr=0.2"]) == 0
    assert (fake.recipe.stages[1].canvas, fake.recipe.stages[1].optimizer) == (canvas, "sgd")
    assert (fake.recipe.lr, fake.recipe.seed, fake.recipe.stages[0]) == (0.2, 5, made.stages[0])
    main(
        ["apple", "-p", "unfold", "--seed", "5", "--set", f"stages.blobs.canvas={canvas}", "--set", "lr=0.2"]
    )
    (tmp_path / "other.toml").write_text(dump_recipe(fake.recipe), encoding="utf-8")
    new = fake.recipe
    main(["replay", file, "--set", f"stages.blobs.canvas={canvas}", "--set", "lr=0.2"])
    assert fake.recipe.stages == new.stages
