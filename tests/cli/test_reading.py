"""From what is typed to a recipe and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun

from clipart.cli import main
from clipart.presets import Preset
from clipart.recipe import make_recipe
from clipart.run import Outputs


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
