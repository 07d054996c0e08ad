"""Which command is meant, and what the shell completes."""

from __future__ import annotations

from typing import Any

import pytest
from fake_run import PICTURE, FakeRun, completions
from typer.testing import CliRunner

from clipart.cli import main
from clipart.cli.app import app
from clipart.cli.sink import Invocation


@pytest.mark.parametrize(
    ("args", "prompt"),
    [
        (["apple"], "apple"),
        (["apple", "--steps", "5"], "apple"),
        (["--steps", "5", "apple"], "apple"),
        (["--quiet", "presets"], "presets"),
        (["make", "presets"], "presets"),
        (["--", "presets"], "presets"),
        (["--", "-1 degrees"], "-1 degrees"),
        (["--steps", "5", "--", "--help"], "--help"),
        (["make", "make"], "make"),
        (["--steps=5", "a (red:1.5) apple"], "a (red:1.5) apple"),
        (["ябълка 🍎:: りんご::2"], "ябълка 🍎:: りんご::2"),
        (["word " * 1900], "word " * 1900),
        (["[bold]no markup[/bold]"], "[bold]no markup[/bold]"),
    ],
)
def test_anything_else_is_a_prompt(args: list[str], prompt: str, fake: FakeRun) -> None:
    assert main(args) == 0
    assert fake.recipe.prompt == prompt


@pytest.mark.parametrize("name", ["parse", "presets", "doctor"])
def test_a_name_that_comes_first_is_a_command(name: str, fake: FakeRun, capsys: Any) -> None:
    main([name, "--help"])
    assert f"Usage: clipart {name}" in capsys.readouterr().out
    assert fake.recipe is None


def test_a_slip_of_the_finger_is_mentioned(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docter"]) == 0
    assert fake.recipe.prompt == "docter"
    assert "clipart doctor" in capsys.readouterr().err
    main(["apple"])
    assert "the command is" not in capsys.readouterr().err


def test_typers_own_runner_sees_the_same_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for each in ("presets", "concept", "models"):
        assert main([each]) == 0  # whatever an action imports, the command can be read again
    shown = CliRunner().invoke(app, ["presets", "--help"])
    assert shown.exit_code == 0
    assert "[NAME]" in shown.stdout


@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("clipart pre", "presets"),
        ("clipart --ste", "--steps"),
        ("clipart apple --ste", "--steps"),
        ("clipart apple --canvas f", "fourier"),
        ("clipart --preset d", "default"),
        ("clipart presets --js", "--json"),
    ],
)
def test_completion(typed: str, offers: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert offers in completions(typed, monkeypatch, capsys)


def test_typers_runner_can_run_the_job(fake: FakeRun) -> None:
    done = CliRunner().invoke(app, ["apple", "--quiet"], obj=Invocation(["apple", "--quiet"]))
    assert (done.exit_code, done.stdout) == (0, f"{PICTURE}\n")
