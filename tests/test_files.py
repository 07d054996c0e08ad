"""Files on the disk: whole or not at all, with room for them, and their sizes in words."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.files import (
    ORPHAN_AGE,
    atomic,
    clear_orphans,
    free_space,
    locked,
    require_space,
    require_writable,
    sha256,
    size_text,
    write_whole,
)


def test_atomic_shows_the_file_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_leaves_nothing_behind_on_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_atomic_keeps_to_umask_and_links(tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "real.txt", tmp_path / "link.txt"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    with atomic(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device")
def test_a_device_is_never_replaced() -> None:
    with pytest.raises(UsageError, match="not an ordinary file"), atomic(Path("/dev/null")):
        pass
    with pytest.raises(UsageError, match="not an ordinary file"):
        require_writable(Path("/dev/null"))


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.ENOSPC, ResourceError, "disk is full"),
        (errno.EROFS, ResourceError, "read-only"),
        (errno.EIO, ClipartError, "could not be written"),
        (errno.EFBIG, ResourceError, "larger than a file may be"),
        (errno.ENOENT, ClipartError, "could not be written"),  # its folder is there
    ],
)
def test_what_the_system_says_is_explained(
    tmp_path: Path, code: int, kind: type[ClipartError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught, atomic(tmp_path / "a.png"):
        raise OSError(code, os.strerror(code))
    assert "a.png" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="processes and locks of POSIX")
def test_a_killed_process_leaves_no_temporary_file_for_ever(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from clipart.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.png")], cwd=root, check=False)
    (half,) = tmp_path.iterdir()
    assert half.name.startswith(".clipart-")
    (tmp_path / ".x-0a1b2c3d.png").touch()  # might be anybody's
    with atomic(tmp_path / "y.png") as temporary, atomic(tmp_path / "z.png") as other:
        assert temporary.exists()  # of a process that is alive
        assert other.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x-0a1b2c3d.png", "y.png", "z.png"]


@pytest.mark.skipif(os.name != "posix", reason="processes and locks of POSIX")
def test_the_number_of_a_process_may_be_given_again(tmp_path: Path) -> None:
    old, new = (tmp_path / f".clipart-{os.getpid()}-0000000{n}-a.png" for n in range(2))
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - ORPHAN_AGE - 60,) * 2)
    clear_orphans(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


def test_writable_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "new.png")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"does not exist.*mkdir -p"):
        require_writable(tmp_path / "missing" / "a.png")
    with pytest.raises(UsageError, match=r"is a folder.*picture\.png"):
        require_writable(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file, not a folder"):
        require_writable(tmp_path / "file" / "a.png")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / "file")
    with pytest.raises(ResourceError, match="file exists and is read-only"):
        require_writable(tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ResourceError, match=r"folder .* is read-only"):
        require_writable(tmp_path / "new.png")


def test_space_names_folder_needed_and_free(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet" / "there", 1)
    with pytest.raises(ResourceError, match=r"1,000,000 TB needed, [\d,.]+ [MGT]B free") as caught:
        require_space(tmp_path / "not" / "yet" / "there", 10**18)
    assert str(tmp_path) in str(caught.value)


def test_space_says_what_else_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"Make room there, or set HF_HOME\.$"):
        require_space(tmp_path, 10**18, "set HF_HOME")
    assert free_space(tmp_path / "not" / "there") > 0


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.6, "1.0 kB"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (99_940_000, "99.9 MB"),
        (99_960_000, "100 MB"),
        (605_000_000, "605 MB"),
        (999_600_000, "1.0 GB"),
        (2.5e15, "2,500 TB"),
    ],
)
def test_sizes_in_words(count: float, text: str) -> None:
    assert size_text(count) == text


def test_write_whole_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    write_whole(path, "pomme, 苹果")
    assert path.read_bytes() == "pomme, 苹果".encode()
    write_whole(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(ClipartError, match=r"c\.txt/d\.txt: could not be written"):
        write_whole(path / "d.txt", "x")


def test_a_full_disk_says_where_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match=r"a\.txt: the disk is full.*, or set CLIPART_HOME\."):
        write_whole(tmp_path / "a.txt", "new", "set CLIPART_HOME")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_lock_keeps_others_out_and_tells_them(tmp_path: Path) -> None:
    path, order = tmp_path / "new" / "a.json", []
    held = threading.Event()

    def other() -> None:
        held.wait()
        with locked(path, lambda: order.append("waiting")):
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with locked(path, lambda: order.append("never")):
        held.set()
        time.sleep(1.3)
        order.append("first")
    thread.join()
    assert order == ["waiting", "first", "second"]


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")
