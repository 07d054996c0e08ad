"""Pictures: read from a file with every guard, laid on white, and turned into tensors and back."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clipart import limits
from clipart.depth import to_bytes
from clipart.errors import UsageError
from clipart.inputs import opened
from clipart.profiles import to_srgb

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose
    from PIL.ImageFile import ImageFile
    from torch import Tensor

# Pillow's names. Left out are formats that start another program (EPS), and those that are rarely met.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000")
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, PPM or JPEG 2000"
MAX_PIXELS = limits.PICTURE_PIXELS
_ORIENTATION = 0x0112  # the tag of EXIF
# What begins as such a file is no picture that we read, and is refused by its name.
_OTHERS = (
    *((mark, "PostScript (EPS)") for mark in (b"%!PS", b"\xc5\xd0\xd3\xc6")),
    *((mark, "SVG or other XML") for mark in (b"<svg", b"<?xml", b"\xef\xbb\xbf<", b"<!DOCTYPE svg")),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"\x1f\x8b", "packed with gzip"),
)
_HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # or Python would print its messages


def open_picture(path: Path, option: str = "") -> Image:
    """Read the picture in a file: RGBA if anything in it is transparent, or else RGB; upright, in sRGB.

    What the EXIF says of its orientation is carried out, and its colour profile, perceptually; a profile that
    cannot be used is ignored, with a note. Grey values of more than 8 bits are scaled (`clipart.depth`). Of
    several pictures in a file it is the first. `option`, such as --init, stands before the name of the file
    in messages.

    Raises:
        UsageError: no such file; not one of `READABLE`, or damaged; or beyond `clipart.limits.PICTURE_...`.
    """
    name = f"{option} {path}".lstrip()
    with opened(path, name, limits.PICTURE_BYTES) as file, _guarded(name, file):
        return _read(file, name)


def read_about(path: Path) -> dict[str, bytes]:
    """Return the XMP packet of the picture in a file, under "xmp", if it has one; no pixel is decoded.

    Raises:
        UsageError: as `open_picture`.
    """
    from PIL import Image as PilImage

    with opened(path, "", limits.PICTURE_BYTES) as file, _guarded(str(path), file):
        with PilImage.open(file, formats=FORMATS) as picture:
            packet = picture.info.get("xmp")
        return {"xmp": packet} if isinstance(packet, bytes) else {}


@contextmanager
def _guarded(name: str, file: BinaryIO) -> Iterator[None]:
    """Turn everything that a reader of pictures raises, on whatever it is given, into a message."""
    from PIL import Image as PilImage
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PilImage.DecompressionBombWarning)
            yield
    except (PilImage.DecompressionBombError, PilImage.DecompressionBombWarning):
        millions = MAX_PIXELS // 1_000_000
        raise UsageError(
            f"{name}: the picture has too many pixels, more than {millions} million. Save it smaller first."
        ) from None
    except UnidentifiedImageError:
        other = _other_kind(file)
        raise UsageError(
            f"{name}: could not be read as a picture{f', it is {other}' if other else ''}. "
            f"It has to be {READABLE}: save it as PNG first."
        ) from None
    except (MemoryError, UsageError):
        raise
    except Exception as error:  # what a hostile or broken file makes of a reader can be anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][: limits.NOTE_CHARACTERS]
        raise UsageError(
            f"{name}: could not be read, the picture is damaged ({reason}). Save it as PNG again."
        ) from None


def _other_kind(file: BinaryIO) -> str:
    """Return what a file is that is no picture, as far as its first bytes tell."""
    with suppress(OSError, ValueError):
        file.seek(0)
        head = file.read(64)
        if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
            return "HEIC"
        return next((kind for mark, kind in _OTHERS if head.lstrip().startswith(mark)), "")
    return ""


def _read(file: BinaryIO, name: str) -> Image:
    from PIL import Image as PilImage

    with PilImage.open(file, formats=FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:  # also where Pillow's limit is off
            raise PilImage.DecompressionBombError
        if picture.format != "TIFF" and getattr(picture, "n_frames", 1) > limits.PICTURE_FRAMES:
            raise UsageError(f"{name}: has more than {limits.PICTURE_FRAMES:,} pictures in it.")
        profile = picture.info.get("icc_profile")
        picture.load()
        turn = _turn(picture)
        upright = to_bytes(picture)
        upright = upright if turn is None else upright.transpose(turn)
        coloured = to_srgb(upright, profile, name)
        final = coloured.convert("RGBA" if coloured.has_transparency_data else "RGB")
        final.info.clear()
        return final


def _turn(picture: ImageFile) -> Transpose | None:
    """Return how a picture has to be turned to stand upright, by its EXIF; the rest of that is not read.

    Where the EXIF is broken, it is left as it is.
    """
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        found = picture.getexif().get(_ORIENTATION)
    except Exception:  # as above
        return None
    return turns.get(found) if isinstance(found, int) else None


def on_white(picture: Image) -> Image:
    """Return a picture as RGB, what is transparent laid on white."""
    from PIL import Image as PilImage

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = PilImage.new("RGBA", picture.size, "white")
    return PilImage.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def to_pil(image: Tensor) -> Image:
    """Return `image`, (3, H, W) RGB in [0, 1] on any device, as a PIL image; (4, H, W) as RGBA.

    Each value goes to the nearest of 256 levels; values outside [0, 1] are clamped.

    Raises:
        ValueError: another shape.
    """
    import torch
    from PIL import Image as PilImage

    if image.ndim != 3 or image.shape[0] not in (3, 4):
        raise ValueError(f"expected an image of shape (3, H, W) or (4, H, W), got {tuple(image.shape)}")
    levels = image.detach().float().mul(255).round_().clamp_(0, 255).to("cpu", torch.uint8)
    return PilImage.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def with_alpha(picture: Image) -> Tensor:
    """Return a PIL image in [0, 1] on the CPU: (3, H, W), or (4, H, W) if anything in it is transparent."""
    import numpy as np
    import torch

    levels = np.array(picture.convert("RGBA"), dtype=np.float32)
    image = torch.from_numpy(levels / 255).permute(2, 0, 1)
    return image if image[3].min() < 1 else image[:3]


def from_pil(picture: Image) -> Tensor:
    """Return a PIL image as (3, H, W) float32 RGB in [0, 1], on the CPU; what is transparent on white.

    The memory is in the order of the picture: a view of (H, W, 3).
    """
    import numpy as np
    import torch

    levels = np.array(on_white(picture), dtype=np.float32)
    return torch.from_numpy(levels / 255).permute(2, 0, 1)
