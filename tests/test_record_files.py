"""What a run leaves: names that every file system takes, and PNG files with texts in them."""

from __future__ import annotations

import datetime
import io
import re
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from clipart.errors import ClipartError, UsageError
from clipart.pictures import to_pil
from clipart.record import files
from clipart.record.files import new_folder, save_png, slug

DAY = datetime.date(2024, 5, 6)


def test_every_level_survives_a_png(tmp_path: Path) -> None:
    levels = torch.arange(256).reshape(1, 16, 16).expand(3, 16, 16)
    save_png(levels / 255, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image)[:, :, 0].ravel(), np.arange(256))
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert image.info["icc_profile"][24:30] == bytes((7, 208, 0, 1, 0, 1))  # not the time of day
        assert "sRGB" in ImageCms.getProfileDescription(profile)


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
        ("แอปเปิ้ล", "แอปเปิ้ล"),
        ("सेब और नींबू", "सेब-और-नींबू"),
        ("क्\u200dष", "क्ष"),
        ("می\u200cخواهم", "میخواهم"),
        ("e\u0301clair", "eclair"),
        ("\u0e31apple", "apple"),
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
    for word in name.split("-"):
        assert word[0].isalnum()
        assert all(char.isalnum() or unicodedata.category(char)[0] == "M" for char in word)
        assert not re.search(r"[\x00-\x7f][\u0300-\u036f]", word)
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
