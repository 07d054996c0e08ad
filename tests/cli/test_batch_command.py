"""`clipart batch`: what a list may be, and what is said of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from clipart.batches import Made
from clipart.cli import main
from clipart.cli.rows import read_rows
from clipart.errors import UsageError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\ufeffapple\n\n# no\n  a red house \n")
    assert [each.prompt for each in read_rows(path, {"steps": 3})] == ["apple", "a red house"]
    assert read_rows(path, {"steps": 3})[0].steps == 3


def test_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'prompt,seed,size,no,lr\napple,3,64x48,"fog",0.05\n\n"a, b",,,,\n')
    one, two = read_rows(path, {"steps": 3})
    assert (one.seed, one.width, one.height, one.no, one.lr, one.steps) == (3, 64, 48, ("fog",), 0.05, 3)
    assert (two.prompt, two.seed, two.steps) == ("a, b", None, 3)


def test_tables_of_toml(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.toml", '[[pictures]]\nprompt = "apple"\nsize = 64\n[[pictures]]\nprompt = "b"\n'
    )
    assert [(each.prompt, each.width) for each in read_rows(path, {})] == [("apple", 64), ("b", 256)]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "\n# x\n", "no picture in this list"),
        ("a.txt", "apple\n(pear\n", "line 2"),
        ("a.csv", "seed\n3\n", "none is called prompt"),
        ("a.csv", "prompt,seed,seed\na,1,2\n", "two columns"),
        ("a.csv", "prompt,seeed\napple,3\n", "Did you mean seed"),
        ("a.csv", "prompt\napple,3\n", "2 cells for 1 columns"),
        ("a.csv", "prompt,steps\napple,0\npear,many\n", "line 3"),
        ("a.csv", 'prompt\n"apple\n', "no CSV"),
        ("a.toml", "steps = 3\n", "[[pictures]]"),
        ("a.toml", "[[pictures]]\nsteps = 3\n", "picture 1: prompt: is needed"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_rows(write(tmp_path / name, text), {})
    assert says in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_rows(tmp_path / "a.txt", {})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def fake(recipes: Any, folder: Any, jobs: int, video: str, tell: Any, stop_now: Any) -> list[Made]:
        seen.update(prompts=[each.prompt for each in recipes], steps=recipes[0].steps, jobs=jobs, video=video)
        found = [
            Made(
                n,
                each.prompt,
                "failed" if "bad" in each.prompt else "made",
                1,
                error="because" * ("bad" in each.prompt),
            )
            for n, each in enumerate(recipes, 1)
        ]
        for each in found:
            tell(each)
        return found

    monkeypatch.setattr("clipart.batches.batch", fake)
    monkeypatch.setattr("clipart.index.write_index", lambda found, folder: (folder / "index.csv",))
    return seen


def test_on_the_command_line(tmp_path: Path, made: dict[str, Any], capsys: Any) -> None:
    path = write(tmp_path / "a.txt", "apple\npear\n")
    assert main(["batch", str(path), "--jobs", "2", "--set", "steps=7", "--folder", str(tmp_path)]) == 0
    assert made == {"prompts": ["apple", "pear"], "steps": 7, "jobs": 2, "video": "none"}
    assert main(["batch", str(path), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [each["event"] for each in events][-3:] == ["picture", "picture", "batch"]


def test_a_failure_is_told_at_the_end(tmp_path: Path, made: dict[str, Any], capsys: Any) -> None:
    assert main(["batch", str(write(tmp_path / "a.txt", "apple\nbad\n"))]) == 1
    assert "2. bad: because" in capsys.readouterr().err


def test_a_list_from_a_pipe(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"apple\npear\n")))
    assert main(["batch", "-"]) == 0
    assert made["prompts"] == ["apple", "pear"]
