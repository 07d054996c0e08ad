"""Pictures: read from a file with every guard, laid on white, and turned into tensors and back."""

from __future__ import annotations

import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

# Pillow's names. Left out are formats that start another program (EPS), and those that are rarely met.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or PPM"
MAX_PIXELS = 89_478_485  # what Pillow warns at; 0.3 GB of RGBA


def open_picture(path: Path, option: str = "") -> Image:
    """Read the picture in a file: RGBA if anything in it is transparent, or else RGB; upright.

    What the EXIF says of its orientation is carried out. Of several pictures in a file it is the first.
    Its texts and its colour profile are left behind. `option`, such as --init, stands before the name of
    the file in messages.

    Raises:
        UsageError: no such file; not one of `READABLE`, or damaged; or more than `MAX_PIXELS` pixels.
    """
    from PIL import Image as PilImage
    from PIL import UnidentifiedImageError

    name = f"{option} {path}".lstrip()
    _require_file(path, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PilImage.DecompressionBombWarning)
            return _read(path)
    except (PilImage.DecompressionBombError, PilImage.DecompressionBombWarning):
        millions = MAX_PIXELS // 1_000_000
        raise UsageError(
            f"{name}: the picture has too many pixels, more than {millions} million. Save it smaller first."
        ) from None
    except UnidentifiedImageError:
        raise UsageError(
            f"{name}: could not be read as a picture. It has to be {READABLE}: save it as PNG first."
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # what a hostile or broken file makes of a reader can be anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UsageError(
            f"{name}: could not be read, the picture is damaged ({reason}). Save it as PNG again."
        ) from None


def _require_file(path: Path, name: str) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, ValueError):
        raise UsageError(f"{name}: there is no such file.") from None
    except OSError as error:
        raise UsageError(f"{name}: could not be read ({error.strerror or error}).") from None
    if stat.S_ISDIR(mode):
        raise UsageError(f"{name}: could not be read, it is a folder. Give the name of a picture in it.")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{name}: could not be read, it is no ordinary file. Save the picture as PNG first.")


def _read(path: Path) -> Image:
    from PIL import Image as PilImage
    from PIL import ImageOps

    with PilImage.open(path, formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:  # also where a program has switched Pillow's limit off
            raise PilImage.DecompressionBombError
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith(("I", "F")):
            upright = _of_bytes(upright)
        picture = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        picture.info.clear()
        return picture


def _of_bytes(image: Image) -> Image:
    """Return a grey picture of 16 bits a pixel in 8, each value rounded down as Pillow does for colours."""
    import numpy as np
    from PIL import Image as PilImage

    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"grey values of the kind {image.mode}, not of 8 or 16 bits")
    return PilImage.fromarray((values >> 8).astype(np.uint8))


def on_white(picture: Image) -> Image:
    """Return a picture as RGB, what is transparent laid on white."""
    from PIL import Image as PilImage

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = PilImage.new("RGBA", picture.size, "white")
    return PilImage.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def to_pil(image: Tensor) -> Image:
    """Return `image`, (3, H, W) RGB in [0, 1] on any device, as a PIL image.

    Each value goes to the nearest of 256 levels; values outside [0, 1] are clamped.

    Raises:
        ValueError: another shape than (3, H, W).
    """
    import torch
    from PIL import Image as PilImage

    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"expected an image of shape (3, H, W), got {tuple(image.shape)}")
    levels = image.detach().float().mul(255).round_().clamp_(0, 255).to("cpu", torch.uint8)
    return PilImage.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def from_pil(picture: Image) -> Tensor:
    """Return a PIL image as (3, H, W) float32 RGB in [0, 1], on the CPU; what is transparent on white.

    The memory is in the order of the picture: a view of (H, W, 3).
    """
    import numpy as np
    import torch

    levels = np.array(on_white(picture), dtype=np.float32)
    return torch.from_numpy(levels / 255).permute(2, 0, 1)
