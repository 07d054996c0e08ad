"""`--explain-every`: a film of where the parts are found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import clipart
from clipart.cli import main
from clipart.errors import UsageError
from clipart.seeing.filming import FPS, Heats
from tests.drawings import draw_all

SMALL = ["--size", "64", "--steps", "4", "--starts", "1", "--views", "2", "--seed", "1"]


@pytest.fixture(scope="module")
def last() -> clipart.Iterate:
    recipe = clipart.Recipe(prompt="sun", size=32, steps=2, starts=1, views=2)
    return list(clipart.iterate(recipe))[-1]


def test_heat_is_beside_the_picture_of_its_turn(last: clipart.Iterate, tmp_path: Path) -> None:
    both = torch.from_numpy(iio.imread(draw_all(tmp_path)["both"]).copy()).permute(2, 0, 1) / 255
    heats = Heats(clipart.Recipe(prompt="sun:: mushroom::", steps=20), every=5)
    for step in (4, 5, 6, 10):
        heats(dataclasses.replace(last, step=step, stop=None, image=both))
    assert len(heats.frames) == 2
    assert heats.frames[0].shape == (256, 3 * (512 + 8), 3)
    picture, sun, mushroom = np.split(heats.frames[0].astype(float), 3, axis=1)
    red = [image[:, :, 0] - image[:, :, 2] for image in (sun, mushroom)]
    assert red[0][:, :256].mean() > 2 * red[0][:, 256:512].mean()
    assert red[1][:, 256:512].mean() > 2 * red[1][:, :256].mean()
    assert picture[0, 0].tolist() == [255, 255, 255]


def test_too_many_looks_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--explain-every 1.*Type 3 or more"):
        Heats(clipart.Recipe(prompt="sun", steps=1500), every=1)


def test_a_run_leaves_its_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sun:: mushroom::", *SMALL, "--explain-every", "2", "--json"]) == 0
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    (film,) = tmp_path.rglob("explained.mp4")
    assert film.parent == Path(end["paths"]["recipe"]).resolve().parent
    frames = iio.imread(film)
    assert len(frames) == FPS + 3  # after steps 0, 2 and 4, and the last for a second
    assert frames.shape[2] >= 3 * 256


def test_of_a_single_picture_it_stands_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sun", *SMALL, "--explain-every", "4", "-o", "a.png"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a-explained.mp4"}


def test_a_run_that_goes_on_leaves_the_film_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = draw_all(tmp_path)["both"]
    monkeypatch.chdir(tmp_path)
    assert main(["sun", "--image-prompt", str(shown), *SMALL, "--explain-every", "2"]) == 0
    (film,) = tmp_path.rglob("explained.mp4")
    before = film.read_bytes()
    shown.unlink()  # a checkpoint has it
    assert main(["resume", str(film.parent), "--steps", "8", "--explain-every", "2"]) == 0
    assert film.read_bytes() == before
    frames = iio.imread(film.with_name("explained-from-4.mp4"))
    assert len(frames) == FPS + 3  # after steps 4, 6 and 8, and the last for a second
