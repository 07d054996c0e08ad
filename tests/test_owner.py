"""One process at a time writes in a run's folder, and what killed ones left is cleared away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clipart.errors import UsageError
from clipart.files import hold
from clipart.record import owner
from clipart.record.owner import RunFolder, require_free, resume_command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")


def dead_process() -> int:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    return int(done.stdout)


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path) as first, first.held():
        for _ in range(2):  # the first refusal leaves the lock as it is
            with pytest.raises(UsageError, match=f"process {os.getpid()} on this machine") as caught:
                require_free(tmp_path)
            assert socket.gethostname() in str(caught.value)
            assert f"kill {os.getpid()}" in str(caught.value)
    require_free(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "left", ["{}", "", "noise", '{"pid": "x"}', "[" * 3000, '{"pid": 1, "host": "else"}']
)
def test_the_lock_of_a_killed_process_is_in_nobodys_way(tmp_path: Path, left: str) -> None:
    (tmp_path / ".lock").write_text(left)
    with RunFolder.open(tmp_path) as folder, folder.held():
        found = json.loads((tmp_path / ".lock").read_text())
        assert found == {"pid": os.getpid(), "host": socket.gethostname()}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, the number of the process in the file says whether it is alive."""
    monkeypatch.setattr(owner, "hold", lambda handle: None)
    host, lock = socket.gethostname(), tmp_path / ".lock"
    require_free(tmp_path)
    for pid, name, is_free in ((dead_process(), host, True), (os.getppid(), host, False), (1, "else", False)):
        lock.write_text(json.dumps({"pid": pid, "host": name}))
        if is_free:
            require_free(tmp_path)
            continue
        with pytest.raises(UsageError, match=rf"process {pid} on .*{name}.*If it has ended, remove .*\.lock"):
            require_free(tmp_path)


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    inside, most, refused = 0, 0, 0
    count = threading.Lock()

    def contend() -> None:
        nonlocal inside, most, refused
        for _ in range(25):
            try:
                with RunFolder.open(tmp_path) as folder, folder.held():
                    with count:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0.0005)
                    with count:
                        inside -= 1
            except UsageError:
                with count:
                    refused += 1

    threads = [threading.Thread(target=contend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert 0 < refused < 150
    assert list(tmp_path.iterdir()) == []


def test_only_what_clipart_left_is_cleared_away(tmp_path: Path) -> None:
    inner = tmp_path / "checkpoints"
    inner.mkdir()
    pid = dead_process()
    ours = [
        f".clipart-{pid}-0a1b2c3d-picture.png",
        ".picture-0a1b2c3d.png",  # of version 0.1.0
        f"checkpoints/.clipart-{pid}-0a1b2c3d-step-0000006.safetensors",
        "checkpoints/.tmpA1b2C3",  # of safetensors
        "checkpoints/.step-0000006-0a1b2c3d.safetensors",
    ]
    others = [
        ".bashrc",
        ".picture.png",
        ".git-0a1b2c3d.py",
        "checkpoints/.ssh",
        f".clipart-{os.getpid()}-00000000-a",
    ]
    for name in (*ours, *others):
        (tmp_path / name).write_text("x")
    (tmp_path / f".clipart-{pid}-ffffffff-plot.svg").symlink_to(tmp_path / ".bashrc")
    with RunFolder.open(tmp_path) as folder:
        folder.clear_away()
    assert not [name for name in ours if (tmp_path / name).exists()]
    assert all((tmp_path / name).exists() for name in others)


def test_what_another_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / f".clipart-{dead_process()}-0a1b2c3d-video.mp4"
    with path.open("w") as file, RunFolder.open(tmp_path) as folder:
        assert hold(file.fileno())
        folder.clear_away()
        assert path.exists()


def test_the_command_is_quoted(tmp_path: Path) -> None:
    assert resume_command(Path("outputs/a run; touch PWN")) == "clipart resume 'outputs/a run; touch PWN'"
