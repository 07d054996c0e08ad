"""Commands that make no picture load no torch: they answer at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fake_run import python

from clipart.recipe import make_recipe
from clipart.record.files import save_png
from clipart.record.metadata import Origin, tags

CODE = (
    "import sys; from clipart.cli import main; code = main({arguments!r});"
    "heavy = {{'torch', 'open_clip', 'kornia', 'transformers'}} & set(sys.modules);"
    "print('heavy:', sorted(heavy), 'code:', code)"
)
PRESETS = [["presets"], ["presets", "poster"]]
PROMPTS = [["parse", "a (red:1.2) apple:: tart::", "--no", "fog"], ["parse", "a fish", "--json"]]


@pytest.mark.parametrize("arguments", [["--version"], *PROMPTS, *PRESETS], ids=" ".join)
def test_no_torch(arguments: list[str]) -> None:
    require_light(arguments)


def test_show_loads_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_png(torch.zeros(3, 16, 16), path, tags(Origin(make_recipe({"prompt": "apple"}).resolve(), {}, {})))
    require_light(["show", str(path)])


def require_light(arguments: list[str]) -> None:
    """Check, in a process of its own, that a command ends well and has loaded nothing heavy."""
    done = python(CODE.format(arguments=arguments))
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "heavy: [] code: 0"
