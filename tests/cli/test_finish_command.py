"""`clipart finish`: a new picture beside the old one, with its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipart.cli import main
from clipart.errors import UsageError
from clipart.pictures import open_picture
from clipart.recipe import make_recipe
from clipart.record.files import save_png
from clipart.record.metadata import Origin, read_origin, tags


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    recipe = make_recipe({"prompt": "apple", "seed": 1, "finish": "clean", "upscale": 2})
    save_png(Image.new("RGB", (64, 64), "red"), tmp_path / "a.png", tags(Origin(recipe)))
    return tmp_path / "a.png"


def test_the_recipe_has_the_new_steps_after_the_old(picture: Path, capsys: Any) -> None:
    before = picture.read_bytes()
    assert main(["finish", str(picture), "--finish", "upscale:2,border:5:0"]) == 0
    new = picture.with_name("a-finished.png")
    assert open_picture(new).size == (128, 128)
    assert open_picture(new).getpixel((0, 0)) == (0, 0, 0)
    recipe = read_origin(new).recipe
    assert recipe.chain == ("clean", "upscale:2", "upscale:2", "border:5:0")
    assert picture.read_bytes() == before


def test_nothing_is_replaced_without_force(picture: Path, capsys: Any) -> None:
    new = picture.with_name("a-finished.png")
    new.write_bytes(b"mine")
    assert main(["finish", str(picture), "--finish", "lines"]) != 0
    assert new.read_bytes() == b"mine"
    assert main(["finish", str(picture), "--finish", "lines", "--force"]) == 0
    assert open_picture(new).size == (64, 64)


@pytest.mark.parametrize(
    ("typed", "says"),
    [([], "--finish"), (["--finish", "polish"], "polish"), (["--finish", "lines:9"], "1 to 4")],
)
def test_what_cannot_be_done_is_said(picture: Path, capsys: Any, typed: list[str], says: str) -> None:
    assert main(["finish", str(picture), *typed]) != 0
    assert says in capsys.readouterr().err
    assert not picture.with_name("a-finished.png").exists()


def test_a_picture_without_a_recipe_is_finished_too(tmp_path: Path, capsys: Any) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "b.png")
    assert main(["finish", str(tmp_path / "b.png"), "--finish", "sharpen:0.4"]) == 0
    assert "no recipe" in capsys.readouterr().err
    assert open_picture(tmp_path / "b-finished.png").size == (64, 48)


def test_the_recipe_replays_what_was_finished() -> None:
    from clipart.cli.commands.finish import longer

    pixels = make_recipe({"prompt": "apple", "finish": ("clean",), "upscale": 2})
    assert longer(pixels, ("contrast",)).chain == ("clean", "upscale:2", "contrast")
    network = make_recipe({"prompt": "apple", "canvas": "implicit", "finish": (), "upscale": 2})
    assert (longer(network, ("contrast",)).finish, longer(network, ("contrast",)).upscale) == (
        ("contrast",),
        2,
    )
    with pytest.raises(UsageError, match="contrasts"):
        longer(pixels, ("contrasts",))
