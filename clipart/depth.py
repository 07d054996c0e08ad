"""Grey pictures of more than 8 bits a pixel, in 8.

| a pixel is | white is |
|---|---|
| a whole number of up to 16 bits | the largest that so many bits hold |
| a whole number of 32 bits | the least of 255, 65535 and the largest of 32 bits that no pixel is above |
| a fraction | the least of 1, 255 and 65535 that no pixel is above; 1 to 16 is brighter than white |

What is below black or above white, or no number, is black or white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, sections 3, 8 and 19
_WHITE_IS_ZERO, _SIGNED = 0, 2
_OVERSHOOT = 16.0  # what a fraction may reach where 1 is white


def to_bytes(picture: ImageFile) -> Image:
    """Return a loaded picture with 8 bits a pixel and channel, as it is if it has no more."""
    import numpy as np
    from PIL import Image as PilImage

    if not picture.mode.startswith(("I", "F")):
        return picture
    tags: Any = getattr(picture, "tag_v2", {})
    values = np.asarray(picture)
    if values.dtype.kind == "f":
        levels = _of_fractions(values)
    else:
        signed = _first(tags.get(_SAMPLE_FORMAT)) == _SIGNED
        levels = _of_whole(values, picture.format, _first(tags.get(_BITS)), signed)
    if _first(tags.get(_PHOTOMETRIC)) == _WHITE_IS_ZERO:
        levels = 255 - levels
    grey = PilImage.fromarray(levels)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):  # the grey that a PNG shows as nothing
        grey.putalpha(PilImage.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _of_whole(values: NDArray[Any], kind: str | None, bits: int | None, signed: bool) -> NDArray[Any]:
    import numpy as np

    if values.dtype.itemsize == 4 and kind == "TIFF" and bits == 32 and not signed:
        values = values.view(np.uint32)  # Pillow has them with a sign
    values = values.astype(np.int64).clip(min=0)
    top = 2 ** (min(bits or 16, 32) - signed) - 1 if kind == "TIFF" else 65535
    if top > 65535:
        top = next((each for each in (255, 65535) if values.max() <= each), top)
    if top == 65535:
        highest: NDArray[Any] = values.clip(max=top) >> 8  # rounded down as Pillow does for colours
        return highest.astype(np.uint8)
    levels: NDArray[Any] = np.rint(values.clip(max=top) * (255 / top)).astype(np.uint8)
    return levels


def _of_fractions(values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    highest = float(values.max())
    top = 1.0 if highest <= _OVERSHOOT else 255.0 if highest <= 255 else 65535.0
    levels: NDArray[Any] = np.rint((values / top).clip(0, 1) * 255).astype(np.uint8)
    return levels


def _first(value: Any) -> int | None:
    """Return a tag of TIFF, which may have one value for each channel."""
    found = value[0] if isinstance(value, tuple) and value else value
    return found if isinstance(found, int) else None
