"""Pictures as files: the suffix of the name says the format, and each carries the recipe.

| suffix | pixels | where the recipe is |
|---|---|---|
| .png | to the bit | chunks of text |
| .webp | to the bit | XMP, and EXIF for galleries |
| .jpg, .jpeg | quality 95, colours at full resolution | the same |
| .avif | quality 90, colours at full resolution | the same |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.errors import UsageError
from clipart.pictures import to_pil
from clipart.profiles import srgb_profile
from clipart.record.files import save_png
from clipart.record.folder import Place, Slot, require_output, written
from clipart.record.tags import picture_exif, picture_xmp

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(frozen=True)
class Kind:
    """A format: Pillow's name and options, pixels of a side at most, bytes of XMP or EXIF at most.

    `alpha` says whether a picture may be transparent.
    """

    name: str
    side: int
    packet: int = 2**20
    alpha: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


_JPEG = Kind("JPEG", 65_500, 65_000, False, {"quality": 95, "subsampling": "4:4:4"})
KINDS: Mapping[str, Kind] = {
    ".png": Kind("PNG", 2**20),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Kind("WEBP", 16_383, options={"lossless": True, "exact": True}),
    ".avif": Kind("AVIF", 65_536, options={"quality": 90, "subsampling": "4:4:4"}),
}
_MODELS = 4096  # bytes in which the hashes of a run's models fit, which are not known before it begins


def require_picture(
    path: Path, texts: Mapping[str, str] | None = None, side: int = 1, *, alpha: bool = False
) -> None:
    """Check, before any work is done, that a picture can be written at `path`, with `texts` in it.

    `side` is its longer side in pixels, `alpha` whether it is transparent.

    Raises:
        UsageError: a suffix of no format; one that this Pillow cannot write; a picture too large for it, or a
            text. The message names what would do.
        UsageError, ResourceError: as `clipart.record.folder.require_output`.
    """
    kind, png = kind_of(path), path.with_suffix(".png").name
    if alpha and not kind.alpha:
        raise UsageError(f"{path}: {kind.name} has no transparency. Type {png}.")
    if side > kind.side:
        raise UsageError(
            f"{path}: {kind.name} has at most {kind.side:,} pixels a side, and this picture {side:,}. "
            f"Type {png}."
        )
    longest = max(len(picture_xmp(texts)), len(picture_exif(texts))) if texts else 0
    if longest + _MODELS > kind.packet:
        raise UsageError(f"{path}: the recipe is too long for {kind.name}. Type {png}, or add --no-metadata.")
    require_output(path)


def kind_of(path: Path) -> Kind:
    """Return the format of a picture by its suffix.

    Raises:
        UsageError: it is none of ours, or this Pillow cannot write it.
    """
    from PIL import Image as PilImage

    kind = KINDS.get(path.suffix.lower())
    PilImage.init()
    if kind is None or kind.name not in PilImage.SAVE:
        known = [suffix for suffix, each in KINDS.items() if each.name in PilImage.SAVE]
        ends = f"{', '.join(known[:-1])} or {known[-1]}"
        name = path.with_suffix(".png").name if path.stem.strip(".") else "picture.png"
        raise UsageError(f"{path}: a picture ends in {ends}. Type for example {name}.")
    return kind


def save_picture(image: Tensor | Image, place: Place, texts: Mapping[str, str] | None = None) -> None:
    """Write `image`, (3, H, W) RGB in [0, 1] or a PIL image, to `place`, atomically, in sRGB.

    `texts` are what the file carries (`clipart.record.metadata.tags`).

    Raises:
        UsageError, ResourceError, ClipartError: as `require_picture` and `clipart.record.folder.written`.
    """
    from PIL.Image import Image as PilImage

    kind = kind_of(place.path if isinstance(place, Slot) else place)
    if kind.name == "PNG":
        save_png(image, place, texts)
        return
    picture = image if isinstance(image, PilImage) else to_pil(image)
    about: dict[str, Any] = {"exif": picture_exif(texts), "xmp": picture_xmp(texts)} if texts else {}
    with written(place) as temporary:
        picture.save(temporary, kind.name, icc_profile=srgb_profile(), **kind.options, **about)
