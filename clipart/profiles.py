"""Colour profiles of pictures: carried out, so that what is read is sRGB."""

from __future__ import annotations

import io
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from clipart import limits
from clipart.notes import note

if TYPE_CHECKING:
    from PIL.Image import Image

_SAME = 2  # levels of 255: a profile that moves no colour further is sRGB by another name
_CUBE = (0, 51, 102, 153, 204, 255)
# What LittleCMS calls a profile's colours, and the modes of pictures that are converted for it.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def to_srgb(picture: Image, profile: object, name: str) -> Image:
    """Return `picture`, of 8 bits, in sRGB by the ICC `profile` in its file; None is sRGB already.

    The rendering intent is perceptual. A profile that is broken, or of other colours than the picture's, is
    ignored, with a note.
    """
    if not isinstance(profile, bytes) or not profile:
        return picture
    from PIL import ImageCms

    try:
        if len(profile) > limits.PROFILE_BYTES:
            raise ValueError("too large")
        colours, transform = _transform(profile)
        return picture if transform is None else _converted(picture, _MODES[colours], transform)
    except (ImageCms.PyCMSError, ValueError, OSError, KeyError, TypeError, RuntimeError):
        note(f"{name}: its colour profile cannot be used; its colours are taken as sRGB.")
        return picture


@cache
def srgb_profile() -> bytes:
    """Return an sRGB ICC profile that is the same every time."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # LittleCMS writes the time of day into bytes 24 to 35 (ICC.1:2022, 7.2.1).
    # We write a fixed one, so that equal runs leave equal files.
    profile[24:36] = b"".join(n.to_bytes(2, "big") for n in (2000, 1, 1, 0, 0, 0))
    return bytes(profile)


def _transform(profile: bytes) -> tuple[str, Any]:
    """Return what the profile's colours are, and the way from them to sRGB, None where they are the same."""
    from PIL import Image as PilImage
    from PIL import ImageCms

    if profile == srgb_profile():
        return "RGB", None
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    colours = source.profile.xcolor_space.strip()
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        _MODES[colours],
        "RGB",
        renderingIntent=ImageCms.Intent.PERCEPTUAL,
    )
    if colours == "RGB":
        samples = bytes(level for colour in product(_CUBE, repeat=3) for level in colour)
        before = PilImage.frombytes("RGB", (len(_CUBE) ** 3, 1), samples)
        after = ImageCms.applyTransform(before, transform)
        moved = max(abs(a - b) for a, b in zip(samples, after.tobytes(), strict=True)) if after else 0
        if moved <= _SAME:
            return colours, None
    return colours, transform


def _converted(picture: Image, mode: str, transform: Any) -> Image:
    from PIL import ImageCms

    is_grey = picture.mode in ("1", "L", "LA")
    if (mode == "L" and not is_grey) or (mode in ("CMYK", "LAB")) != (picture.mode in ("CMYK", "LAB")):
        raise ValueError("a profile of other colours than the picture's")
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    converted = ImageCms.applyTransform(picture.convert(mode), transform)
    if converted is None:
        raise ValueError("nothing converted")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
