"""A folder that is not trusted: no link in it is followed, whoever made it and whenever."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clipart.cli import main
from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.iterates import Check, Iterate
from clipart.record.files import save_png
from clipart.record.folder import Folder, require_output, written
from clipart.record.log import StepLog, cut_log, read_log
from clipart.record.owner import RunFolder
from clipart.record.recorder import Recorder
from clipart.record.trajectory import next_segment, open_trajectory, segments

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
GREY = torch.full((3, 16, 16), 0.5)
NAMES = ["picture.png", "video.mp4", "video.gif", "recipe.toml", "log.jsonl", "plot.svg", "plot.png", ".lock"]
NAMES += ["trajectory.mkv", "trajectory.part.mkv", "trajectory-7.mkv", "checkpoints"]


def a_run(tmp_path: Path) -> tuple[Path, Path]:
    """A run's folder with a short log, and a file outside it."""
    run, victim = tmp_path / "run", tmp_path / "victim"
    run.mkdir()
    victim.write_text("precious")
    with StepLog(run / "log.jsonl") as log:
        for step in range(3):
            log(Iterate(step, 2, GREY, {"total": 1.0 * step}, Check(0, ()), 0.1, "", 0.0))
    return run, victim


def link(path: Path, target: Path) -> None:
    if path.exists():
        path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["victim", "not there", "."])
def test_a_link_in_a_run_is_named_and_not_followed(tmp_path: Path, name: str, target: str) -> None:
    run, victim = a_run(tmp_path)
    link(run / name, tmp_path / target)
    with (
        RunFolder.open(run) as folder,
        pytest.raises(UsageError, match=rf"{name} is a link.*remove it: rm "),
        folder.held(),
    ):
        pass
    assert victim.read_text() == "precious"
    assert not (tmp_path / "not there").exists()
    assert (run / name).is_symlink()


WRITERS: dict[str, Callable[[Path], object]] = {
    "picture.png": lambda run: save_png(GREY, run / "picture.png"),
    "log.jsonl": lambda run: StepLog(run / "log.jsonl"),
    "log.jsonl ": lambda run: cut_log(run / "log.jsonl", 1),
    "trajectory.mkv": lambda run: next_segment(run),
    "trajectory.part.mkv": lambda run: Recorder(run / "trajectory.mkv", 16, 16),
    "plot.svg": lambda run: main(["plot", str(run)]),
    "plot.svg ": lambda run: main(["plot", str(run), "-o", str(run / "plot.svg")]),
    "mine.png": lambda run: main(["sheet", str(run / "a.png"), "-o", str(run / "mine.png")]),
    "recipe.toml": lambda run: main(["resume", str(run)]),
}
READERS: dict[str, Callable[[Path], object]] = {
    "log.jsonl": lambda run: read_log(run / "log.jsonl"),
    "trajectory.mkv": lambda run: open_trajectory(run),
    "trajectory-2.mkv": lambda run: segments(run),
    "recipe.toml": lambda run: main(["show", str(run)]),
    "recipe.toml ": lambda run: main(["replay", str(run)]),
    "picture.png": lambda run: main(["sheet", str(run), "-o", str(run.parent / "s.png")]),
    "video.mp4": lambda run: main(["video", str(run)]),
    "checkpoints": lambda run: main(["resume", str(run)]),
}


def refused(use: Callable[[Path], object], run: Path) -> str:
    """Use the run, which must fail, and return what was said where that is an exception."""
    try:
        code = use(run)
    except UsageError as error:
        return str(error)
    assert code == 2
    return ""


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    run, victim = a_run(tmp_path)
    save_png(GREY, run / "a.png")
    link(run / name.strip(), victim)
    said = refused(WRITERS[name], run)
    assert not said or "is a link" in said
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_nothing_is_read_from_a_link_or_a_pipe(tmp_path: Path, name: str, kind: str) -> None:
    run, victim = a_run(tmp_path)
    path = run / name.strip()
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)  # reading it would wait for ever
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(victim)
    refused(READERS[name], run)


def test_a_hard_link_is_not_written_either(tmp_path: Path) -> None:
    run, victim = a_run(tmp_path)
    (run / "log.jsonl").unlink()
    os.link(victim, run / "log.jsonl")
    os.link(victim, run / ".lock")
    with pytest.raises(UsageError, match="is a link"):
        StepLog(run / "log.jsonl")
    with RunFolder.open(run) as folder, pytest.raises(UsageError, match="is a link"), folder.held():
        pass
    cut_log(run / "log.jsonl", 1)  # makes a new file
    assert victim.read_text() == "precious"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux")
def test_a_folder_that_is_exchanged_while_it_is_open_gets_nothing(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    other.mkdir()
    with Folder.open(run) as folder, folder.sub("checkpoints", make=True) as inner:
        run.rename(tmp_path / "moved")
        run.symlink_to(other)
        save_png(GREY, folder.slot("picture.png"))
        with Recorder(folder.slot("trajectory.mkv"), 16, 16) as recorder:
            recorder.add(GREY, 0)
        with StepLog(folder.slot("log.jsonl")), inner.atomic("a") as temporary:
            temporary.write_text("x")
    assert list(other.iterdir()) == []
    names = ["checkpoints", "log.jsonl", "picture.png", "trajectory.mkv"]
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == names
    assert [path.name for path in (tmp_path / "moved" / "checkpoints").iterdir()] == ["a"]


def test_a_folder_that_is_removed_while_it_is_open_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with Folder.open(tmp_path / "run") as folder:
        shutil.rmtree(tmp_path / "run")
        for use in (
            lambda: folder.sub("checkpoints", make=True),
            lambda: save_png(GREY, folder.slot("a.png")),
        ):
            with pytest.raises(ResourceError, match="removed while it was in use"):
                use()


def test_a_person_may_name_a_link_outside_a_run(tmp_path: Path) -> None:
    target, named = tmp_path / "there.txt", tmp_path / "link.txt"
    target.write_text("old")
    named.symlink_to(target)
    require_output(named)
    with written(named) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    (tmp_path / "log.jsonl").touch()  # now it looks like a run
    with pytest.raises(UsageError, match="is a link"):
        require_output(named)
    with pytest.raises(UsageError, match="is a link"), written(named):
        pass


def test_without_descriptors_links_are_refused_all_the_same(tmp_path: Path) -> None:
    """As on Windows, where folders cannot be opened."""
    run, victim = a_run(tmp_path)
    link(run / "picture.png", victim)
    folder = Folder(run)
    with pytest.raises(UsageError, match="is a link"), folder.atomic("picture.png"):
        pass
    with folder.atomic("plot.svg") as temporary:
        temporary.write_text("x")
    assert folder.reach("plot.svg").read_text() == "x"
    assert victim.read_text() == "precious"


def test_names_that_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "missing"):
        with pytest.raises(UsageError, match="no such folder"):
            Folder.open(tmp_path / name)
    with Folder.open(tmp_path) as folder:
        with pytest.raises(UsageError, match="is a file, and should be a folder"):
            folder.sub("file", make=True)
        with pytest.raises(ClipartError):
            folder.remove("missing")
