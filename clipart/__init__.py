"""clipart: pictures by optimisation against CLIP, with no diffusion model.

    import clipart

    result = clipart.generate("apple:: tart::", steps=500)
    for it in clipart.iterate(clipart.Recipe(prompt="apple")): ...

`import clipart` loads no torch, touches no network and makes no file.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.errors import ClipartError, DivergedError, ModelError, ResourceError, UsageError
    from clipart.iterates import Check, Iterate, Reading
    from clipart.loop import iterate
    from clipart.many.api import batch, sweep
    from clipart.many.more import more
    from clipart.many.tasks import Outcome
    from clipart.prompt import Part, Prompt, parse
    from clipart.recipe import Recipe
    from clipart.runs import Outputs, Result, generate, resume, run
    from clipart.settings import Settings
    from clipart.stages import Stage

_HOMES = {
    "clipart.errors": ("ClipartError", "DivergedError", "ModelError", "ResourceError", "UsageError"),
    "clipart.iterates": ("Check", "Iterate", "Reading"),
    "clipart.loop": ("iterate",),
    "clipart.many.api": ("batch", "sweep"),
    "clipart.many.more": ("more",),
    "clipart.many.tasks": ("Outcome",),
    "clipart.prompt": ("Part", "Prompt", "parse"),
    "clipart.recipe": ("Recipe",),
    "clipart.runs": ("Outputs", "Result", "generate", "resume", "run"),
    "clipart.settings": ("Settings",),
    "clipart.stages": ("Stage",),
}
_NEED_TORCH = ("clipart.loop", "clipart.many.api", "clipart.many.more", "clipart.many.tasks", "clipart.runs")
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Check",
    "ClipartError",
    "DivergedError",
    "Iterate",
    "ModelError",
    "Outcome",
    "Outputs",
    "Part",
    "Prompt",
    "Reading",
    "Recipe",
    "ResourceError",
    "Result",
    "Settings",
    "Stage",
    "UsageError",
    "batch",
    "generate",
    "iterate",
    "more",
    "parse",
    "resume",
    "run",
    "sweep",
]

try:
    __version__ = version("clipart")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import clipart` stays light."""
    if name in _HOME:
        if _HOME[name] in _NEED_TORCH and "torch" not in sys.modules:
            _say_that_it_takes_a_while()
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clipart' has no attribute {name!r}")


def _say_that_it_takes_a_while() -> None:
    """Log that torch is being loaded; at a Python prompt or in a notebook, say it too."""
    text = "clipart: loading torch, which takes a few seconds"
    logging.getLogger("clipart").info(text)
    if (hasattr(sys, "ps1") or "ipykernel" in sys.modules) and sys.stderr is not None:
        sys.stderr.write(f"{text}\n")


def __dir__() -> list[str]:
    return __all__
