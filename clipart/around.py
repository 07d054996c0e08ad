"""What goes around a canvas: how it is typed, which of it a recipe has, and what does not go together.

The maps themselves are in `clipart.canvas.MAPS`; each has the name of the setting that asks for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clipart.canvas import MAPS
from clipart.errors import UsageError

if TYPE_CHECKING:
    from clipart.recipe import Recipe

MOST = 24  # of a kaleidoscope
_SYMMETRY = re.compile(r"none|mirror|quarter|kaleidoscope:(\d{1,4})")


def read_symmetry(text: str) -> str:
    """Check what is typed for a symmetry.

    Raises:
        UsageError: it is none of them, or a kaleidoscope of fewer than 2 or more than `MOST` parts.
    """
    found = _SYMMETRY.fullmatch(text)
    if not found or (found[1] and not 2 <= int(found[1]) <= MOST):
        raise UsageError(
            f"--symmetry {text[:40]}: there is none, mirror, quarter, and kaleidoscope:N with N from 2 to "
            f"{MOST}. Type for example --symmetry kaleidoscope:6."
        )
    return text


def maps_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the maps that a recipe asks for, in the order in which they are applied."""
    return tuple(name for name in MAPS.names() if getattr(recipe, name, None) not in (None, False, "none"))


def require_fitting(recipe: Recipe) -> None:
    """See that what is asked for around the canvas goes together.

    Raises:
        UsageError: it does not; the message says which two, and what to leave out.
    """
    for first, second, why in _conflicts(recipe):
        raise UsageError(f"{first} and {second} do not go together: {why} Leave one of them out.")
    if recipe.mask is not None and recipe.picture is None:
        raise UsageError(
            "--mask says which part of a picture stays, and there is no picture: type --init FILE too, with "
            "an --init-strength above 0."
        )


def _conflicts(recipe: Recipe) -> list[tuple[str, str, str]]:
    """Return pairs of settings that contradict each other, with the reason as a sentence."""
    turned = recipe.spin != 0 or (recipe.pan_x, recipe.pan_y) != (0, 0)
    is_symmetric, laid = recipe.symmetry != "none", bool(recipe.place)
    camera = "a camera (--zoom, --spin, --pan-x, --pan-y)"
    edge = "what is kept has edges of its own."
    found = [
        (recipe.tile and recipe.moves, "--tile", camera, "a tile stays where it is."),
        (recipe.transparent and recipe.moves, "--transparent", camera, "a sticker stays where it is."),
        (recipe.mask and recipe.moves, "--mask", camera, "what is kept stays where it is."),
        (is_symmetric and turned, "--symmetry", "--spin or --pan", "the middle of a symmetry stays."),
        (recipe.mask and recipe.tile, "--mask", "--tile", edge),
        (recipe.mask and recipe.transparent, "--mask", "--transparent", "what is kept is opaque."),
        (laid and is_symmetric, "--place", "--symmetry", "a mirrored thing is in two places."),
        (laid and recipe.layout == "blend", "--place", "--layout blend", "a blend has no places."),
    ]
    return [(first, second, why) for wrong, first, second, why in found if wrong]
