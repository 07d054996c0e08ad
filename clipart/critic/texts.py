"""Features of long lists of texts, kept on disk: 1,400 everyday words take a minute with a large text tower.

A file is named after the model, the device and the texts, so it cannot belong to others. `clipart models rm`
leaves it. The folder may be removed at any time; then the features are computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from clipart.errors import ClipartError
from clipart.models.home import NoHomeError, cached, write

LONG = 100  # texts; fewer are quicker to encode than to look up
_BATCH = 64  # texts at once, so that a list of any length takes the memory of these
_FORMAT = "1"


def encode(texts: Sequence[str], once: Callable[[list[str]], Tensor], identity: Callable[[], str]) -> Tensor:
    """Return `once(texts)`, unit vectors (n, d), computed in batches; those of a long list only once.

    `identity` names the model and all else that the features depend on.
    """
    path = None
    if len(texts) >= LONG:
        with suppress(NoHomeError):
            path = _path(texts, identity())
    found = _read(path, len(texts)) if path else None
    if found is None:
        found = torch.cat([once(list(texts[i : i + _BATCH])) for i in range(0, len(texts), _BATCH)])
        if path:
            with suppress(ClipartError):  # a full or read-only disk costs time, not the run
                write(path, save({"features": found.cpu().contiguous()}))
    return found


def _path(texts: Sequence[str], identity: str) -> Path:
    said = "\0".join([_FORMAT, identity, *texts])
    return cached(f"texts/{hashlib.sha256(said.encode()).hexdigest()[:32]}.safetensors")


def _read(path: Path, count: int) -> Tensor | None:
    """Return the features in a file, None if it is not there or not whole: they are unit vectors."""
    try:
        features = load(path.read_bytes())["features"]
    except (OSError, SafetensorError, KeyError):
        return None
    if features.dtype != torch.float32 or features.ndim != 2 or len(features) != count:
        return None
    lengths = features.norm(dim=-1)
    return features if bool(((lengths - 1).abs() < 1e-4).all()) else None
