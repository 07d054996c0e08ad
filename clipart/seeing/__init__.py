"""What a CLIP sees in pictures: `score`, `describe`, `explain`, `suggest`, and `learn` for concepts.

    from clipart import seeing

    seeing.describe("cat.png")[0].words[:3]
    seeing.score(["a.png", "b.png"], "a cat:: a hat::")
    seeing.explain("a.png", "a cat:: a hat::")[0].heat

Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.seeing.describing import Described, Word, describe
    from clipart.seeing.explaining import Explained, WordLost, explain
    from clipart.seeing.learning import learn
    from clipart.seeing.scoring import Scored, score
    from clipart.seeing.suggesting import Suggested, suggest

_HOME = {
    "Described": "describing",
    "Explained": "explaining",
    "Scored": "scoring",
    "Suggested": "suggesting",
    "Word": "describing",
    "WordLost": "explaining",
    "describe": "describing",
    "explain": "explaining",
    "learn": "learning",
    "score": "scoring",
    "suggest": "suggesting",
}
__all__ = [
    "Described",
    "Explained",
    "Scored",
    "Suggested",
    "Word",
    "WordLost",
    "describe",
    "explain",
    "learn",
    "score",
    "suggest",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name in _HOME:
        return getattr(import_module(f"clipart.seeing.{_HOME[name]}"), name)
    raise AttributeError(f"module 'clipart.seeing' has no attribute {name!r}")
