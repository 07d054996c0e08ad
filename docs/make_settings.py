"""Write clipart/settings.py from the schema of a recipe: what `clipart.generate` takes, for type checkers.

python docs/make_settings.py
"""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from clipart.recipe import Recipe

HERE = Path(__file__).parent
TARGET = HERE.parent / "clipart" / "settings.py"
NOT_THERE = ("prompt", "left")  # the first argument; what a run notes for itself
# What is read from other types than it ends as.
WIDER = {
    "no": "str | Sequence[str]",
    "init": "str | PathLike[str] | Image | None",
    "mask": "str | PathLike[str] | Image | None",
    "image_prompt": "str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image]",
    "style": "str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image]",
    "paper": "str | None",
    "place": "str | Sequence[str]",
    "steer": "str | Sequence[str]",
    "palette": "str | Sequence[str]",
    "finish": "str | Sequence[str]",
    "until": "str | float | Target | None",
    "clip": "str | ModelSpec | Sequence[str | ModelSpec]",
    "judge": "str | ModelSpec | None",
    "vqgan": "str | PathLike[str] | ModelSpec | None",
    "stages": "Sequence[Stage | Mapping[str, Any]]",
    "extras": "Mapping[str, bool | int | float | str]",
}
HEAD = '''"""The settings of a recipe as keywords, for type checkers. Made by docs/make_settings.py from the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from PIL.Image import Image

    from clipart.models.spec import ModelSpec
    from clipart.stages import Stage
    from clipart.target import Target


class Settings(TypedDict, total=False):
    """Keywords of `clipart.generate`: the fields of `clipart.Recipe`, and `size` for `width` and `height`."""

    size: int | str | tuple[int, int]
'''


def words(annotation: Any) -> str:
    """The source of a plain type: int, float, str, a Literal, or one of them or None."""
    if annotation is type(None):
        return "None"
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(words(each) for each in get_args(annotation))
    if get_origin(annotation) is Literal:
        return "Literal[" + ", ".join(f'"{value}"' for value in get_args(annotation)) + "]"
    if annotation not in (bool, int, float, str):
        raise TypeError(f"{annotation}: no plain type. Say in WIDER what may be given for it.")
    return str(annotation.__name__)


def module() -> str:
    """The whole of clipart/settings.py."""
    fields = {name: field for name, field in Recipe.model_fields.items() if name not in NOT_THERE}
    lines = (f"    {name}: {WIDER.get(name) or words(field.annotation)}\n" for name, field in fields.items())
    return HEAD + "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(module(), encoding="utf-8")
