"""Going on: checkpoints, and runs that are the same to the bit wherever they were cut."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

import clipart
from clipart.cli import main
from clipart.errors import ClipartError, UsageError
from clipart.iterates import Iterate
from clipart.recipe import make_recipe
from clipart.record import checkpoint
from clipart.record.checkpoint import checkpoints, latest
from clipart.record.header import stamped
from clipart.record.log import read_log
from clipart.record.metadata import Origin, read_origin, shared
from clipart.record.trajectory import open_trajectory, segments
from clipart.runs import Outputs, resume, run

Settings = dict[str, Any]
OUTPUTS: Settings = {"video": "none", "checkpoint_every": 1, "checkpoint_gap": 0.0}


class Killed(BaseException):
    """Stands in for SIGKILL: nothing may be tidied up after it."""


def start(settings: Settings, folder: Path, **outputs: Any) -> clipart.Result:
    return run(make_recipe(settings), Outputs(folder=folder, **OUTPUTS | outputs))


def cut(settings: Settings, folder: Path, step: int, **outputs: Any) -> Path:
    """Run until after `step`, interrupted there, and return the run's folder."""
    seen: list[int] = []
    result = run(
        make_recipe(settings),
        Outputs(folder=folder, **OUTPUTS | outputs),
        [lambda it: seen.append(it.step)],
        stop_now=lambda: bool(seen) and seen[-1] >= step - 1,
    )
    assert (result.stop, result.steps) == ("interrupted", step)
    return result.paths["picture"].parent


STAGES = [{"name": "rough", "share": 1, "scale": 0.5}, {"name": "fine", "share": 1, "views": 2}]
RUNS: dict[str, Settings] = {
    "plain": {},
    "stages": {"stages": STAGES, "optimizer": "nadam"},
    "multires": {"canvas": "multires"},
    "fourier sgd": {"canvas": "fourier", "optimizer": "sgd"},
    "camera": {"zoom": 1.05, "spin": 3.0, "pan_x": 2.0},
    "starts": {"starts": 4, "seed": 2},
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_cut_run_ends_in_the_same_picture(settings: Settings, tmp_path: Path, name: str, step: int) -> None:
    settings = settings | RUNS[name]
    whole = start(settings, tmp_path / "whole")
    folder = cut(settings, tmp_path / "cut", step)
    notices: list[str] = []
    starts: set[int] = set()
    result = resume(folder, consumers=[lambda it: starts.add(it.start)], tell=notices.append)
    assert notices == []
    assert starts == {read_log(whole.paths["log"])[0].start}
    assert (starts == {1}) == (name != "starts")  # of several, the first is not the one that is kept
    assert (result.stop, result.steps, result.first) == ("steps", 6, step)
    assert result.paths["picture"].read_bytes() == whole.paths["picture"].read_bytes()
    lines = read_log(folder / "log.jsonl")
    assert [line.step for line in lines] == list(range(7))
    assert [line.stop for line in lines] == [None] * 6 + ["steps"]
    assert lines[-1].losses == read_log(whole.paths["log"])[-1].losses
    assert read_origin(result.paths["picture"]).recipe == shared(Origin(whole.recipe)).recipe
    assert read_origin(folder).recipe == whole.recipe


def test_it_may_be_cut_again_and_again(settings: Settings, tmp_path: Path) -> None:
    whole = start(settings, tmp_path / "whole")
    folder = cut(settings, tmp_path / "cut", 1)
    while (ended := resume(folder, stop_now=lambda: True)).stop != "steps":
        assert ended.stop == "interrupted"
    assert ended.paths["picture"].read_bytes() == whole.paths["picture"].read_bytes()


def test_the_trajectory_goes_on(settings: Settings, tmp_path: Path) -> None:
    folder = cut(settings, tmp_path, 3, video="mp4", video_seconds=0.5)
    result = resume(folder)
    assert [path.name for path in segments(folder)] == ["trajectory.mkv", "trajectory-2.mkv"]
    trajectory = open_trajectory(folder)
    assert trajectory.steps == list(range(7))
    assert sum(1 for _ in trajectory.frames()) == 7
    assert read_origin(result.paths["video"]) == read_origin(result.paths["picture"])


def test_a_run_without_its_end_is_finished(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the last step, while the picture and the video were written."""
    whole = start(settings, tmp_path / "whole", video="mp4", video_seconds=0.5)

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("clipart.record.keep.save_picture", die)
    with pytest.raises(Killed):
        start(settings, tmp_path / "cut", video="mp4", video_seconds=0.5)
    monkeypatch.undo()
    (folder,) = (tmp_path / "cut").iterdir()
    (folder / ".picture-0a1b2c3d.png").write_bytes(b"half")
    (folder / "checkpoints" / ".step-0000006-0a1b2c3d.safetensors").write_bytes(b"half")
    result = resume(folder)
    assert result.stop == "steps"
    assert result.paths["picture"].read_bytes() == whole.paths["picture"].read_bytes()
    assert result.paths["video"].is_file()
    assert len(segments(folder)) == 1
    assert not list(folder.rglob(".*"))


def test_a_run_that_has_ended_goes_on_with_more_steps(settings: Settings, tmp_path: Path) -> None:
    first = start(settings, tmp_path)
    folder = first.paths["picture"].parent
    again = resume(folder)
    assert (again.steps, again.paths["picture"].read_bytes()) == (6, first.paths["picture"].read_bytes())
    longer = resume(folder, steps=9)
    assert (longer.stop, longer.steps, longer.recipe.steps) == ("steps", 9, 9)
    assert longer.image.tobytes() != first.image.tobytes()
    assert read_origin(folder).recipe.steps == 9
    assert [line.step for line in read_log(folder / "log.jsonl")] == list(range(10))
    with pytest.raises(UsageError, match="9 steps are done already"):
        resume(folder, steps=8)


def test_more_steps_with_stages_that_begin_elsewhere(settings: Settings, tmp_path: Path) -> None:
    folder = start(settings | {"stages": STAGES}, tmp_path).paths["picture"].parent
    longer = resume(folder, steps=20)  # step 7 is in the first stage of these
    assert longer.steps == 20


def test_a_score_ends_a_resumed_run_as_it_would_have(settings: Settings, tmp_path: Path) -> None:
    settings = settings | {"until": "0.000001%", "check_every": 4, "steps": 12}
    whole = start(settings, tmp_path / "whole")
    assert (whole.stop, whole.steps) == ("score", 4)
    folder = cut(settings | {"until": None}, tmp_path / "cut", 2)
    assert resume(folder).steps == 12  # the target is part of the recipe
    ended = resume(whole.paths["picture"].parent)
    assert (ended.stop, ended.steps) == ("score", 4)


def test_the_picture_that_it_started_from_may_be_gone(settings: Settings, tmp_path: Path) -> None:
    start_from = tmp_path / "start.png"
    Image.linear_gradient("L").save(start_from)
    settings = settings | {"init": str(start_from)}
    whole = start(settings, tmp_path / "whole")
    folder = cut(settings, tmp_path / "cut", 2)
    start_from.unlink()
    assert resume(folder).paths["picture"].read_bytes() == whole.paths["picture"].read_bytes()


# --- checkpoints --------------------------------------------------------------------------------------


def test_the_last_two_are_kept(settings: Settings, tmp_path: Path) -> None:
    folder = start(settings, tmp_path).paths["picture"].parent / "checkpoints"
    assert [path.name for path in checkpoints(folder)] == [f"step-000000{n}.safetensors" for n in (5, 6)]
    assert len(list(folder.iterdir())) == 2


def test_they_are_written_now_and_then(settings: Settings, tmp_path: Path) -> None:
    written: list[int] = []

    def steps(**outputs: Any) -> list[int]:
        written.clear()
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        consumers: list[Callable[[Iterate], None]] = [
            lambda it: written.extend(
                int(path.stem[5:]) for path in folder.rglob("step-*") if int(path.stem[5:]) not in written
            )
        ]
        result = run(make_recipe(settings), Outputs(folder=folder, **OUTPUTS | outputs), consumers)
        assert result.timings["record"] >= 0
        return sorted(written)

    assert steps(checkpoint_every=2) == [2, 4, 6]
    assert steps(checkpoint_every=2, checkpoint_gap=60.0) == [6]
    assert steps(checkpoint_every=0) == []


def damage(path: Path, **header: Any) -> None:
    """Write the checkpoint at `path` again with other values in its header, and the marks that go with them."""
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()["clipart.checkpoint"]) | header
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata=stamped(json.dumps(values), tensors))


def test_a_broken_one_gives_way_to_the_one_before(settings: Settings, tmp_path: Path) -> None:
    whole = start(settings, tmp_path)
    folder = whole.paths["picture"].parent
    older, newer = checkpoints(folder / "checkpoints")
    newer.write_bytes(newer.read_bytes()[:-100])
    told: list[str] = []
    result = resume(folder, tell=told.append)
    assert "Taking the one before" in told[0]
    assert result.first == 5
    assert result.paths["picture"].read_bytes() == whole.paths["picture"].read_bytes()
    for path in (older, newer):
        path.write_bytes(b"noise" * 100)
    with pytest.raises(ClipartError, match="cannot be read"):
        resume(folder)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"format": 1}, "format 1; this clipart reads 2"),
        ({"format": None}, "format None"),
        ({"recipe": {"prompt": "a", "stpes": 1}}, "cannot be read"),
        ({"recipe": []}, "cannot be read"),
        ({"stop": "luck"}, "cannot be read"),
        ({"versions": 5}, "cannot be read"),
        ({"step": 3}, "does not fit its own recipe"),
    ],
)
def test_other_formats_and_lies_are_refused(
    settings: Settings, tmp_path: Path, header: Settings, says: str
) -> None:
    folder = start(settings | {"steps": 1}, tmp_path).paths["picture"].parent
    damage(checkpoints(folder / "checkpoints")[-1], **header)
    with pytest.raises(ClipartError, match=says):
        resume(folder)


def test_tensors_of_another_canvas_are_refused(settings: Settings, tmp_path: Path) -> None:
    folder = start(settings | {"steps": 1}, tmp_path).paths["picture"].parent
    path = checkpoints(folder / "checkpoints")[-1]
    damage(path, recipe=make_recipe(settings | {"steps": 1, "width": 80}).model_dump(mode="json"))
    with pytest.raises(ClipartError, match="does not fit its own recipe"):
        resume(folder)


def test_other_circumstances_are_told(settings: Settings, tmp_path: Path) -> None:
    folder = cut(settings, tmp_path, 2)
    path = checkpoints(folder / "checkpoints")[-1]
    damage(path, device="cuda:0", threads=7, versions={"torch": "1.0"}, models={"tiny": "00"})
    notices = latest(folder).notices(torch.device("cpu"), {"tiny": "11"})
    assert [notice.split()[:3] for notice in notices] == [
        ["torch", "was", "1.0"],
        ["the", "weights", "of"],
        ["the", "device", "was"],
        ["it", "ran", "in"],
    ]
    told: list[str] = []
    assert resume(folder, tell=told.append).stop == "steps"
    assert any("cuda:0" in notice for notice in told)


def test_where_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        resume(tmp_path / "missing")
    with pytest.raises(UsageError, match="no checkpoint in it"):
        resume(tmp_path)


def test_a_full_disk_is_said(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ClipartError, match="disk is full"):
        start(settings, tmp_path)


# --- the command line ---------------------------------------------------------------------------------


def test_resume_on_the_command_line(settings: Settings, tmp_path: Path, capsys: Any) -> None:
    whole = start(settings, tmp_path / "whole")
    folder = cut(settings, tmp_path / "cut", 3)
    capsys.readouterr()
    assert main(["resume", str(folder), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "start"
    assert (events[-1]["event"], events[-1]["stop"], events[-1]["steps"]) == ("done", "steps", 6)
    assert (folder / "picture.png").read_bytes() == whole.paths["picture"].read_bytes()
    assert main(["resume", str(folder), "--steps", "5"]) == 2
    assert "6 steps are done already" in capsys.readouterr().err
    assert main(["resume", str(folder), "--steps", "8", "-q"]) == 0
    assert capsys.readouterr().out == f"{folder / 'picture.png'}\n"


def test_an_interrupted_run_says_how_to_go_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    recipe = make_recipe(settings)
    monkeypatch.setattr("clipart.cli.commands.make.read_recipe", lambda words, given: recipe)
    real = checkpoint.Checkpointer.__call__

    def interrupt(self: Any, it: Iterate) -> None:
        real(self, it)
        if it.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(checkpoint.Checkpointer, "__call__", interrupt)
    assert main(["apple", "--folder", str(tmp_path), "--video", "none"]) == 143
    (folder,) = tmp_path.iterdir()
    assert f"clipart resume {folder}" in capsys.readouterr().out
    assert latest(folder).step == 3
