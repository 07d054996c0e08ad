"""Names that were meant."""

from __future__ import annotations

import pytest

from clipart.near import did_you_mean, nearest

KNOWN = ("steps", "stages", "seed", "ViT-B-32", "ViT-B-16")


@pytest.mark.parametrize(
    ("name", "most", "found"),
    [
        ("stpes", 1, ["steps"]),
        ("STEPS", 1, ["steps"]),
        ("vit-b-33", 2, ["ViT-B-32", "ViT-B-16"]),
        ("", 3, []),
        ("orange", 3, []),
    ],
)
def test_nearest(name: str, most: int, found: list[str]) -> None:
    assert nearest(name, KNOWN, most) == found


def test_a_sentence_or_nothing() -> None:
    assert did_you_mean("stpes", KNOWN) == " Did you mean steps?"
    assert did_you_mean("stpes", KNOWN, quoted=True) == " Did you mean 'steps'?"
    assert did_you_mean("ViT-B-33", KNOWN, 2) == " Did you mean ViT-B-32 or ViT-B-16?"
    assert did_you_mean("orange", KNOWN) == ""
    assert did_you_mean("orange", KNOWN, cutoff=0.1) != ""
