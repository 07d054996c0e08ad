"""What a run leaves: names that every file system takes, and PNG files with texts in them."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.files import explain
from clipart.pictures import to_pil
from clipart.profiles import srgb_profile
from clipart.record.folder import Place, written

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SLUG_BYTES = 48
_XMP = "XML:com.adobe.xmp"
MAX_TEXT_BYTES = 1024 * 1024  # Pillow refuses to read more than this from one text chunk
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_WEIGHTS = re.compile(rf"::(?:{_NUMBER}(?=\s|$))?|:\s*{_NUMBER}\s*(?=\))")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


def save_png(image: Tensor | Image, path: Place, text: Mapping[str, str] | None = None) -> None:
    """Write `image`, (3, H, W) RGB in [0, 1] or a PIL image, to `path` as PNG, atomically.

    The file says that it is sRGB (an ICC profile) and carries `text`, keyword to value. The same image and
    text give the same bytes. In the folder of a run, a link is refused (`clipart.record.folder.written`).

    Raises:
        ValueError: a keyword that PNG does not allow (1 to 79 characters of printable Latin-1).
        UsageError, ResourceError, ClipartError: as `written`; also a text of more than 1 MiB.
    """
    from PIL.Image import Image as PilImage
    from PIL.PngImagePlugin import PngInfo

    picture = image if isinstance(image, PilImage) else to_pil(image)
    info = PngInfo()
    for key, value in (text or {}).items():
        if not 1 <= len(key) <= 79 or not key.isprintable() or any(ord(c) > 255 for c in key):
            raise ValueError(f"{key!r} is no PNG keyword: 1 to 79 characters of printable Latin-1")
        if len(value.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
            raise ClipartError(f"{path}: the text {key!r} is larger than a PNG reader accepts (1 MiB).")
        if key == _XMP:
            info.add_itxt(key, value)  # the one form that its specification allows
        else:
            info.add_text(key, value)
    with written(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=info, icc_profile=srgb_profile(), optimize=False)


def slug(prompt: str) -> str:
    """Return a short name for `prompt`: one part of a file name on every system, never empty, never a path.

    Weights and accents are left out, pictographs are replaced by their Unicode names, and letters of other
    scripts are kept, with the marks on them. Words are joined by "-", up to `SLUG_BYTES` bytes:

    >>> slug("Crème brûlée:: (apple:1.3)::2")
    'creme-brulee-apple'
    """
    composed = unicodedata.normalize("NFC", _WEIGHTS.sub(" ", prompt[:2000]))
    kept = "".join(_plain(char) for char in composed)
    words = _words(unicodedata.normalize("NFC", kept).lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer.encode()) > SLUG_BYTES:
            break
        name = longer
    if not name and words:
        name = "".join(_words(words[0].encode()[:SLUG_BYTES].decode(errors="ignore")))
    return f"picture-{name}" if name in _RESERVED else name or "picture"


def _words(text: str) -> list[str]:
    """Return the words of `text`: letters digits, and marks on letters beyond ASCII, such as Thai vowels."""
    words, word = [], ""
    for char in f"{text} ":
        if char.isalnum() or (_is_mark(char) and word and not word[-1].isascii()):
            word += char
        elif not _is_mark(char):
            words.append(word)
            word = ""
    return [word for word in words if word]


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _plain(char: str) -> str:
    if char.isascii():
        return "" if char == "'" else char
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii() and c.isalnum())
    if plain or char.isalnum():
        return plain or char
    if unicodedata.category(char) == "So":
        return f" {unicodedata.name(char, '')} "
    if _is_mark(char):
        return char
    return "" if unicodedata.category(char) == "Cf" else " "  # such as the joiners inside a word of Hindi


def new_folder(base: Path, date: datetime.date, name: str, seed: int) -> Path:
    """Make and return the folder of a run, `base/<YYYY-MM-DD>-<name>-<seed>`; -2, -3, ... if it is taken.

    Two runs that ask at the same moment get two folders. `name` is part of a file name, as `slug` makes it.

    Raises:
        ValueError: `name` is no such part.
        UsageError, ResourceError, ClipartError: the folder cannot be made.
    """
    if not name:
        raise ValueError("'' is not one part of a file name")
    return named_folder(base, f"{date:%Y-%m-%d}-{name}-{seed}")


def named_folder(base: Path, name: str) -> Path:
    """Make and return the folder `base/<name>`; -2, -3, ... if it is taken.

    Raises:
        ValueError, UsageError, ResourceError, ClipartError: as `new_folder`.
    """
    if not name or name != Path(name).name or set(name) & set('\\/:*?"<>|\0'):
        raise ValueError(f"{name!r} is not one part of a file name")
    wanted = base / name
    try:
        base.mkdir(parents=True, exist_ok=True)
        for count in range(1, 10_000):
            folder = wanted if count == 1 else wanted.with_name(f"{wanted.name}-{count}")
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
    except FileExistsError:
        raise UsageError(f"{base} is a file; pictures need a folder. Choose another place.") from None
    except OSError as error:
        raise explain(error, wanted) from error
    raise ResourceError(f"{wanted} and 9,998 folders numbered after it exist already. Clear some away.")
