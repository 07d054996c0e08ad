"""Files as a run leaves them: whole or not at all, with names that every file system takes."""

from __future__ import annotations

import datetime
import errno
import io
import os
import re
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.record import files
from clipart.record.files import atomic, new_folder, require_space, require_writable, save_png, slug, to_pil

DAY = datetime.date(2024, 5, 6)


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
    ],
)
def test_what_the_system_says_is_explained(
    tmp_path: Path, code: int, kind: type[ClipartError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught, atomic(tmp_path / "a.png"):
        raise OSError(code, os.strerror(code))
    assert "a.png" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(ResourceError, match=r"1,000,000,000.0 GB needed, [\d,.]+ [MG]B free") as caught:
        require_space(tmp_path / "not" / "yet" / "there", 10**18)
    assert str(tmp_path) in str(caught.value)


def test_every_level_survives_a_png(tmp_path: Path) -> None:
    levels = torch.arange(256).reshape(1, 16, 16).expand(3, 16, 16)
    save_png(levels / 255, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image)[:, :, 0].ravel(), np.arange(256))
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert image.info["icc_profile"][24:30] == bytes((7, 208, 0, 1, 0, 1))  # not the time of day
        assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_rounding_is_to_the_nearest_level() -> None:
    values = torch.tensor([-1.0, 0.49 / 255, 0.51 / 255, 254.49 / 255, 254.51 / 255, 2.0])
    image = values.expand(3, 1, 6)
    assert np.asarray(to_pil(image))[0, :, 1].tolist() == [0, 0, 1, 254, 255, 255]


def test_an_image_is_neither_turned_nor_recoloured() -> None:
    image = torch.zeros(3, 4, 6)
    image[0, 1, 5] = 1
    picture = to_pil(image)
    assert picture.size == (6, 4)
    assert picture.getpixel((5, 1)) == (255, 0, 0)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_pil(torch.zeros(1, 3, 4, 4))


def test_png_text_and_bytes(tmp_path: Path) -> None:
    image, text = torch.rand(3, 16, 16), {"parameters": "pomme, 苹果", "clipart": "{}"}
    save_png(image, tmp_path / "a.png", text)
    save_png(to_pil(image), tmp_path / "b.png", text)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as png:
        assert {key: png.text[key] for key in text} == text
    with pytest.raises(ValueError, match="keyword"):
        save_png(image, tmp_path / "c.png", {"": "x"})
    with pytest.raises(ClipartError, match="1 MiB"):
        save_png(image, tmp_path / "c.png", {"long": "x" * (files.MAX_TEXT_BYTES + 1)})
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("apple:: tart::", "apple-tart"),
        ("apple::2 tart::-0.5", "apple-tart"),
        ("a (red:1.3) ((fox))::1.5", "a-red-fox"),
        ("route 66", "route-66"),
        ("Crème brûlée", "creme-brulee"),
        ("don't", "dont"),
        ("🍏", "green-apple"),
        ("苹果", "苹果"),
        ("が", "が"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "picture-con"),
        ("nul", "picture-nul"),
        ("com1", "picture-com1"),
        ("\0\n/\\", "picture"),
        ("", "picture"),
        ("::", "picture"),
    ],
)
def test_slug(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_long_slugs_end_at_a_word() -> None:
    assert slug("wonderful " * 20) == "wonderful-wonderful-wonderful-wonderful"
    assert slug("x" * 500) == "x" * files.SLUG_BYTES
    assert len(slug("果" * 500).encode()) <= files.SLUG_BYTES


@given(st.text())
def test_slugs_are_safe(prompt: str) -> None:
    name = slug(prompt)
    assert re.fullmatch(r"[^\W_]+(-[^\W_]+)*", name)
    assert name == Path(name).name
    assert len(name.encode()) <= files.SLUG_BYTES + len("picture-")
    assert slug(name) == name or name.startswith("picture-")


def test_folders_are_numbered(tmp_path: Path) -> None:
    base = tmp_path / "a" / "outputs"
    names = [new_folder(base, DAY, "apple", 7).name for _ in range(3)]
    assert names == ["2024-05-06-apple-7", "2024-05-06-apple-7-2", "2024-05-06-apple-7-3"]
    assert sorted(path.name for path in base.iterdir()) == names


def test_folders_made_at_one_moment_differ(tmp_path: Path) -> None:
    made: list[Path] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        made.extend(new_folder(tmp_path, DAY, "apple", 7) for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 40


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a\0b", "c:"])
def test_a_folder_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="part of a file name"):
        new_folder(tmp_path, DAY, name, 7)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "outputs").touch()
    with pytest.raises(UsageError, match="is a file"):
        new_folder(tmp_path / "outputs", DAY, "apple", 7)
