"""Many pictures: the same as single ones, each once, whatever fails or is cut."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import clipart.session
from clipart.batches import PICTURE, batch
from clipart.errors import UsageError
from clipart.index import write_index
from clipart.models.kept import kept, models_kept
from clipart.recipe import Recipe, make_recipe
from clipart.runs import Outputs, run


@pytest.fixture
def recipes(settings: dict[str, Any]) -> list[Recipe]:
    return [make_recipe(settings | {"prompt": word, "seed": 3}) for word in ("apple", "tart", "<b>worm</b>")]


def pixels(path: Path) -> bytes:
    with Image.open(path) as picture:
        return picture.tobytes()


def test_pictures_are_those_of_single_runs(recipes: list[Recipe], tmp_path: Path) -> None:
    single = [run(each, Outputs(folder=None)).image.tobytes() for each in recipes]
    for jobs in (1, 2):
        found = batch(recipes, tmp_path / str(jobs), jobs=jobs)
        assert [each.status for each in found] == ["made"] * 3
        assert [each.number for each in found] == [1, 2, 3]
        assert [pixels(each.run / PICTURE) for each in found if each.run] == single


def test_models_are_loaded_once(
    recipes: list[Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = clipart.session.load_clip

    def counted(name: str, *rest: Any) -> Any:
        loaded.append(name)
        return load(name, *rest)

    monkeypatch.setattr(clipart.session, "load_clip", counted)
    batch(recipes, tmp_path)
    assert len(loaded) == len(set(loaded))


def test_begun_again_it_goes_on(recipes: list[Recipe], tmp_path: Path) -> None:
    done: list[int] = []
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += bool(done)
        return asked > 3  # in the second picture

    first = batch(recipes, tmp_path / "cut", tell=lambda made: done.append(made.number), stop_now=stop)
    assert [each.status for each in first] == ["made", "stopped", "stopped"]
    again = batch(recipes, tmp_path / "cut")
    assert [each.status for each in again] == ["there", "made", "made"]
    assert again[0].match == pytest.approx(first[0].match, abs=1e-6)  # as the log has it
    whole = batch(recipes, tmp_path / "whole")
    assert [
        pixels(a.run / PICTURE) == pixels(b.run / PICTURE) for a, b in zip(again, whole, strict=True)
    ] == [True] * 3  # type: ignore[operator]
    assert [each.status for each in batch(recipes, tmp_path / "cut")] == ["there"] * 3


def test_what_fails_does_not_stop_the_others(recipes: list[Recipe], tmp_path: Path) -> None:
    broken = recipes[1].with_(clip=("local-dir:nowhere",))
    found = batch([recipes[0], broken, recipes[2]], tmp_path)
    assert [each.status for each in found] == ["made", "failed", "made"]
    assert "nowhere" in found[1].error


def test_another_recipe_in_its_place_is_refused(recipes: list[Recipe], tmp_path: Path) -> None:
    batch(recipes[:1], tmp_path)
    (found,) = batch(recipes[1:2], tmp_path)
    assert found.status == "failed"
    assert "another --folder" in found.error
    changed = recipes[0].with_(steps=4)
    assert batch([changed], tmp_path)[0].status == "failed"


@pytest.mark.parametrize(("count", "jobs"), [(0, 1), (1, 0), (1, 65)])
def test_out_of_range(recipes: list[Recipe], tmp_path: Path, count: int, jobs: int) -> None:
    with pytest.raises(UsageError, match="1 to"):
        batch(recipes[:count], tmp_path, jobs=jobs)


def test_the_index(recipes: list[Recipe], tmp_path: Path) -> None:
    formula = recipes[1].with_(prompt="=1+1", clip=("local-dir:nowhere",))
    found = batch([recipes[2], formula], tmp_path)
    assert [path.name for path in write_index(found, tmp_path)] == ["index.csv", "index.html", "sheet.png"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "index.csv").read_text(encoding="utf-8"))))
    assert [row["status"] for row in rows] == ["made", "failed"]
    assert (tmp_path / rows[0]["picture"]).is_file()
    assert rows[1]["prompt"] == "'=1+1"  # a spreadsheet would compute it
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;worm&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_kept_models() -> None:
    assert kept(torch.Generator, "a") is not kept(torch.Generator, "a")
    with models_kept():
        one = kept(torch.Generator, "a")
        with models_kept():
            assert kept(torch.Generator, "a") is one
        assert kept(torch.Generator, "b") is not one
