"""`bench/view.py`: it measures the gradient on the input, and its verdict is the bar's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("bar", "code"), [(0.0, 1), (1e9, 0)])
def test_the_verdict_is_the_bars(
    random_clip: str,
    bar: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import view

    monkeypatch.setattr(view, "BAR", bar)
    monkeypatch.setattr(
        sys, "argv", ["view.py", "--clip", random_clip, "--views", "2", "--rounds", "3", "--json"]
    )
    with pytest.raises(SystemExit) as exited:
        view.main()
    assert bool(exited.value.code) == bool(code)
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["least"] <= found["ms"]
    assert found["clip"] == random_clip
