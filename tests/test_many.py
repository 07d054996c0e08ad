"""Many pictures: the same as single ones, skipped when they are there, gone on with when they were cut."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import clipart
from clipart.errors import ClipartError, ModelError, UsageError
from clipart.many import gather as gathering
from clipart.many.api import run_all
from clipart.many.gather import gather
from clipart.many.tasks import Outcome, Task, look, make_tasks
from clipart.recipe import Recipe, make_recipe
from clipart.record.log import read_log
from clipart.runs import Outputs, run

Settings = dict[str, Any]
SMALL = {"width": 32, "height": 32, "steps": 12, "views": 2, "starts": 1, "check_every": 6, "device": "cpu"}


def recipes(settings: Settings, **more: Any) -> list[Recipe]:
    return [
        make_recipe(settings | {"prompt": word, "seed": None} | more) for word in ("apple", "fox", "apple")
    ]


def bytes_of(outcomes: list[Outcome]) -> dict[int, bytes]:
    return {each.number: each.picture.read_bytes() for each in outcomes if each.picture}


def test_pictures_are_those_of_single_runs(settings: Settings, tmp_path: Path) -> None:
    many = list(clipart.sweep(recipes(settings), folder=tmp_path / "many"))
    assert [(each.number, each.state, each.recipe.seed) for each in many] == [
        (1, "made", 1),
        (2, "made", 1),
        (3, "made", 2),
    ]
    for each in many:
        alone = run(each.recipe, Outputs(folder=tmp_path / "alone"))
        assert each.picture is not None
        assert each.picture.read_bytes() == alone.paths["picture"].read_bytes()
        assert each.match == pytest.approx(
            min(r.match for r in alone.check.readings if r.weight > 0), abs=1e-6
        )
        assert each.image.size == (40, 40)


def test_in_several_processes_they_are_the_same(tmp_path: Path) -> None:
    found = [
        list(clipart.sweep(recipes(SMALL), folder=tmp_path / str(jobs), jobs=jobs, threads=1))
        for jobs in (1, 2)
    ]
    assert [each.state for outcomes in found for each in outcomes] == ["made"] * 6
    assert bytes_of(found[0]) == bytes_of(found[1])
    assert len({*bytes_of(found[0]).values()}) == 3


def test_a_killed_process_costs_nothing(tmp_path: Path) -> None:
    tasks, killed = make_tasks(recipes(SMALL)[:1]), list[int]()
    outputs = Outputs(folder=tmp_path / "many", video="none", checkpoint_every=2, checkpoint_gap=0)

    def watch(task: Task, step: int, steps: int) -> None:
        saved = list((tmp_path / "many").glob("*/checkpoints/*"))
        if saved and not killed:
            (worker,) = (each for each in multiprocessing.active_children() if each.name == "clipart")
            killed.append(worker.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    long = [Task(1, tasks[0].recipe.with_(steps=60))]
    (found,) = gather(long, outputs, jobs=2, threads=1, watch=watch)
    assert killed
    assert found.state == "made"
    alone = next(gather(long, Outputs(folder=tmp_path / "alone", video="none"), threads=1))
    assert bytes_of([found]) == bytes_of([alone])


def test_a_process_that_always_ends_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipart.many.crew.work", os._exit)  # refuses its arguments: the process ends at once
    (found,) = gather(make_tasks(recipes(settings)[:1]), Outputs(folder=tmp_path), jobs=2)
    assert found.state == "failed"
    assert "ended 3 times (exit code 1)" in found.reason


def test_begun_again_it_skips_what_is_done(settings: Settings, tmp_path: Path) -> None:
    first = list(clipart.sweep(recipes(settings)[:2], folder=tmp_path))
    before = bytes_of(first)
    again = list(clipart.sweep(recipes(settings), folder=tmp_path))
    assert [(each.number, each.state) for each in again] == [(1, "there"), (2, "there"), (3, "made")]
    assert {1: bytes_of(again)[1], 2: bytes_of(again)[2]} == before
    assert again[0].match == first[0].match


def test_what_was_cut_goes_on_to_the_same_picture(settings: Settings, tmp_path: Path) -> None:
    tasks, steps = make_tasks(recipes(settings)), list[int]()

    def watch(task: Task, step: int, of: int) -> None:
        steps.append(task.number)

    cut = list(gather(tasks, Outputs(folder=tmp_path / "a"), watch=watch, stop_now=lambda: len(steps) > 10))
    assert [each.state for each in cut] == ["made", "cut"]  # the third was not begun
    rest = list(gather(tasks, Outputs(folder=tmp_path / "a")))
    assert [(each.number, each.state) for each in rest] == [(1, "there"), (2, "made"), (3, "made")]
    whole = list(gather(tasks, Outputs(folder=tmp_path / "b")))
    assert bytes_of(rest) == bytes_of(whole)
    assert rest[1].folder == cut[1].folder
    assert rest[1].folder is not None
    assert [line.step for line in read_log(rest[1].folder / "log.jsonl")] == list(range(7))


def test_a_run_without_a_checkpoint_begins_anew_in_a_new_folder(settings: Settings, tmp_path: Path) -> None:
    (task,) = make_tasks(recipes(settings)[:1])
    (tmp_path / task.name).mkdir()
    (tmp_path / task.name / "recipe.toml").write_text("half")
    (found,) = gather([task], Outputs(folder=tmp_path))
    assert found.state == "made"
    assert found.folder == tmp_path / f"{task.name}-2"
    assert look(tmp_path, task.name).done
    assert (tmp_path / task.name / "recipe.toml").read_text() == "half"


def test_what_fails_stops_no_other(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(recipe: Recipe, *more: Any) -> Any:
        if recipe.prompt == "fox":
            raise MemoryError
        if recipe.seed == 2:
            raise ClipartError("No such luck.")
        return run(recipe, *more)

    monkeypatch.setattr("clipart.runs.run", failing)
    found = list(clipart.sweep(recipes(settings), folder=tmp_path))
    assert [each.state for each in found] == ["made", "failed", "failed"]
    assert found[1].reason.startswith("Out of memory")
    assert found[2].reason == "No such luck."
    with pytest.raises(UsageError, match="No such luck"):
        _ = found[2].image
    rows = (tmp_path / "index.csv").read_text().splitlines()
    assert rows[2].startswith("2,failed,,fox,1,")
    assert rows[2].endswith('or fewer jobs."')


def test_models_are_loaded_once(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clipart import session

    loaded, load = list[str](), session.load_clip
    monkeypatch.setattr(session, "load_clip", lambda name, *more: loaded.append(name) or load(name, *more))
    list(clipart.sweep(recipes(settings), folder=tmp_path))
    assert len(loaded) == 1  # it is the judge, too
    run(recipes(settings)[0].with_(seed=1), Outputs(folder=None))
    assert len(loaded) == 2  # a run by itself keeps nothing


def test_all_that_is_wrong_is_told_before_the_first(settings: Settings, tmp_path: Path) -> None:
    odd = [{"init": str(tmp_path / "no.png")}, {}, {"clip": ("ViT-B-32/openai",)}, {"finish": ("blur:3",)}]
    with pytest.raises(UsageError) as refused:
        clipart.sweep([settings | each for each in odd], folder=tmp_path / "many")
    assert "recipe 4" in str(refused.value) or "blur" in str(refused.value)
    with pytest.raises(UsageError) as refused:
        clipart.sweep([settings | each for each in odd[:3]], folder=tmp_path / "many")
    words = str(refused.value)
    assert "recipe 1: --init" in words
    assert "recipe 2" not in words
    assert "recipe 3" in words
    assert "clipart models pull" in words
    assert "2 of 3 cannot be made" in words
    assert not (tmp_path / "many").exists()
    with pytest.raises(ModelError):
        clipart.sweep([settings | odd[2]], folder=tmp_path / "many")


def test_seeds_are_given_out() -> None:
    apple, pear = Recipe(prompt="apple"), Recipe(prompt="pear")
    tasks = make_tasks([apple, pear, apple, apple.with_(seed=2), apple], first_seed=1)
    assert [task.recipe.seed for task in tasks] == [1, 1, 3, 2, 4]
    assert len({task.name for task in tasks}) == 5
    assert make_tasks([apple])[0].name == make_tasks([pear, apple])[1].name
    with pytest.raises(UsageError, match=r"line 9: the same picture as line 4"):
        make_tasks([apple.with_(seed=1), apple.with_(seed=1)], ["line 4", "line 9"])
    with pytest.raises(UsageError, match="1 to 1,000"):
        make_tasks([])
    with pytest.raises(UsageError, match="1,001 pictures"):
        make_tasks([apple] * 1001)


def test_one_at_a_time_in_a_folder(settings: Settings, tmp_path: Path) -> None:
    found = gather(make_tasks(recipes(settings)), Outputs(folder=tmp_path))
    next(found)
    with pytest.raises(UsageError, match="still going on"):
        list(clipart.sweep(recipes(settings), folder=tmp_path))
    found.close()
    assert list(clipart.sweep(recipes(settings)[:1], folder=tmp_path))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"jobs": 0}, "jobs = 0: from 1 to 64"),
        ({"jobs": 65}, "jobs = 65"),
        ({"threads": -1}, "threads = -1"),
    ],
)
def test_numbers_out_of_range(changes: Settings, says: str, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match=says):
        list(clipart.sweep(recipes(settings), folder=tmp_path, **changes))


def test_a_file_in_place_of_the_folder(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; pictures need a folder"):
        list(clipart.sweep(recipes(settings), folder=tmp_path / "file"))


def test_a_picture_in_memory_is_for_one_process(settings: Settings, tmp_path: Path) -> None:
    from PIL import Image

    given = make_recipe(settings | {"init": Image.new("RGB", (8, 8), "red")})
    with pytest.raises(UsageError, match="not seen by other processes"):
        list(clipart.sweep([given], folder=tmp_path, jobs=2))
    (found,) = clipart.sweep([given], folder=tmp_path)
    assert found.state == "made"


def test_threads_are_given_back(settings: Settings, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    found = gather(make_tasks(recipes(settings)[:2]), Outputs(folder=tmp_path), threads=before + 1)
    next(found)
    assert torch.get_num_threads() == before
    assert next(found).state == "made"


def test_who_leaves_early_finds_an_index(settings: Settings, tmp_path: Path) -> None:
    for _ in run_all(make_tasks(recipes(settings)), tmp_path):
        break
    assert (tmp_path / "index.html").is_file()
    assert len((tmp_path / "index.csv").read_text().splitlines()) == 2
    assert gathering.RunFolder(tmp_path).names()
