"""Pictures that a page sends: bounded, read by the guarded reader, and kept under a name of their hash.

The name that a client has for a file is not asked for. What is kept is written anew as PNG, so that nothing
of what was sent is ever served or read again.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError, UsageError
from clipart.pictures import open_picture
from clipart.record.files import save_png
from clipart.record.folder import Folder
from clipart.record.metadata import read_origin

BYTES = 20 * 2**20  # of an upload
SIDE = 1024  # pixels of the longer side of what is kept
MOST = 500  # pictures that are kept
FOLDER = ".studio"
_NAME = re.compile(r"[0-9a-f]{24}")
_one_by_one = threading.Lock()  # a picture unpacked may take 0.4 GB


def take(root: Path, data: bytes) -> dict[str, Any]:
    """Keep the picture `data` and return its `id`, size and, if one is in it, the `recipe` as plain values.

    Raises:
        UsageError: no picture, or beyond a limit; the message says which.
    """
    if len(data) > BYTES:
        raise UsageError(f"The picture has more than {BYTES // 2**20} MB. Save it smaller first.")
    with _one_by_one, tempfile.TemporaryDirectory(prefix="clipart-studio-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        try:
            picture = open_picture(path)
        except UsageError as error:
            raise UsageError(str(error).replace(f"{path}: ", "This file ").replace(str(path), "")) from None
        recipe = None
        with suppress(ClipartError):
            recipe = read_origin(path).recipe
    return {"id": keep(root, picture), "width": picture.width, "height": picture.height, "recipe": recipe}


def keep(root: Path, picture: Any) -> str:
    """Keep a PIL image among the uploads and return its id: part of a hash of its pixels."""
    picture.thumbnail((SIDE, SIDE))
    digest = hashlib.sha256(f"{picture.mode}{picture.size}".encode() + picture.tobytes()).hexdigest()
    name = digest[:24]
    with Folder.open(root) as base, base.sub(FOLDER, make=True) as inner:
        if not inner.has(f"{name}.png"):
            if len(inner.names()) >= MOST:
                raise UsageError(f"{inner.path} has {MOST} pictures. Remove those that you do not need.")
            save_png(picture, inner.slot(f"{name}.png"))
    return name


def path_of(root: Path, name: object) -> Path:
    """Return where the upload with the id `name` is.

    Raises:
        UsageError: there is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError("No such upload. Drop the picture again.")
    with Folder.open(root) as base:
        if base.has(FOLDER, "folder"):
            with base.sub(FOLDER) as inner:
                if inner.has(f"{name}.png"):
                    return root / FOLDER / f"{name}.png"
    raise UsageError("No such upload. Drop the picture again.")
