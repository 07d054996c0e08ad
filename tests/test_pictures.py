"""Pictures from anywhere: every kind that we say we read, every guard, and the pixels to the bit."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from clipart.errors import UsageError
from clipart.pictures import FORMATS, MAX_PIXELS, from_pil, on_white, open_picture, to_pil

RANDOM = np.random.default_rng(0)


def noise(mode: str, width: int = 13, height: int = 7) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(RANDOM.integers(0, 256, shape, dtype=np.uint8)).convert(mode)


def png(width: int, height: int) -> bytes:
    """A PNG that says it has this size, of hardly any bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_ordinary_pictures_keep_their_pixels(tmp_path: Path, mode: str) -> None:
    picture = noise(mode)
    picture.save(tmp_path / "a.png")
    read = open_picture(tmp_path / "a.png")
    assert read.mode == mode
    assert np.array_equal(np.asarray(read), np.asarray(picture))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tiff", "a.ppm"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "LA"])
def test_read_as_before_this_module(tmp_path: Path, mode: str, name: str) -> None:
    """What was done up to 0.1.0: everything to RGBA, and that on white."""
    try:
        noise("RGBA" if mode in ("RGBA", "LA") else "RGB").convert(mode).save(tmp_path / name)
    except (OSError, ValueError):
        pytest.skip("no such file")
    with Image.open(tmp_path / name) as opened:
        before = opened.convert("RGBA")
    white = Image.new("RGBA", before.size, "white")
    before = Image.alpha_composite(white, before).convert("RGB")
    after = on_white(open_picture(tmp_path / name))
    assert after.mode == "RGB"
    assert np.array_equal(np.asarray(after), np.asarray(before))


def test_every_format_of_the_list_is_one_of_pillows() -> None:
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)


def test_it_stands_upright(tmp_path: Path) -> None:
    picture, exif = noise("RGB"), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "a.png", exif=exif)
    read = open_picture(tmp_path / "a.png")
    assert read.size == (7, 13)
    assert np.array_equal(np.asarray(read), np.asarray(picture.transpose(Image.Transpose.ROTATE_270)))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 128, dtype=np.uint16).reshape(16, 32)
    Image.fromarray(levels).save(tmp_path / "a.png")
    read = open_picture(tmp_path / "a.png")
    assert read.mode == "RGB"
    assert np.array_equal(np.asarray(read)[..., 0], levels >> 8)


def test_nothing_else_comes_with_the_pixels(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("clipart", "{}")
    noise("P").save(tmp_path / "a.png", pnginfo=info, transparency=0)
    read = open_picture(tmp_path / "a.png")
    assert read.mode == "RGBA"
    assert read.info == {}


@pytest.mark.parametrize(
    ("width", "height"), [(9460, 9460), (30_000, 30_000), (2**31 - 1, 1), (10**6, 10**6)]
)
def test_bombs_do_not_go_off(
    tmp_path: Path, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, height))
    with pytest.raises(UsageError, match=r"bomb\.png: .*too many pixels.*89 million"):
        open_picture(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some programs do
    with pytest.raises(UsageError, match="too many pixels"):
        open_picture(path)
    assert MAX_PIXELS < 9460**2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "could not be read as a picture.*PNG, JPEG"),
        (b"not a picture", "could not be read as a picture"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
            "could not be read as a picture",
        ),
        (b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\1\0\0\0\1\0\x08\0\3", "could not be read as a picture"),
        (png(8, 8), "damaged"),
        (b"\x89PNG\r\n\x1a\n truncated", "could not be read"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "in.png").write_bytes(content)
    with pytest.raises(UsageError, match=rf"^--init {tmp_path / 'in.png'}: .*{says}"):
        open_picture(tmp_path / "in.png", "--init")


def test_damage_at_any_place_is_one_clear_message(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp", "gif", "bmp", "tiff", "ppm"):
        path = tmp_path / f"a.{suffix}"
        noise("RGB", 40, 30).save(path)
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 60)):
            for broken in (whole[:at], whole[:at] + b"\xff\0\xff" + whole[at + 3 :]):
                path.write_bytes(broken)
                with suppress(UsageError):
                    assert open_picture(path).mode in ("RGB", "RGBA")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.png", "there is no such file"),
        ("a\0b.png", "there is no such file"),
        ("", "it is a folder"),
    ],
)
def test_what_is_no_file_is_named(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_picture(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="a pipe with a name")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="no ordinary file"):
        open_picture(tmp_path / "pipe.png")


def test_white_shows_through_in_proportion() -> None:
    clear = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (0, 0, 0, 128))
    clear.putpixel((2, 0), (0, 0, 0, 255))
    assert np.asarray(on_white(clear))[0, :, 0].tolist() == [255, 127, 0]


def test_tensors_and_back() -> None:
    picture = noise("RGB")
    image = from_pil(picture)
    assert (image.shape, image.dtype) == ((3, 7, 13), torch.float32)
    assert np.array_equal(np.asarray(to_pil(image)), np.asarray(picture))
    assert torch.equal(image, torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255)
    assert from_pil(ImageOps.mirror(picture)).flip(2).equal(image)
    assert from_pil(Image.new("LA", (2, 2))).unique().tolist() == [1]


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
