"""`clipart presets`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_run import FakeRun

from clipart.cli import main
from clipart.presets import Preset


def test_presets_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    presets = {
        "default": Preset("default", "as it comes", {}, ("default",)),
        "soft": Preset("soft", "soft light", {"tv": 2.5, "steps": 500, "clip": ("tiny", "b")}, ("soft",)),
    }
    monkeypatch.setattr("clipart.presets.preset_names", lambda: tuple(presets))
    monkeypatch.setattr("clipart.presets.load_preset", presets.__getitem__)
    assert main(["presets"]) == 0
    out = capsys.readouterr().out
    assert "soft   soft light\n" in out
    assert "clip (tiny, b), tv 2.5\n" in out
    assert "steps" not in out
    assert main(["presets", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert [preset["changes"] for preset in event["presets"]] == [{}, {"clip": ["tiny", "b"], "tv": 2.5}]


def test_every_shipped_preset_shows_settings_that_can_be_read_back(
    tmp_path: Path, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["presets", "--json"])
    for each in json.loads(capsys.readouterr().out)["presets"]:
        assert main(["presets", each["name"]]) == 0
        file = tmp_path / "again.toml"
        file.write_text(capsys.readouterr().out, encoding="utf-8")
        main(["apple", "--seed", "1", "--preset", each["name"]])
        recipe = fake.recipe
        main(["apple", "--seed", "1", "--preset", str(file)])
        assert fake.recipe == recipe
        assert all(getattr(recipe, name) is not None for name in each["changes"])
        capsys.readouterr()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one's own presets are."""
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "presets"


def test_a_preset_of_ones_own_is_made_edited_and_used(
    own: Path, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["presets", "new", "my-look", "--from", "night"]) == 0
    path = own / "my-look.toml"
    assert str(path) in capsys.readouterr().out
    path.write_text(path.read_text().replace("like night, changed", "darker") + "ink = 0.25\n")
    assert main(["presets", "check", "my-look"]) == 0
    assert "my-look: can be read; changes" in capsys.readouterr().out
    assert main(["presets", "diff", "night", "my-look"]) == 0
    assert capsys.readouterr().out.split()[:1] == ["ink"]
    assert main(["presets"]) == 0
    assert "my-look   darker" in capsys.readouterr().out
    assert main(["apple", "--preset", "my-look"]) == 0
    assert fake.recipe.ink == 0.25
    assert main(["presets", "new", "my-look"]) == 2  # it is there
    assert "darker" in path.read_text()
    assert main(["presets", "new", "my-look", "--force"]) == 0
    assert 'extends = "default"' in path.read_text()


def test_a_file_is_a_preset_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text('extends = "poster"\nink = 0.3\n')
    (tmp_path / "b.toml").write_text("inc = 0.3\n")
    assert main(["presets", "check", str(tmp_path / "a.toml")]) == 0
    assert "extends poster" in capsys.readouterr().out
    assert main(["presets", "check", str(tmp_path / "b.toml")]) == 2
    err = capsys.readouterr().err
    assert "b.toml" in err
    assert "ink" in err
    assert main(["presets", "diff", "default", "default", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"] == {}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["diff", "night"], "the names of two presets"),
        (["new"], "the name of a preset"),
        (["new", "Big Look"], "small letters"),
        (["new", "night"], "shipped preset"),
        (["new", "check"], "small letters"),
        (["new", "a", "--from", "nigt"], "'night'"),
        (["list", "night"], "no name"),
        (["nigt"], "'night'"),
    ],
)
def test_what_cannot_be_done_with_presets_is_said(
    own: Path, typed: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["presets", *typed]) == 2
    assert says in capsys.readouterr().err
    assert not own.exists()
