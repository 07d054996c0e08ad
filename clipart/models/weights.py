"""Weights as tensors, from safetensors or, restricted, from a pickle. The one place that opens a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart import limits
from clipart.errors import ModelError, UsageError
from clipart.inputs import opened
from clipart.models.pickles import check_checkpoint

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

    if path.suffix.lower() == SAFE:
        return _read_safe(path)
    if not is_pickled(path):
        known = ", ".join((SAFE, *PICKLED))
        raise ModelError(f"{path}: not the name of a checkpoint. It ends in one of {known}.")
    try:
        with opened(path) as file:
            check_checkpoint(file)
            found = torch.load(file, map_location="cpu", weights_only=True)
    except UsageError as error:  # no such file
        raise ModelError(str(error)) from None
    except Exception as error:  # what a hostile or broken pickle makes of the reader can be anything
        raise ModelError(
            f"{path}: refused. It holds more than tensors, or is broken ({_reason(error)}). "
            "Only weights are read from a pickle; ask for the file as safetensors."
        ) from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    tensors: dict[Any, Any] = found if isinstance(found, dict) else {}
    kept = {str(name): each for name, each in tensors.items() if isinstance(each, torch.Tensor)}
    if not kept:
        raise ModelError(f"{path}: no tensors in it.")
    return kept


def _read_safe(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    require_tensors(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({_reason(error)}).") from error


def require_tensors(path: Path) -> None:
    """Check that there is a tensor in a safetensors file, by its header alone.

    Raises:
        ModelError: there is none, or it is no such file.
    """
    from safetensors import SafetensorError, safe_open

    require_safe(path)
    try:
        with safe_open(path, "pt") as file:
            is_empty = not file.keys()
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({_reason(error)}).") from error
    if is_empty:
        raise ModelError(f"{path}: no tensors in it.")


def require_safe(path: Path) -> None:
    """Check that a file begins as safetensors do, with a header of at most `clipart.limits.HEADER_BYTES`.

    Raises:
        ModelError: it does not, or is no ordinary file.
    """
    try:
        with opened(path) as file:
            length, brace = file.read(8), file.read(1)
    except UsageError as error:
        raise ModelError(str(error)) from None
    if len(length) < 8 or brace != b"{":
        raise ModelError(f"{path}: refused, not readable as safetensors: it begins in another way.")
    if int.from_bytes(length, "little") > limits.HEADER_BYTES:
        raise ModelError(f"{path}: its header has more than {limits.HEADER_BYTES:,} bytes.")


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
