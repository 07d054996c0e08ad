"""`clipart batch`, `sweep` and `compare`: what they say, and their exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clipart.cli import main
from clipart.cli.axes import alternatives, read_axes, read_seeds
from clipart.errors import ClipartError, UsageError
from clipart.runs import run

SMALL = [
    "--size",
    "32",
    "--steps",
    "4",
    "--starts",
    "1",
    "--views",
    "2",
    "--video",
    "none",
    "--device",
    "cpu",
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_words: None) -> None:
    monkeypatch.chdir(tmp_path)


def events(capsys: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_batch_makes_a_folder_with_an_index(tmp_path: Path, capsys: Any) -> None:
    Path("My fruit.txt").write_text("a red apple\na fox\n")
    assert main(["batch", "My fruit.txt", *SMALL]) == 0
    folder = tmp_path / "outputs" / "batch-my-fruit"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "index.csv",
        "index.html",
        "sheet.png",
    }
    assert len(list(folder.glob("*/picture.png"))) == 2
    out = capsys.readouterr()
    assert "pictures 2 made" in out.out
    assert "2 pictures in outputs/batch-my-fruit" in out.err
    assert main(["batch", "My fruit.txt", *SMALL, "--json"]) == 0
    found = events(capsys)
    assert [each["event"] for each in found] == ["plan", "picture", "picture", "many"]
    assert (found[-1]["made"], found[-1]["there"], found[-1]["again"]) == (0, 2, "")
    assert main(["batch", "My fruit.txt", *SMALL, "--quiet"]) == 0
    assert capsys.readouterr().out == "outputs/batch-my-fruit\n"


def test_batch_reads_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    piped = SimpleNamespace(isatty=lambda: False, buffer=io.BytesIO(b"prompt,seed\napple,7\n"))
    monkeypatch.setattr("sys.stdin", piped)
    assert main(["batch", "-", "--format", "csv", "--json", *SMALL]) == 0
    assert [each["seed"] for each in events(capsys) if each["event"] == "picture"] == [7]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    assert main(["batch", "-"]) == 2
    assert "clipart batch - < prompts.txt" in capsys.readouterr().err


def test_batch_with_a_failure_ends_with_one_and_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def failing(recipe: Any, *more: Any) -> Any:
        if recipe.prompt == "fox":
            raise ClipartError("No such luck.")
        return run(recipe, *more)

    monkeypatch.setattr("clipart.runs.run", failing)
    Path("p.txt").write_text("apple\nfox\npear\n")
    assert main(["batch", "p.txt", *SMALL]) == 1
    out = capsys.readouterr()
    assert "pictures 2 made, 1 failed" in out.out
    assert (
        "1 of 3 failed:\nline 2, fox, seed 1: No such luck.\nTry these again: clipart batch p.txt" in out.err
    )
    monkeypatch.undo()


def test_batch_names_every_bad_row_before_the_first_picture(tmp_path: Path, capsys: Any) -> None:
    Path("p.csv").write_text("prompt,lr,init\napple,99,\npear,,\nfig,,gone.png\n(plum,,\n")
    assert main(["batch", "p.csv", *SMALL]) == 2
    err = capsys.readouterr().err
    assert "line 2" in err
    assert "line 5" in err
    Path("p.csv").write_text("prompt,init\npear,\nfig,gone.png\n")
    assert main(["batch", "p.csv", *SMALL]) == 2
    assert "line 3: --init gone.png: could not be read, there is no such file." in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_ctrl_c_saves_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    import os
    import signal

    from clipart.cli.many import Board

    def watch(self: Any, task: Any, step: int, steps: int) -> None:
        if task.number == 2 and step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    Path("p.txt").write_text("apple\nfox\npear\n")
    with monkeypatch.context() as patch:
        patch.setattr(Board, "watch", watch)
        assert main(["batch", "p.txt", *SMALL]) == 130
    out = capsys.readouterr()
    assert "1 made, 2 left (Ctrl-C)" in out.out
    assert "go on    clipart batch p.txt --size 32" in out.out
    assert "stopping after this step" in out.err
    assert main(["batch", "p.txt", *SMALL, "--json"]) == 0
    assert [each["state"] for each in events(capsys) if each["event"] == "picture"] == [
        "there",
        "made",
        "made",
    ]


def test_sweep_makes_the_product_best_first(capsys: Any) -> None:
    args = ["sweep", "a {red,green} apple", "--seeds", "2", "--set", "lr=0.05,0.1", *SMALL]
    assert main([*args, "--dry-run", "--json"]) == 0
    (plan,) = events(capsys)
    assert (plan["pictures"], plan["folder"]) == (8, "outputs/sweep-a-red-green-apple")
    assert plan["seconds"] > 0
    assert not Path("outputs").exists()
    assert main(args) == 0
    table = capsys.readouterr().out.split("pictures")[0].splitlines()
    assert table[1].split() == ["match", "prompt", "lr", "seed"]
    rows = [line.split() for line in table[2:] if line.strip()]
    assert len(rows) == 8
    assert len({" ".join(row[1:]) for row in rows}) == 8
    matches = [int(row[0].strip("%")) for row in rows]
    assert matches == sorted(matches, reverse=True)
    assert main([*args, "--json"]) == 0
    found = [each for each in events(capsys) if each["event"] == "picture"]
    assert {each["state"] for each in found} == {"there"}
    assert {"prompt": "a green apple", "lr": "0.05", "seed": "2"} in [each["axes"] for each in found]


def test_sweep_takes_presets(capsys: Any) -> None:
    assert main(["sweep", "apple", "--preset", "poster,cutout", "--dry-run", "--json", *SMALL]) == 0
    assert events(capsys)[0]["pictures"] == 2


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["apple", "--seeds", "9-1"], "a range goes up"),
        (["apple", "--seeds", "x"], "--seeds x: type a range such as 1-9"),
        (["apple", "--seeds", "1,1"], "a seed is in it twice"),
        (["apple", "--seeds", "1001"], "more than 1,000 seeds"),
        (["{a,b} c", "--seeds", "501"], "1,002 pictures; at most 1,000"),
        (["a {b", "--seeds", "2"], "a { without its }"),
        (["apple", "--set", "lr"], "type NAME=VALUE,VALUE"),
        (["apple", "--set", "lr=0.1,"], "there is nothing between two commas"),
        (["apple", "--set", "lr=0.1", "--set", "lr=0.2"], "--set lr is typed twice"),
        (["apple", "--set", "seed=1,2"], "Seeds: --seeds 1-9"),
        (["apple", "--set", "lrr=1,2"], "no such setting"),
        (["apple", "--set", "lr=0.1,99"], "lr = 99"),
        (["apple", "--preset", "poster,nigt"], "No preset 'nigt'"),
        (["apple", "--lr", "0.2", "--set", "lr=0.1,0.3"], "set the same thing"),
        ([], "There is no prompt"),
    ],
)
def test_sweeps_that_are_refused(args: list[str], says: str, capsys: Any) -> None:
    assert main(["sweep", *args]) == 2
    assert says in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_compare_judges_every_picture_against_every_prompt(capsys: Any) -> None:
    args = ["compare", "apple tart", "apple:: tart::", "--seeds", "2", *SMALL]
    assert main([*args, "--json"]) == 0
    found = [each for each in events(capsys) if each["event"] == "compared"]
    assert [each["number"] for each in found] == [1, 2, 3, 4]
    assert all(list(each["matches"]) == ["apple tart", "apple:: tart::"] for each in found)
    assert main(args) == 0
    out = capsys.readouterr().out
    assert "Match of each picture, by tiny-resnet, with" in out
    assert out.count("mean") == 2
    assert main(["compare"]) == 2
    assert "Compare what?" in capsys.readouterr().err


def test_a_picture_matches_its_own_prompt_as_its_run_said(capsys: Any) -> None:
    assert main(["compare", "apple", "fox", "--seeds", "1", "--finish", "none", "--json", *SMALL]) == 0
    found = events(capsys)
    said = {each["number"]: each["match"] for each in found if each["event"] == "picture"}
    for each in (each for each in found if each["event"] == "compared"):
        own = each["matches"][("apple", "fox")[each["number"] - 1]]
        assert own == pytest.approx(said[each["number"]], abs=0.05)  # of the finished picture, in 8 bits


def test_seeds() -> None:
    assert read_seeds("3", 9) == [1, 2, 3]
    assert read_seeds("3,", 9) == read_seeds("3-3", 9) == [3]
    assert read_seeds("1-3, 8", 9) == [1, 2, 3, 8]
    with pytest.raises(UsageError):
        read_seeds("0", 9)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.05,0.1", ["0.05", "0.1"]),
        ("a, b ,a", ["a", "b"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('["clean", "flat"],["clean"]', ['["clean", "flat"]', '["clean"]']),
        ("it's,so", ["it's", "so"]),
        ("[a,b", ["[a", "b"]),
    ],
)
def test_alternatives(text: str, found: list[str]) -> None:
    assert alternatives(text) == found


def test_axes_are_in_the_order_of_the_sheet() -> None:
    axes = read_axes(["a", "b"], {"preset": "poster", "set": ["lr=1,2"]}, [1, 2])
    assert axes == {"prompt": ["a", "b"], "preset": ["poster"], "lr": ["1", "2"], "seed": ["1", "2"]}
