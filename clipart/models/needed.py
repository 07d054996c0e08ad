"""Models that a canvas may need besides the CLIPs, by the name under which it asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.canvas import CANVASES
from clipart.errors import ClipartError

if TYPE_CHECKING:
    import torch

    from clipart.recipe import Recipe


def _load_vqgan(recipe: Recipe, device: torch.device) -> Any:
    from clipart.models.vqgan import load_vqgan

    return load_vqgan(str(recipe.vqgan) if recipe.vqgan else None, device, recipe.precision)


def _vqgan_file(recipe: Recipe) -> Path:
    from clipart.models.vqgan import vqgan_file

    return vqgan_file(str(recipe.vqgan) if recipe.vqgan else None)


LOADERS: dict[str, Callable[[Recipe, torch.device], Any]] = {"vqgan": _load_vqgan}
FILES: dict[str, Callable[[Recipe], Path]] = {"vqgan": _vqgan_file}


def needed_by(recipe: Recipe) -> list[str]:
    """Return the names of the models that the canvases of `recipe` need, each once."""
    return sorted({name for canvas in recipe.canvases for name in CANVASES[canvas].needs})


def load_needed(name: str, recipe: Recipe, device: torch.device) -> Any:
    """Return the model that canvases call `name`, as `recipe` has it, on `device`.

    Raises:
        ModelError: it is not there, or damaged.
        ClipartError: no model is called so; a canvas of another package may ask for one.
    """
    if name not in LOADERS:
        raise ClipartError(f"A canvas asks for the model {name!r}. There is: {', '.join(LOADERS)}.")
    return LOADERS[name](recipe, device)
