"""The README keeps its promises: every command in it runs, every picture in it is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from clipart.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
COMMANDS = [line for line in LINES if line.startswith("clipart ")]
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
OTHERS = (
    "describe",
    "explain",
    "suggest",
    "concept",
    "parse",
    "presets",
    "doctor",
    "models",
    "show",
    "replay",
    "resume",
    "video",
    "sheet",
    "plot",
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures that README commands start from."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("readme")
    Image.new("RGB", (64, 48), "orange").save(folder / "photo.jpg")
    (folder / "prompts.txt").write_text("apple\na pear\n")
    return folder


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("line", dict.fromkeys(COMMANDS))
def test_command(
    line: str, studio: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: a new one for each would spend ten times as long on imports."""
    monkeypatch.chdir(studio)
    monkeypatch.setenv("CLIPART_HOME", str(studio / "home"))
    words = shlex.split(line)[1:]
    if words[0] not in OTHERS and not words[0].startswith("--"):
        words += ["--steps", "2", "--size", "48"]
    assert main(words) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str, studio: Path) -> None:
    run(["-c", re.sub(r"steps=\d+", "steps=2", code)], studio)


def test_it_has_a_tour() -> None:
    assert len(COMMANDS) >= 5
    assert PYTHON


def test_pictures_and_pages_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README)
    local = [a or b for a, b in targets if not (a or b).startswith("http")]
    assert any(target.endswith(".png") for target in local)
    for target in local:
        assert (ROOT / target).exists(), target


def test_the_first_picture_carries_its_recipe() -> None:
    shown = run(["-m", "clipart", "show", str(ROOT / "docs/pictures/fruit.png"), "--json"], ROOT)
    recipe = json.loads(shown)["recipe"]
    (prompt, steps, seed) = re.findall(r"`clipart \"([^\"]+)\" --steps (\d+) --seed (\d+)`", README)[0]
    assert (recipe["prompt"], recipe["steps"], recipe["seed"]) == (prompt, int(steps), int(seed))


def test_ci_calls_the_test_command_word_for_word() -> None:
    (command,) = [line for line in LINES if line.endswith("pytest")]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
