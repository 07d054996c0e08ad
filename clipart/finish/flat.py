"""Few flat colours with sharp edges, like paper that was cut, or a screen print."""

from __future__ import annotations

from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor

from clipart.finish.clean import clean
from clipart.pictures import from_pil, to_pil

COLOURS = 8
BLUR = 1 / 256  # of the short side; takes off what would become speckle
LARGEST = 2048  # pixels, the side at which shapes are cut before they are made small again
SATURATION = 1.2  # the mean colour of an area is duller than the area looked
MODE = 7  # pixels; the commonest colour around wins, so that borders lose their bands


def flat(image: Tensor) -> Tensor:
    """Return `image`, (3, H, W) RGB in [0, 1], cleaned and in `COLOURS` flat colours with smooth outlines.

    Cleaned as `clean` does it, enlarged, blurred a little, reduced to a palette (Pillow's median cut, then
    k-means), cleaned by a mode filter, and made small again, which smooths the outlines.
    """
    image = clean(image)
    height, width = image.shape[1:]
    times = max(1, min(4, LARGEST // max(height, width)))
    large = to_pil(image).resize((width * times, height * times), Image.Resampling.BICUBIC)
    large = large.filter(ImageFilter.GaussianBlur(BLUR * min(large.size)))
    few = (
        ImageEnhance.Color(large)
        .enhance(SATURATION)
        .quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE)
    )
    plain = few.convert("RGB").filter(ImageFilter.ModeFilter(MODE))
    return from_pil(plain.resize((width, height), Image.Resampling.LANCZOS))
