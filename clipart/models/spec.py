"""What a person types for a model, parsed once: a name, a file or a folder, and for a CLIP its weight.

| notation of a CLIP | what it is |
|---|---|
| `tiny` | an embedded one |
| `fare4-b32` | a name of `clipart models` |
| `ViT-B-32/openai`, `ViT-B-32` | open_clip's NAME/PRETRAINED; the first of that name in `clipart models` |
| `hf-hub:ORG/REPO`, `hf-hub:ORG/REPO@REVISION` | a repository with an open_clip_config.json |
| `local-dir:PATH` | a folder with an open_clip_config.json and weights |
| `das` | an ensemble of `clipart models`: as if each of its CLIPs had been typed |
| `ViT-B-32@PATH` | weights in a file, for an architecture of open_clip's |

A critic may have `::WEIGHT` behind it. A VQGAN is the name of an embedded one, or a file.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipart.errors import UsageError
from clipart.models.registry import HUB, canonical, entries, members
from clipart.text import kept_name, real_name

LOCAL = "local-dir:"
AT = "@"


@dataclass(frozen=True)
class ModelSpec:
    """A model as it was typed.

    Attributes:
        name: the notation without the weight.
        kind: "clip" or "vqgan".
        weight: a critic's part in an ensemble, above 0; weights are relative.
    """

    name: str
    kind: Literal["clip", "vqgan"] = "clip"
    weight: float = 1.0

    def __str__(self) -> str:
        """The notation, which `read` reads back."""
        return self.name if self.weight == 1 else f"{self.name}::{self.weight:.12g}"

    @property
    def place(self) -> Literal["name", "folder", "file"]:
        """Whether it is a name that clipart or the hub knows, or a folder or file that a person chose."""
        if self.kind == "vqgan":
            known = any(entry.name == self.name for entry in entries() if entry.kind == "vqgan")
            return "name" if known else "file"
        if self.name.startswith(LOCAL):
            return "folder"
        return "file" if AT in self.name and not self.name.startswith(HUB) else "name"

    @property
    def typed_path(self) -> str:
        """The folder or file as it was typed, without `local-dir:` or the architecture before it."""
        if self.kind == "vqgan":
            return self.name
        return self.name.partition(LOCAL if self.place == "folder" else AT)[2]

    @property
    def path(self) -> Path:
        """The folder or file."""
        # os.path has no error for a person without a home.
        return Path(os.path.expanduser(real_name(self.typed_path)))  # noqa: PTH111


def read_critic(text: str) -> ModelSpec:
    """Read `NAME` or `NAME::WEIGHT`, as `--clip` takes it.

    Raises:
        UsageError: the weight is no number above 0, or there is no name.
    """
    name, _, weight = text.partition("::")
    try:
        value = float(weight) if weight else 1.0
    except ValueError:
        value = 0.0
    if not name or not 0 < value < math.inf:
        raise UsageError(
            f"--clip {text}: a weight is a number above 0. Type for example --clip {name or 'NAME'}::0.5."
        )
    return ModelSpec(_kept(canonical(name)), weight=value)


def expanded(text: str) -> list[str]:
    """Return what is typed for a critic as one text for each CLIP, an ensemble's with its weight for each.

    Raises:
        UsageError: as `read_critic`, of an ensemble.
    """
    name, colons, weight = text.partition("::")
    if members(name) != (name,):
        read_critic(text)
    return [f"{each}{colons}{weight}" for each in members(name)]


def read_judge(text: str) -> ModelSpec:
    """Read `NAME`, as `--judge` takes it: one model, so it has no weight.

    Raises:
        UsageError: it has a weight, or there is no name.
    """
    name, colons, _ = text.partition("::")
    if colons or not name:
        raise UsageError(
            f"--judge {text}: one model judges, without a weight. Type --judge {name or 'NAME'}."
        )
    return ModelSpec(_kept(canonical(name)))


def _kept(name: str) -> str:
    """Return the notation of a CLIP with the name of its folder or file as a recipe keeps it."""
    if name.startswith(HUB):
        return name
    mark = LOCAL if name.startswith(LOCAL) else AT
    before, found, path = name.partition(mark)
    return f"{before}{found}{kept_name(path)}" if found else name


def read_vqgan(text: str) -> ModelSpec:
    """Read the name of an embedded VQGAN, or the path of a file, as `--vqgan` takes it.

    Raises:
        UsageError: it is empty.
    """
    if not text:
        raise UsageError(
            "--vqgan: there is no name. Type the path of a file, such as --vqgan f16.safetensors."
        )
    return ModelSpec(kept_name(text), "vqgan")
