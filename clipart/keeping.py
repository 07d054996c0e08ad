"""The dial `init_strength`: from 0, where a picture to start from is ignored, to 1, where it hardly changes.

It sets three things together. A step is smaller; the picture takes the place of the paper, so that the prices
of ink and margin are on leaving the picture; and `keep` pulls back to it. A recipe in which `keep` is 0 has
none of the three, and the picture is no more than the start: so were those of older versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.recipe import Recipe

_PULL = 10.0  # weight of `keep` at the middle of the dial
_MOST = 1000.0
_LEAST_RATE = 0.02  # of the rate, at the end of the dial


def as_recorded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` of a recipe; of one that an older version settled, with `keep` as it was: 0.

    A settled recipe has a list `left`, and since there is a `keep` it has that too if it has a picture.
    """
    is_older = "keep" not in values and values.get("left") and values.get("init") is not None
    return {**values, "keep": 0.0} if is_older else dict(values)


def pull(strength: float) -> float:
    """Return the weight of `keep` at `strength`, 0 to 1: nothing at 0, `_MOST` at 1."""
    return round(float(min(_MOST, _PULL * (strength / max(1e-9, 1 - strength)) ** 1.5)), 4)


def shows(strength: float) -> float:
    """Return how much of the start is the picture at `strength`, 0 to 1; the rest is static on paper."""
    return float(1 - (1 - strength) ** 4)


def keeping(settings: Recipe) -> Recipe:
    """Return `settings` with what the dial asks of the rate, or of the prices where a camera moves.

    A camera leaves the picture behind, so nothing pulls back to it; but the paper must not wipe it away.
    """
    left = max(_LEAST_RATE, 1 - settings.init_strength)
    names = ("ink", "saturation") if settings.moves else ("lr", "saturation")
    return settings.model_copy(update={name: left * getattr(settings, name) for name in names})
