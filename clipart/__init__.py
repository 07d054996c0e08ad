"""clipart: pictures by optimisation against CLIP, with no diffusion model.

    import clipart

    result = clipart.generate("apple:: tart::", steps=500)
    for it in clipart.iterate(clipart.Recipe(prompt="apple")): ...

`import clipart` loads no torch, touches no network and makes no file.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.errors import ClipartError, DivergedError, ModelError, ResourceError, UsageError
    from clipart.iterates import Check, Iterate, Reading
    from clipart.loop import iterate
    from clipart.prompt import Part, Prompt, parse
    from clipart.recipe import Recipe, Stage
    from clipart.runs import Outputs, Result, generate, resume, run

_HOMES = {
    "clipart.errors": ("ClipartError", "DivergedError", "ModelError", "ResourceError", "UsageError"),
    "clipart.iterates": ("Check", "Iterate", "Reading"),
    "clipart.loop": ("iterate",),
    "clipart.prompt": ("Part", "Prompt", "parse"),
    "clipart.recipe": ("Recipe", "Stage"),
    "clipart.runs": ("Outputs", "Result", "generate", "resume", "run"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Check",
    "ClipartError",
    "DivergedError",
    "Iterate",
    "ModelError",
    "Outputs",
    "Part",
    "Prompt",
    "Reading",
    "Recipe",
    "ResourceError",
    "Result",
    "Stage",
    "UsageError",
    "generate",
    "iterate",
    "parse",
    "resume",
    "run",
]

try:
    __version__ = version("clipart")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import clipart` stays light."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clipart' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
