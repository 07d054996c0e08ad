"""Words near a word that come out well, and `clipart suggest`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipart.cli import main
from clipart.errors import UsageError
from clipart.models.embedded import everyday_words
from clipart.seeing import suggest, suggesting

LINES = """# a machine, 2026-11-27; 100 steps, seeds 1 2
bread\t2\t2\t80
cake\t1\t2\t90
car\t2\t2\t95
cookie\t2\t2\t70
pie\t2\t2\t40
truck\t2\t2\t85
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "drawn.txt"
    path.write_text(LINES, encoding="utf-8")
    monkeypatch.setattr(suggesting, "TABLE", path)
    suggesting.measured.cache_clear()
    yield path
    suggesting.measured.cache_clear()


def test_only_words_that_came_out_every_time_are_suggested(table: Path) -> None:
    found = suggest("a vehicle on the road")
    assert {drawn.word for drawn, _ in found.near} <= {"bread", "car", "cookie", "truck"}
    assert found.near
    assert found.own is None


def test_the_nearest_in_meaning_come_first(table: Path) -> None:
    cars, food = suggest("truck", most=1), suggest("Cake")
    assert [drawn.word for drawn, _ in cars.near] == ["car"]
    assert food.near[0][0].word in ("bread", "cookie")
    assert [cosine for _, cosine in food.near] == sorted((c for _, c in food.near), reverse=True)
    assert food.own == suggesting.Drawn("cake", 1, 2, 0.9)


@pytest.mark.parametrize(
    ("words", "most", "says"), [("", 8, "0 words"), ("a " * 21, 8, "21 words"), ("cat", 0, "most = 0")]
)
def test_what_is_out_of_range_is_said(table: Path, words: str, most: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        suggest(words, most=most)


def test_the_command_says_how_it_was_measured(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", "cake", "--most", "2"]) == 0
    out = capsys.readouterr().out
    assert "named in 1 of 2 pictures, match 90% on average" in out
    assert "a machine, 2026-11-27" in out
    assert main(["suggest", "van", "--most", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["measured"] is None
    assert {near["word"] for near in found["near"]} == {"car", "truck"}


def test_words_that_are_not_near_are_left_out(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggesting, "NEAR", 0.999)
    assert suggest("van").near == ()
    assert main(["suggest", "van"]) == 0
    assert "No word near it" in capsys.readouterr().out


def test_without_its_table_it_says_so(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table.unlink()
    suggesting.measured.cache_clear()
    assert main(["suggest", "cake"]) == 2
    assert "python bench/suggest.py" in capsys.readouterr().err


@pytest.mark.skipif(not suggesting.TABLE.is_file(), reason="bench/suggest.py has not written it yet")
def test_the_shipped_table_is_of_everyday_words() -> None:
    suggesting.measured.cache_clear()
    found = suggesting.measured()
    assert len(found) > 200
    assert set(found) <= {*everyday_words()}
    assert all(0 <= drawn.first <= drawn.tries and 0 <= drawn.match <= 1 for drawn in found.values())
    assert "20" in suggesting.how()
