"""A run of the main job that takes no time, and helpers of these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from clipart.cli import main
from clipart.iterates import Check, Iterate, Reading
from clipart.runs import Result

ROOT = Path(__file__).parents[2]
PICTURE = Path("outputs/2030-01-01-apple-7/picture.png")
MAIN = "import sys; from clipart.cli import main; sys.exit(main())"


class FakeRun:
    """Stands in for `clipart.runs.run`: three looks of the judge, one step apart, and no file."""

    def __init__(self) -> None:
        self.recipe: Any = None
        self.outputs: Any = None
        self.stop = "steps"
        self.during: Callable[[int], None] = lambda step: None
        self.matches = (0.0, 0.4, 0.8)
        self.tried: tuple[int, ...] = ()

    def __call__(
        self,
        recipe: Any,
        outputs: Any,
        consumers: Any = (),
        stop_now: Any = lambda: False,
        trying: Any = lambda start, starts: None,
    ) -> Result:
        self.recipe, self.outputs = recipe, outputs
        for start in self.tried:
            trying(start, 6)
        for step, match in enumerate(self.matches):
            self.during(step)
            readings = (Reading("apple", 1.0, match / 4 + 0.1, match), Reading("text", -0.5, 0.05, 0.02))
            stop = "interrupted" if stop_now() else self.stop if step == len(self.matches) - 1 else None
            image = torch.zeros(3, 1, 1)
            it = Iterate(step, 2, image, {"total": 1.0}, Check(step, readings), 0.1, "", step * 0.5, stop)
            for consume in consumers:
                consume(it)
            if stop:
                break
        paths = {"picture": outputs.file or PICTURE, "log": PICTURE.with_name("log.jsonl")}
        return Result(None, it.check, recipe, paths, it.stop, it.step, it.seconds)  # type: ignore[arg-type]


def python(code: str, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"} | more.pop("env", {})
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment, timeout=120, **more,
    )  # fmt: skip


def fail_with(error: BaseException) -> Callable[..., None]:
    def during(*_: object) -> None:
        raise error

    return during


def completions(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> list[str]:
    """What a shell offers for the last word of `typed`."""
    monkeypatch.setenv("_CLIPART_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit) as done:
        main([])
    assert done.value.code == 0
    return list(capsys.readouterr().out.split())
