"""Where output goes: for people, for programs, quiet, with and without colour."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from fake_run import MAIN, PICTURE, ROOT, FakeRun, fail_with, python

from clipart.cli import main
from clipart.errors import ModelError


def test_json(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    fake.matches, fake.tried = (0.0, float("nan"), 0.8), (1, 2)
    assert main(["apple", "--seed", "7", "--json"]) == 0
    out, err = capsys.readouterr()
    start, *tries, first, second, third, done = map(json.loads, out.splitlines())
    checks = [first, second, third]
    assert (start["event"], start["recipe"]["seed"], start["recipe"]["steps"]) == ("start", 7, 500)
    assert tries == [{"event": "trying", "start": number, "starts": 6} for number in (1, 2)]
    assert [check["event"] for check in checks] == ["check"] * 3
    assert [check["readings"][0]["match"] for check in checks] == [0.0, None, 0.8]
    assert checks[2]["readings"][1] == {"text": "text", "weight": -0.5, "match": 0.02, "cosine": 0.05}
    assert (done["event"], done["stop"], done["steps"], done["exit_code"]) == ("done", "steps", 2, 0)
    assert done["paths"] == {"picture": str(PICTURE), "log": str(PICTURE.with_name("log.jsonl"))}
    assert (done["seed"], done["seconds"]) == (7, 1.0)
    assert err == ""


def test_quiet(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "-h"]) == 0
    capsys.readouterr()
    assert main(["-q", "docter"]) == 0
    assert capsys.readouterr() == (f"{PICTURE}\n", "")
    fake.during = fail_with(ModelError("there is no such model"))
    assert main(["apple", "--quiet"]) == 3
    assert capsys.readouterr() == ("", "error: there is no such model\n")


@pytest.mark.parametrize(
    ("environment", "args", "colour"),
    [
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
        ({}, [], False),
    ],
)
def test_colour(
    environment: dict[str, str], args: list[str], colour: bool, fake: FakeRun, monkeypatch: Any, capsys: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main(["apple", *args])
    assert ("\x1b" in capsys.readouterr().out) == colour
    main(["apple", "--stpes", *args])
    assert ("\x1b" in capsys.readouterr().err) == colour


def test_an_ascii_terminal_is_no_reason_to_fail() -> None:
    done = python(MAIN, "parse", "яблоко (", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 2
    assert "never closed" in done.stderr
    shown = python(MAIN, env={"PYTHONIOENCODING": "ascii"})
    assert shown.returncode == 0
    assert "Everyday options ----" in shown.stdout


def test_a_reader_that_goes_away_is_no_reason_to_complain() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1
