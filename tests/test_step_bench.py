"""`bench/step.py`: the parts of a step are all found, and the decoder runs once, however many chunks there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipart.recipe import make_recipe

ROOT = Path(__file__).parents[1]


def test_a_step_decodes_once(
    settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_vqgan import write

    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import step

    latents = {"canvas": "vqgan", "vqgan": write(tmp_path, "f2"), "views": 6, "chunk": 2, "check_every": 100}
    found = step.measure(make_recipe(settings | latents), rounds=1)
    assert found["calls"] == {
        "views": 1 + 3,  # drawn, then rendered in chunks
        "CLIP forward": 3,
        "backward to image": 3 + 4,  # the chunks, then the regularisers
        "backward to latents": 1,
        "optimiser": 2,  # a step, a projection
        "decode": 1,
    }
    ms = found["ms"]
    parts = sum(ms[name] for name in found["calls"]) + ms["the rest"]
    assert parts == pytest.approx(ms["step"])
    assert found["ratios"] == pytest.approx([ms["step"] / (ms["CLIP alone"] + ms["decoder alone"])])
