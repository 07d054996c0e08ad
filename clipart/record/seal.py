"""A seal on what this machine wrote, so that it is told from what somebody sent.

The key is a file of 32 random bytes in clipart's own folder, readable by its owner. It is made when it is
needed first. Where there is no such folder nothing is sealed. What is not sealed counts as from elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from clipart.models.home import home

KEY, KEY_BYTES = "seal.key", 32


def seal(digest: str) -> str:
    """Return the seal of this machine on `digest`; empty if it has no key and none can be made."""
    key = _read() or _make()
    return _seal(key, digest) if key else ""


def is_sealed(digest: str, found: str) -> bool:
    """Say whether `found` is the seal of this machine on `digest`."""
    key = _read()
    return bool(key) and hmac.compare_digest(_seal(key, digest).encode(), found.encode("utf-8", "replace"))


def _seal(key: bytes, digest: str) -> str:
    return hmac.new(key, digest.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _place() -> Path | None:
    try:
        return home() / KEY
    except (OSError, RuntimeError):  # a user without a home
        return None


def _read() -> bytes:
    with suppress(OSError, ValueError):
        if (place := _place()) and place.is_file():
            key = place.read_bytes()
            return key if len(key) == KEY_BYTES else b""
    return b""


def _make() -> bytes:
    with suppress(OSError, ValueError):
        if place := _place():
            place.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
    return _read()
