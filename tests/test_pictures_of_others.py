"""Pictures as people have them: deep greys, turned, in other colours, mislabelled, broken."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from attacks import pictures as made
from PIL import Image

from clipart import limits
from clipart.errors import UsageError
from clipart.pictures import open_picture

DEEP, WHOLE = made.deep(), made.whole()


@pytest.mark.parametrize("name", sorted(DEEP))
def test_a_ramp_from_black_to_white_is_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DEEP[name])
    read = open_picture(tmp_path / name)
    row = np.asarray(read).astype(int)[4, :, 0]
    assert read.mode == "RGB"
    assert row[0] <= 1
    assert row[-1] >= 254
    assert abs(row.mean() / 255 - 0.5) < 0.01
    assert (np.diff(row) > 0).all()


def test_fractions_beyond_white_and_no_numbers_are_cut_off(tmp_path: Path) -> None:
    values = np.array([[0.5, 1.5, np.nan, np.inf, -1.0, -np.inf]], np.float32)
    (tmp_path / "a.tif").write_bytes(made.tiff(values, "<", 3))
    assert np.asarray(open_picture(tmp_path / "a.tif"))[0, :, 0].tolist() == [128, 255, 0, 0, 0, 0]


def test_a_clear_grey_of_16_bits_stays_clear(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=257)
    assert np.asarray(open_picture(tmp_path / "a.png"))[0, :, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tiff"])
def test_it_stands_upright(tmp_path: Path, suffix: str) -> None:
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("black", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"lossless": True} if suffix == "webp" else {}
    picture.save(tmp_path / f"a.{suffix}", exif=exif, **options)
    read = open_picture(tmp_path / f"a.{suffix}")
    assert read.size == (20, 40)
    assert read.getpixel((10, 5))[0] < 10
    assert read.getpixel((10, 35))[0] > 245


@pytest.mark.parametrize("what", sorted(made.STRANGE))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_strange_tag_beside_the_orientation_is_left_alone(tmp_path: Path, suffix: str, what: str) -> None:
    Image.new("RGB", (4, 2), "red").save(tmp_path / f"a.{suffix}", exif=made.exif(6, made.STRANGE[what]))
    assert open_picture(tmp_path / f"a.{suffix}").size == (2, 4)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_of_adobe_rgb_become_srgb(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 3), (60, 179, 75, 128)[: len(mode)]).save(
        tmp_path / "a.png", icc_profile=made.profile()
    )
    read = open_picture(tmp_path / "a.png")
    assert read.mode == mode
    assert np.allclose(read.getpixel((1, 1)), (0, 179, 66, 128)[: len(mode)], atol=2)


def test_greys_of_another_gamma_become_srgb(tmp_path: Path) -> None:
    Image.new("L", (3, 3), 64).save(tmp_path / "a.png", icc_profile=made.profile(b"GRAY", gamma=256))
    assert open_picture(tmp_path / "a.png").getpixel((1, 1))[0] == pytest.approx(137, abs=1)


def test_a_grey_picture_may_have_a_profile_of_colours(tmp_path: Path) -> None:
    Image.new("L", (3, 3), 128).save(tmp_path / "a.png", icc_profile=made.profile())
    assert open_picture(tmp_path / "a.png").getpixel((1, 1)) == pytest.approx((128, 128, 128), abs=2)


@pytest.mark.parametrize(
    "profile",
    [b"no profile", made.profile()[:200], made.profile(b"GRAY"), b"\0" * 400, b"\xff" * 3000],
)
def test_a_broken_profile_is_ignored_with_a_note(
    tmp_path: Path, profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (3, 3), (60, 179, 75)).save(tmp_path / "a.png", icc_profile=profile)
    with caplog.at_level(logging.INFO, "clipart"):
        assert open_picture(tmp_path / "a.png").getpixel((1, 1)) == (60, 179, 75)
    assert "its colour profile cannot be used" in caplog.text


def test_a_profile_that_says_srgb_moves_no_pixel(tmp_path: Path) -> None:
    from PIL import ImageCms

    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(np.asarray(open_picture(tmp_path / "a.png")), pixels)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "EPS"),
        (b"\xc5\xd0\xd3\xc6" + bytes(60), "EPS"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\n <?xml version='1.0'?><svg/>", "SVG"),
        (b"\x1f\x8b\x08" + bytes(9), "gzip"),
        (b"8BPS\0\1" + bytes(20), "PSD"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
    ],
)
@pytest.mark.parametrize("name", ["pic.png", "pic.jpg"])
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=rf"{name}: could not be read as a picture, it is .*{kind}"):
        open_picture(tmp_path / name)


def test_a_file_of_too_many_bytes_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(limits.PICTURE_BYTES + 1)
    with pytest.raises(UsageError, match="at most 1,073,741,824"):
        open_picture(tmp_path / "a.png")


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (3, 3), "red").save(path)
    assert open_picture(path).size == (3, 3)


def test_every_valid_kind_is_read(tmp_path: Path) -> None:
    for name, data in WHOLE.items():
        (tmp_path / name).write_bytes(data)
        read = open_picture(tmp_path / name)
        assert sorted(read.size) == [9, 12], name
        assert read.mode in ("RGB", "RGBA"), name


def test_300_broken_pictures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each gives pixels or one clear message, soon, and no library prints a word."""
    refused, lines = 0, set()
    for name, data in made.mutated(WHOLE, 300, seed=21):
        path = tmp_path / name
        path.write_bytes(data)
        began = time.monotonic()
        try:
            assert open_picture(path).mode in ("RGB", "RGBA")
        except UsageError as error:
            refused += 1
            lines.add(str(error).count("\n"))
        assert time.monotonic() - began < 5
    assert lines == {0}
    assert 30 < refused < 290
    assert capfd.readouterr() == ("", "")
