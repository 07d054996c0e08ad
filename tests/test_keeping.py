"""The dial `init_strength`: what is kept of a picture to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from clipart.canvas.start import load_picture
from clipart.critic.regularisers import build_terms
from clipart.keeping import pull
from clipart.layout import Layout
from clipart.loop import go_on, iterate
from clipart.presets import dump_recipe, load_recipe
from clipart.recipe import make_recipe
from clipart.session import Session

Settings = dict[str, Any]
CPU = torch.device("cpu")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A dark picture without any paper in it: sky, ground, a house."""
    picture = Image.new("RGB", (60, 60), "#345a8c")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 36, 60, 60), fill="#2c4a1e")
    draw.rectangle((20, 22, 42, 44), fill="#a03c28")
    picture.save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def far(settings: Settings, photo: str, **changes: Any) -> float:
    """How far the last picture is from the photo, as a mean difference of colour."""
    *_, last = iterate(make_recipe(settings | {"init": photo, "steps": 40} | changes))
    return float((last.image - load_picture(photo, 40, 40)[0]).abs().mean())


def test_the_dial_goes_from_ignored_to_hardly_changed(settings: Settings, photo: str) -> None:
    found = [far(settings, photo, init_strength=strength) for strength in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.25
    assert found[2] < 0.12
    assert found[4] < 0.01


def test_at_0_it_is_as_if_there_were_none(settings: Settings, photo: str) -> None:
    for canvas in ("multires", "shapes"):
        ignored, without = (
            [it.image for it in iterate(make_recipe(settings | {"canvas": canvas, "starts": 2} | more))][-1]
            for more in ({"init": photo, "init_strength": 0.0}, {})
        )
        assert torch.equal(ignored, without)


def test_the_prices_of_paper_and_margin_do_not_count_against_it(settings: Settings, photo: str) -> None:
    recipe = make_recipe(settings | {"init": photo}).resolve()
    picture = load_picture(photo, 40, 40)
    terms = {each.name: each for each in build_terms(recipe.at(1), Layout((None,)), 40, 40, CPU, picture)}
    for name in ("ink", "margin", "keep"):
        assert terms[name].weight > 0
        assert float(terms[name].loss(picture)) == 0
        assert float(terms[name].loss(torch.ones_like(picture))) > 0
    plain = {each.name for each in build_terms(make_recipe(settings), Layout((None,)), 40, 40, CPU)}
    assert "keep" not in plain


def test_the_pull_follows_from_the_dial_unless_it_is_given(settings: Settings, photo: str) -> None:
    recipe = make_recipe(settings | {"init": photo, "init_strength": 0.4}).resolve()
    assert recipe.keep == pull(0.4)
    assert "keep" in recipe.left
    assert recipe.with_(init_strength=0.7).resolve().keep == pull(0.7)
    assert make_recipe(settings | {"init": photo, "keep": 3.0}).resolve().keep == 3.0
    assert make_recipe(settings).resolve().keep is None
    assert recipe.at(1).lr == pytest.approx(0.6 * recipe.lr)


def test_a_run_with_a_picture_goes_on_without_it(settings: Settings, photo: str) -> None:
    recipe = make_recipe(settings | {"init": photo})
    session, states = Session(recipe), {}
    for it in go_on(session):
        states[it.step] = {name: each.clone() for name, each in session.state().items()}
    Path(photo).unlink()
    *_, last = go_on(Session.restore(states[3], session.recipe))
    assert torch.equal(last.image, it.image)


def test_a_recipe_of_before_the_dial_replays_as_it_was_recorded(
    settings: Settings, photo: str, tmp_path: Path
) -> None:
    settled = make_recipe(settings | {"init": photo, "init_strength": 0.9}).resolve()
    new = tmp_path / "new.toml"
    new.write_text(dump_recipe(settled))
    assert load_recipe(new) == settled
    old = tmp_path / "old.toml"
    lines = dump_recipe(settled).replace('"keep", ', "").splitlines()
    old.write_text("\n".join(line for line in lines if not line.startswith("keep")))
    recipe = load_recipe(old).resolve()
    assert (recipe.keep, recipe.at(1).lr) == (0.0, recipe.lr)
    session = Session(recipe)
    assert session.kept is None
    assert [each.name for each in session.objective.regularisers(session.shown, recipe.at(1))] == [
        "range",
        "saturation",
        "ink",
        "margin",
    ]
    assert recipe.with_(init_strength=0.5).resolve().keep == 0.0


def test_a_camera_leaves_the_picture_behind(settings: Settings, photo: str) -> None:
    recipe = make_recipe(settings | {"init": photo, "zoom": 1.02}).resolve()
    assert Session(recipe).kept is None
    assert recipe.at(1).ink < recipe.ink
