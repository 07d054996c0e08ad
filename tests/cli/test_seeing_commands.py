"""`clipart score`, `describe` and `explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipart.cli import main
from clipart.pictures import open_picture
from tests.drawings import draw_all


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    return draw_all(tmp_path)


def events(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_score_prints_the_best_first(drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "mushroom.png", "sun.png", "sun"]) == 0
    out = capsys.readouterr().out
    assert out.index("sun.png") < out.index("mushroom.png")
    assert "tiny-resnet" in out
    assert main(["score", "mushroom.png", "sun.png", "sun", "--json"]) == 0
    first, second = events(capsys.readouterr().out)
    assert (first["path"], second["path"]) == ("sun.png", "mushroom.png")
    assert first["by"]["tiny"][0]["text"] == "sun"  # type: ignore[index]


def test_describe_says_it_in_a_line(drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "sun.png", "mushroom.png", "--words", "sun,mushroom"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("sun.png: it reads sun ")
    assert second.startswith("mushroom.png: it reads mushroom ")


def test_words_come_from_a_file(drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    Path("words.txt").write_text("car\n\n  sun \n")
    assert main(["describe", "sun.png", "--words", "words.txt", "--grid", "2", "--json"]) == 0
    found = events(capsys.readouterr().out)
    assert len(found) == 5
    assert [word["text"] for word in found[0]["words"]] == ["sun", "car"]  # type: ignore[attr-defined]


def test_explain_writes_a_sheet_and_overlays(
    drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "both.png", "a sun:: mushroom::"]) == 0
    out = capsys.readouterr().out
    assert "a sun: match" in out
    assert "without 'sun' the cosine falls by" in out
    assert out.rstrip().endswith("both-explained.png")
    assert open_picture(Path("both-explained-1-a-sun.png")).size == (512, 256)
    assert open_picture(Path("both-explained-2-mushroom.png")).size == (512, 256)
    assert open_picture(Path("both-explained.png")).width > 3 * 256
    kept = Path("both-explained.png").read_bytes()
    assert main(["explain", "both.png", "a sun:: mushroom::"]) == 2  # they are there
    assert Path("both-explained.png").read_bytes() == kept
    assert main(["explain", "both.png", "a sun:: mushroom::", "--force", "--json"]) == 0
    *parts, last = events(capsys.readouterr().out)
    assert [part["text"] for part in parts] == ["a sun", "mushroom"]
    assert len(parts[0]["heat"]) == 32  # type: ignore[arg-type]
    assert last == {"event": "explained", "path": "both-explained.png", "parts": 2}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["score", "sun.png"], "then the prompt"),
        (["score"], "Score what?"),
        (["score", "no.png", "sun"], "no.png"),
        (["score", "sun.png", "a", "--layout", "round"], "round"),
        (["describe", "sun.png", "--words", " , "], "there is no word in it"),
        (["describe", "sun.png", "--words", "no.txt"], "no.txt"),
        (["describe", "sun.png", "--words", "sun.png"], "no text in UTF-8"),
        (["describe", "words"], "words"),
        (["describe", "sun.png", "--clip", "tyni"], "tyni"),
        (["explain", "sun.png", "sun::0"], "0"),
        (["explain", "sun.png", ""], "prompt"),
        (["explain", "sun.png", "sun", "-o", "sheet.txt"], "sheet.txt"),
        (["explain", "sun.png", "sun", "-o", "no/sheet.png"], "no"),
    ],
)
def test_what_cannot_be_done_is_said(
    drawn: dict[str, Path], capsys: pytest.CaptureFixture[str], typed: list[str], says: str
) -> None:
    before = sorted(Path().iterdir())
    assert main(typed) in (2, 3)
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before
