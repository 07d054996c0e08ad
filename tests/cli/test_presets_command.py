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
