"""The log: a line a step as it happens, readable after any crash."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.iterates import Check, Iterate, Reading
from clipart.record.log import StepLog, cut_log, read_log
from clipart.record.plot import panels_of

READINGS = (Reading("apple", 1.0, 0.25, 0.75), Reading("grün", -0.5, -0.125, 0.0))


def iterate(step: int, looked_at: int = 0, **changes: object) -> Iterate:
    values = {
        "step": step,
        "steps": 4,
        "image": torch.zeros(3, 1, 1),
        "losses": {"clip/apple": 0.5, "total": 0.1 + step} if step else {},
        "check": Check(looked_at, READINGS),
        "lr": 0.02,
        "stage": "",
        "seconds": step / 8,
    }
    return Iterate(**(values | changes))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(iterate(0, start=3))
        log(iterate(1, stage="blobs"))
        log(iterate(2, looked_at=2, stop="score"))
    start, middle, end = read_log(path)
    assert (start.step, start.losses, start.readings, start.stop) == (0, {}, READINGS, None)
    assert [line.start for line in (start, middle, end)] == [3, None, None]
    assert (middle.stage, middle.lr, middle.seconds) == ("blobs", 0.02, 0.125)
    assert middle.losses == {"clip/apple": 0.5, "total": 1.1}
    assert middle.readings is None  # the judge did not look at this step
    assert (end.readings, end.stop) == (READINGS, "score")


def test_each_step_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = StepLog(path)
    for step in range(3):
        log(iterate(step))
        assert [line.step for line in read_log(path)] == list(range(step + 1))
    log.close()


def test_each_line_is_json_with_its_version(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(iterate(1, losses={"total": math.nan, "tv": math.inf}))
    line = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert line["v"] == 1
    assert line["losses"] == {"total": None, "tv": None}
    assert math.isnan(read_log(path)[0].losses["total"])


def test_numbers_are_short(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(iterate(1, losses={"total": float(torch.tensor(0.1))}))
    assert '"total":0.1}' in path.read_text()


@pytest.mark.parametrize("torn", [b'{"v":1,"step":2,"sec', b"x" * 200_000])
def test_a_torn_last_line_is_left_out_and_removed(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(iterate(0))
        log(iterate(1))
    path.write_bytes(path.read_bytes() + torn)
    assert [line.step for line in read_log(path)] == [0, 1]
    with StepLog(path) as log:  # a run that goes on
        log(iterate(2))
    assert [line.step for line in read_log(path)] == [0, 1, 2]


def test_a_log_that_is_one_torn_line_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"v":1')
    with StepLog(path) as log:
        log(iterate(0))
    assert [line.step for line in read_log(path)] == [0]


def test_a_killed_run_leaves_its_steps(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from clipart.record.log import StepLog; from clipart.iterates import Check, Iterate\n"
        "log = StepLog(Path(sys.argv[1]))\n"
        "for k in range(50): log(Iterate(k, 50, None, {}, Check(0, ()), 0.1, '', 0.0))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, check=False)
    assert [line.step for line in read_log(path)] == list(range(50))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not a line of a clipart log"),
        ("[]", "not a line of a clipart log"),
        ('{"v":1}', "not a line of a clipart log"),
        ('{"v":1,"step":1,"seconds":0,"lr":0,"stage":"","losses":[]}', "not a line of a clipart log"),
        ("[" * 100_000, "not a line of a clipart log"),
        ('{"v":2,"step":1}', "format 2; this clipart reads 1"),
        ('{"v":1,"step":1e999,"seconds":0,"lr":0,"stage":"","losses":{}}', "not a line of a clipart log"),
        ('{"v":1,"step":-1,"seconds":0,"lr":0,"stage":"","losses":{}}', "not a line of a clipart log"),
        ('{"v":1,"step":true,"seconds":0,"lr":0,"stage":"","losses":{}}', "not a line of a clipart log"),
        (f'{{"v":1,"step":1,"seconds":0,"lr":1{"0" * 400},"stage":"","losses":{{}}}}', "not a line of"),
        (" " * 5_000_000, "a log has at most 4194304 bytes in a line"),
    ],
)
def test_other_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(iterate(0))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ClipartError, match=f"log.jsonl, line 2: {message}"):
        read_log(path)


def test_numbers_beyond_float32_are_none(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"v":1,"step":1,"seconds":1e999,"lr":1e300,"stage":"","losses":{"total":-1e999}}\n')
    (line,) = read_log(path)
    assert all(math.isnan(value) for value in (line.seconds, line.lr, line.losses["total"]))
    assert panels_of([line]) is not None


def test_an_interrupted_run_says_how_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with StepLog(path, "clipart resume RUN") as log:
        log(iterate(1))
        log(iterate(2, stop="interrupted"))
    assert [json.loads(line).get("go_on") for line in path.read_text().splitlines()] == [
        None,
        "clipart resume RUN",
    ]
    cut_log(path, 2)
    assert [json.loads(line).get("go_on") for line in path.read_text().splitlines()] == [None, None]
    with StepLog(path, "clipart resume RUN") as log:
        log(iterate(3, stop="steps"))
    assert "go_on" not in path.read_text()


def test_a_log_is_cut_before_a_bad_line(tmp_path: Path) -> None:
    path, told = tmp_path / "log.jsonl", list[str]()
    with StepLog(path) as log:
        log(iterate(0))
        log(iterate(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0\0\n" + whole)
    cut_log(path, 4, told.append)
    assert path.read_bytes() == whole
    assert told == [f"{path}, line 3: not a line of a clipart log. The log goes on from before it."]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClipartError, match="could not be read"):
        read_log(tmp_path / "log.jsonl")
    with pytest.raises(UsageError, match="does not exist"):
        StepLog(tmp_path / "missing" / "log.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = StepLog(tmp_path / "log.jsonl")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file.fileno())
    os.close(full)
    with pytest.raises(ResourceError, match="disk is full"):
        log(iterate(0))
    with pytest.raises(ResourceError, match="disk is full"):
        log.close()  # what did not fit is still in the buffer
