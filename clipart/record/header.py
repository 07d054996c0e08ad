"""What a checkpoint says about itself: JSON, with the range of every value, and marks that it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, field_validator
from torch import Tensor

from clipart.iterates import StopReason
from clipart.record.seal import is_sealed, seal

KEY, DIGEST, SEAL = "clipart.checkpoint", "clipart.sha256", "clipart.seal"  # in the file's metadata
Short = Annotated[str, Field(max_length=200)]
Table = Annotated[dict[Short, Short], Field(max_length=100)]


class _Outputs(BaseModel):
    """What a run that goes on needs to know of its `Outputs`; one that is missing or wrong is the default."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
    video: Literal["mp4", "none"] | None = None
    fps: Annotated[int, Field(ge=1, le=240)] | None = None
    video_seconds: Annotated[float, Field(ge=0.1, le=3600)] | None = None
    metadata: bool | None = None
    checkpoint_every: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    checkpoint_gap: Annotated[float, Field(ge=0, le=1e9)] | None = None

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        try:
            return read(value)
        except ValueError:
            return None


class Header(BaseModel):
    """The JSON in a checkpoint, with the range of every value."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
    format: int
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    step: Annotated[int, Field(ge=0, le=1_000_000)]
    stop: StopReason | None
    recipe: dict[str, Any]
    outputs: _Outputs = _Outputs()
    models: Table = {}
    versions: Table
    device: Annotated[str, Field(max_length=40)]
    threads: Annotated[int, Field(ge=1, le=1_000_000)]


def stamped(header: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the metadata of a checkpoint: its JSON, the SHA-256 of JSON and tensors, this machine's seal."""
    digest = digest_of(header, tensors)
    return {KEY: header, DIGEST: digest, SEAL: seal(digest)}


def digest_of(header: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over the JSON of a checkpoint, and name, type, shape and bytes of its tensors."""
    digest = hashlib.sha256(header.encode("utf-8", "surrogatepass"))
    for name, value in sorted(tensors.items()):
        digest.update(f"\0{name!r} {value.dtype} {tuple(value.shape)}\0".encode("utf-8", "backslashreplace"))
        if value.numel():
            digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def require_whole(found: Mapping[str, str], tensors: Mapping[str, Tensor], is_stamped: bool) -> bool:
    """Refuse what is not as it was written, and say whether this machine wrote it.

    `is_stamped`: a checkpoint of its format has a SHA-256; one that has it anyway is compared too.

    Raises:
        KeyError: the SHA-256 is missing.
        ValueError: it is another.
    """
    digest = found[DIGEST] if is_stamped else found.get(DIGEST)
    if digest is None:
        return False
    if digest != digest_of(found[KEY], tensors):
        raise ValueError("it is damaged: its bytes are not those that were written")
    return is_sealed(digest, found.get(SEAL, ""))
