"""Presets for fetched CLIPs: whose settings they are, and what is said where the CLIPs are not here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clipart.cli import main
from clipart.errors import UsageError
from clipart.models import embedded, registry
from clipart.models.spec import expanded, read_critic
from clipart.presets import FETCHED, load_preset, shipped_names
from clipart.runs import generate

ROOT = Path(__file__).parents[1]
NAMES = [name for name in shipped_names() if load_preset(name).requires == FETCHED]


def test_there_are_several() -> None:
    assert len(NAMES) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_each_names_its_source_and_its_clips(name: str) -> None:
    text = (ROOT / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    source = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    assert re.search(r"arXiv \d{4}\.\d{5}|github\.com/|distill\.pub|notebook .* of 20\d\d", source)
    clips = [
        read_critic(each).name for typed in load_preset(name).settings["clip"] for each in expanded(typed)
    ]
    assert clips
    assert not set(clips) & set(embedded.NAMES)
    assert all(clip in {entry.name for entry in registry.entries()} for clip in clips)


@pytest.mark.parametrize("name", NAMES)
def test_an_embedded_clip_is_refused_with_what_to_fetch(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = " ".join(load_preset(name).settings["clip"])
    assert main(["apple", "--preset", name, "--clip", "tiny"]) == 2
    said = capsys.readouterr().err
    assert "tiny is an embedded one" in said
    assert f"clipart models pull {wanted}\n" in said
    with pytest.raises(UsageError, match="leave --clip out"):
        generate("apple", preset=name, clip=("tiny-80::2",))


def test_what_is_missing_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apple", "--preset", "das", "--device", "cpu"]) == 3
    members = " ".join(registry.ensembles()["das"].members)
    assert f"clipart models pull {members}\n" in capsys.readouterr().err


def test_a_preset_of_ones_own_inherits_it_or_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "das"\nclip = ["tiny"]\n')
    assert load_preset(str(path)).requires == FETCHED
    with pytest.raises(UsageError, match=r"--preset mine is made for fetched CLIPs"):
        generate("apple", preset=path)
    path.write_text('extends = "das"\nclip = ["tiny"]\nrequires = "nothing"\n')
    assert load_preset(str(path)).requires == "nothing"
    assert "requires" not in load_preset(str(path)).settings
    path.write_text('requires = "magic"\n')
    with pytest.raises(UsageError, match=r"requires = 'magic': type 'fetched' or 'nothing'"):
        load_preset(str(path))


def test_the_studio_offers_those_whose_clips_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette")
    from clipart.studio import asked

    assert not {each["name"] for each in asked.presets()} & set(NAMES)
    monkeypatch.setattr(asked, "installed", lambda: ["ViT-B-32/openai"])
    assert {"vqgan-clip", "clipdraw"} <= {each["name"] for each in asked.presets()}
    assert "das" not in {each["name"] for each in asked.presets()}
