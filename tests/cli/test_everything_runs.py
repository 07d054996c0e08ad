"""Every preset, symmetry, process and canvas makes a picture from the command line: 64 pixels, 10 steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from clipart.canvas import CANVASES
from clipart.cli import main
from clipart.finish.chain import enlargement
from clipart.presets import FETCHED, load_preset, shipped_names
from clipart.process import PROCESSES
from clipart.shelf import Shelf

PRESETS = {name: load_preset(name) for name in shipped_names()}
FOR_FETCHED = [name for name, preset in PRESETS.items() if preset.requires == FETCHED]
SIDE, STEPS = 64, 10
shelf = Shelf()


@pytest.fixture(autouse=True)
def _models_are_loaded_once(few_words: None) -> Iterator[None]:
    with shelf.used():
        yield


def make(path: Path, *typed: str, side: int = SIDE) -> None:
    """Make a picture of an apple, and see that it is one of `side` pixels with something on it."""
    few = ["--size", str(SIDE), "--steps", str(STEPS), "--views", "4", "--starts", "1", "--seed", "1"]
    code = main(["apple", *few, *typed, "--device", "cpu", "--quiet", "--force", "-o", str(path)])
    assert code == 0
    with Image.open(path) as image:
        assert image.size == (side, side)
        assert len(image.getcolors(side * side) or []) > 1


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in FOR_FETCHED])
def test_every_preset_of_the_embedded_models(name: str, tmp_path: Path) -> None:
    times = enlargement(tuple(str(PRESETS[name].settings.get("finish", "")).split(",")))
    make(tmp_path / "a.png", "--preset", name, side=SIDE * times)


@pytest.mark.parametrize("name", FOR_FETCHED)
def test_every_preset_for_fetched_clips(name: str, random_clip: str, tmp_path: Path) -> None:
    make(tmp_path / "a.png", "--preset", name, "--clip", random_clip)


@pytest.mark.parametrize("name", ["none", "mirror", "quarter", "kaleidoscope:6"])
def test_every_symmetry(name: str, tmp_path: Path) -> None:
    make(tmp_path / "a.png", "--symmetry", name)


@pytest.mark.parametrize("name", PROCESSES.names())
def test_every_process(name: str, tmp_path: Path) -> None:
    make(tmp_path / "a.png", "--process", name)


@pytest.mark.parametrize("name", CANVASES.names())
def test_every_canvas(name: str, tmp_path: Path) -> None:
    make(tmp_path / "a.png", "--canvas", name)
