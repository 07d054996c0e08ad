"""Weights as tensors, from safetensors or, restricted, from a pickle. The one place that opens a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clipart.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

SAFE = ".safetensors"
PICKLED = (".bin", ".pt", ".pth", ".ckpt")


def is_pickled(path: str | Path) -> bool:
    """Say whether a file with this name holds a pickle."""
    return Path(path).suffix.lower() in PICKLED


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name: safetensors, or what torch's restricted reader takes.

    That reader makes tensors and plain values, and calls nothing. A checkpoint of a training run, with the
    weights under "state_dict", is taken too.

    Raises:
        ModelError: it is no such file, or holds more than tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix.lower() == SAFE:
        try:
            require_tensors(path)
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: not readable as safetensors ({error}).") from error
    if not is_pickled(path):
        known = ", ".join((SAFE, *PICKLED))
        raise ModelError(f"{path}: not the name of a checkpoint. It ends in one of {known}.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a hostile or broken pickle makes of the reader can be anything
        raise ModelError(
            f"{path}: refused. It holds more than tensors, or is broken ({_reason(error)}). "
            "Only weights are read from a pickle; ask for the file as safetensors."
        ) from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    tensors = found if isinstance(found, dict) else {}
    kept = {str(name): each for name, each in tensors.items() if isinstance(each, torch.Tensor)}
    if not kept:
        raise ModelError(f"{path}: no tensors in it.")
    return kept


def require_tensors(path: Path) -> None:
    """Check that there is a tensor in a safetensors file, by its header alone.

    Raises:
        ModelError: there is none.
        SafetensorError, OSError: it is no such file.
    """
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        is_empty = not file.keys()
    if is_empty:
        raise ModelError(f"{path}: no tensors in it.")


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
