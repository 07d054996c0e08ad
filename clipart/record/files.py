"""Files as a run leaves them: whole or not at all, named so that every file system takes them."""

from __future__ import annotations

import datetime
import errno
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ClipartError, ResourceError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SLUG_BYTES = 48
_XMP = "XML:com.adobe.xmp"
MAX_TEXT_BYTES = 1024 * 1024  # Pillow refuses to read more than this from one text chunk
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_WEIGHTS = re.compile(rf"::(?:{_NUMBER}(?=\s|$))?|:\s*{_NUMBER}\s*(?=\))")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffix, and move it to `path` when the block succeeds.

    Readers of `path` see the old file or the whole new one, also after a power cut. When the block raises,
    the temporary file is removed and `path` is as it was. A link is followed: the file it names is replaced.

    Raises:
        UsageError: `path` is a folder or a device.
        ResourceError: the disk is full or read-only.
        ClipartError: anything else that the system says against writing there.
    """
    final = Path(os.path.realpath(path))
    _refuse_special(final)
    temporary = final.with_name(f".{final.stem[:20]}-{secrets.token_hex(4)}{final.suffix}")
    try:
        # Not tempfile.mkstemp: its files are for the owner only, and stay so after the move.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        temporary.replace(final)
        if os.name == "posix":
            _sync(final.parent)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(error: OSError, path: Path) -> ClipartError:
    """Return what `error`, met while writing `path`, means to a person, and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"{path}: the disk is full. Make room there, or choose another place with -o.")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ResourceError(f"{path}: this place is read-only to you. Choose another with -o.")
    if error.errno == errno.ENOENT:
        return UsageError(f"{path}: its folder {path.parent} does not exist. Make it, or choose another.")
    return ClipartError(f"{path}: could not be written ({error.strerror or error}).")


def _refuse_special(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Give a file name in it, such as {path / 'picture.png'}.")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not an ordinary file. Give the name of a new file, such as picture.png.")


def require_writable(path: Path) -> None:
    """Check, before any work is done, that a file can be written at `path` (new, or over an old one).

    Raises:
        UsageError: the folder is missing or no folder, or `path` is a folder or a device.
        ResourceError: the folder or the file is read-only.
    """
    final = Path(os.path.realpath(path))
    folder = final.parent
    _refuse_special(final)
    if not folder.exists():
        raise UsageError(f"{path}: the folder {folder} does not exist. Make it first: mkdir -p '{folder}'")
    if not folder.is_dir():
        raise UsageError(f"{path}: {folder} is a file, not a folder. Choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ResourceError(f"{path}: the folder {folder} is read-only to you. Choose another place.")
    if final.exists() and not os.access(final, os.W_OK):
        raise ResourceError(f"{path}: this file exists and is read-only. Choose another name.")


def require_space(path: Path, needed_bytes: int) -> None:
    """Check that the disk of `path` (which need not exist yet) has `needed_bytes` free.

    Raises:
        ResourceError: it has not; the message names the folder, what is needed and what is free.
    """
    folder = Path(os.path.realpath(path))
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise ResourceError(
            f"Not enough room in {folder}: {_megabytes(needed_bytes)} needed, {_megabytes(free)} free. "
            "Make room there, or choose another place."
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"


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


def save_png(image: Tensor | Image, path: Path, text: Mapping[str, str] | None = None) -> None:
    """Write `image`, (3, H, W) RGB in [0, 1] or a PIL image, to `path` as PNG, atomically.

    The file says that it is sRGB (an ICC profile) and carries `text`, keyword to value. The same image and
    text give the same bytes.

    Raises:
        ValueError: a keyword that PNG does not allow (1 to 79 characters of printable Latin-1).
        UsageError, ResourceError, ClipartError: as `atomic`; also a text of more than 1 MiB.
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
    with atomic(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=info, icc_profile=srgb_profile(), optimize=False)


def open_picture(path: Path) -> Image:
    """Read a picture as RGB, what is transparent on white.

    Raises:
        UsageError: no such file, no picture, or one of too many pixels.
    """
    import warnings

    from PIL import Image as PilImage

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PilImage.DecompressionBombWarning)
            with PilImage.open(path) as opened:
                picture = opened.convert("RGBA")
    except (PilImage.DecompressionBombError, PilImage.DecompressionBombWarning):
        raise UsageError(f"{path}: the picture has too many pixels.") from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a picture"
        raise UsageError(f"{path}: could not be read ({reason}).") from None
    white = PilImage.new("RGBA", picture.size, "white")
    return PilImage.alpha_composite(white, picture).convert("RGB")


def srgb_profile() -> bytes:
    """Return an sRGB ICC profile that is the same every time."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # LittleCMS writes the time of day (ICC.1:2022, 7.2.1: bytes 24 to 35); equal runs leave equal files.
    profile[24:36] = b"".join(n.to_bytes(2, "big") for n in (2000, 1, 1, 0, 0, 0))
    return bytes(profile)


def slug(prompt: str) -> str:
    """Return a short name for `prompt`: one part of a file name on every system, never empty, never a path.

    Weights go, accents go, pictographs become their names, other scripts stay as they are:

    >>> slug("Crème brûlée:: (apple:1.3)::2")
    'creme-brulee-apple'
    """
    kept = "".join(_plain(char) for char in _WEIGHTS.sub(" ", prompt[:2000]))
    words = [word for word in re.split(r"[\W_]+", unicodedata.normalize("NFC", kept).lower()) if word]
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer.encode()) > SLUG_BYTES:
            break
        name = longer
    if not name and words:
        name = words[0].encode()[:SLUG_BYTES].decode(errors="ignore")
    return f"picture-{name}" if name in _RESERVED else name or "picture"


def _plain(char: str) -> str:
    if char.isascii():
        return "" if char == "'" else char
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii() and c.isalnum())
    if plain or char.isalnum():
        return plain or char
    if unicodedata.category(char) == "So":
        return f" {unicodedata.name(char, '')} "
    return "" if unicodedata.category(char).startswith("M") else " "


def new_folder(base: Path, date: datetime.date, name: str, seed: int) -> Path:
    """Make and return the folder of a run, `base/<YYYY-MM-DD>-<name>-<seed>`; -2, -3, ... if it is taken.

    Two runs that ask at the same moment get two folders. `name` is part of a file name, as `slug` makes it.

    Raises:
        ValueError: `name` is no such part.
        UsageError, ResourceError, ClipartError: the folder cannot be made.
    """
    if not name or name != Path(name).name or set(name) & set('\\/:*?"<>|\0'):
        raise ValueError(f"{name!r} is not one part of a file name")
    wanted = base / f"{date:%Y-%m-%d}-{name}-{seed}"
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
