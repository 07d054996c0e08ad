"""The layout: which parts have a place, where the places are, and that what is drawn and asked keeps to them."""

from __future__ import annotations

import math

import pytest
import torch

from clipart import prompt as prompts
from clipart.critic.clip import Clip, load_clip
from clipart.critic.objective import Objective
from clipart.critic.places import places
from clipart.critic.regularisers import REGULARISERS, Margin
from clipart.critic.views import placed, sample_views
from clipart.errors import UsageError
from clipart.layout import Layout, lay_out
from clipart.loop import go_on, iterate
from clipart.recipe import make_recipe
from clipart.rng import Streams, stream
from clipart.session import Session


@pytest.mark.parametrize(
    ("prompt", "of"),
    [
        ("apple", (None,)),
        ("apple:: tart::", (0, 1)),
        ("apple::2 tart::2", (0, 1)),
        ("apple::2 tart", (None, None)),  # one thing, and a taste of another
        ("apple:: red::0.5 tart:: worm::-0.5", (0, None, 1, None)),
    ],
)
def test_the_parts_that_weigh_most_have_places(prompt: str, of: tuple[int | None, ...]) -> None:
    parsed = prompts.parse(prompt)
    assert lay_out(parsed, apart=True).of == of
    assert lay_out(parsed, apart=False) == Layout((None,) * len(of))
    assert lay_out(parsed, apart=True).count == max(1, len([each for each in of if each is not None]))


@pytest.mark.parametrize(
    ("clip", "layout", "apart"),
    [
        (("tiny",), "auto", True),
        (("tiny::2", "tiny-judge"), "auto", True),
        (("tiny", "ViT-B-32/openai"), "auto", False),
        (("tiny",), "blend", False),
        (("ViT-B-32/openai",), "apart", True),
    ],
)
def test_a_large_clip_blends_unless_told_otherwise(clip: tuple[str, ...], layout: str, apart: bool) -> None:
    recipe = make_recipe({"prompt": "apple:: tart::", "clip": clip, "layout": layout})
    assert (recipe.resolve().layout == "apart") is apart


def squares(count: int) -> Layout:
    return Layout(tuple(range(count)))


def corners(count: int, height: int, width: int) -> list[tuple[float, ...]]:
    """Left, top, right and bottom of every place, in pixels."""
    there = places(squares(count), height, width)
    size = torch.tensor([width, height])
    middle, half = there.maps[:, :2, 2], there.maps.diagonal(dim1=1, dim2=2)[:, :2]
    low, high = (middle - half + 1) / 2 * size, (middle + half + 1) / 2 * size
    return [tuple(each) for each in torch.cat([low, high], dim=1).round(decimals=3).tolist()]


def test_one_place_is_the_canvas_and_more_are_squares_in_rows() -> None:
    assert corners(1, 60, 90) == [(0, 0, 90, 60)]
    assert corners(2, 60, 60) == [(0, 15, 30, 45), (30, 15, 60, 45)]
    assert corners(2, 60, 20) == [(0, 5, 20, 25), (0, 35, 20, 55)]
    assert corners(3, 60, 60) == [(0, 0, 30, 30), (30, 0, 60, 30), (15, 30, 45, 60)]
    assert corners(4, 40, 60)[2] == (5, 20, 25, 40)  # two by two: no cell is empty
    assert corners(3, 20, 90) == [(5, 0, 25, 20), (35, 0, 55, 20), (65, 0, 85, 20)]


@pytest.mark.parametrize("count", [2, 3, 5, 9, 30])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 200), (300, 40)])
def test_places_lie_on_the_canvas_and_not_on_one_another(count: int, height: int, width: int) -> None:
    found = corners(count, height, width)
    assert len(found) == count
    for i, (left, top, right, bottom) in enumerate(found):
        assert min(left, top) >= -0.01
        assert right <= width + 0.01
        assert bottom <= height + 0.01
        for other in found[:i]:
            across = min(right, other[2]) - max(left, other[0])
            down = min(bottom, other[3]) - max(top, other[1])
            assert min(across, down) < 0.01


def test_every_place_has_views_of_its_own() -> None:
    recipe = make_recipe({"prompt": "a", "views": 4, "overview": 1, "detail": 1, "largest": 1, "rotate": 0})
    few = sample_views(recipe, 90, 90, 0.0, Streams(0), squares(9))
    assert few.place.tolist() == list(range(9))
    assert torch.allclose(few.sizes, torch.full((9,), 1 / 3))
    views = sample_views(recipe, 90, 90, 0.0, Streams(0), squares(3))
    assert views.place.tolist() == [0, 1, 2, 0]
    middles = places(squares(3), 90, 90).maps[:, :2, 2]
    assert torch.allclose(views.homographies[:, :2, 2], middles[views.place], atol=0.05)


@pytest.mark.parametrize("canvas", ["multires", "shapes"])
def test_a_run_with_places_stops_and_goes_on(
    random_clip: str, settings: dict[str, object], canvas: str
) -> None:
    apart = {
        "layout": "apart",
        "prompt": "apple:: apple:: red::0.5",
        "canvas": canvas,
        "width": 64,
        "steps": 4,
    }
    recipe = make_recipe(settings | apart | {"clip": (random_clip,), "height": 32})
    *_, last = iterate(recipe)
    assert last.step == 4
    assert all(math.isfinite(value) for value in last.losses.values())
    name = next(iter(last.losses)).removesuffix("/apple")
    assert {f"{name}/apple", f"{name}/apple 2", f"{name}/red"} < set(last.losses)
    half = Session(recipe)
    for it in go_on(half):
        if it.step == 2:
            break
    again = Session.restore(half.state(), recipe)
    *_, resumed = go_on(again)
    assert torch.equal(resumed.image, last.image)


def test_things_without_room_are_refused() -> None:
    recipe = make_recipe({"prompt": "apple:: " * 30, "width": 64, "height": 64})
    with pytest.raises(
        UsageError, match=r"30 things .* 11 pixels each on 64x64, and need 16.*--layout blend"
    ):
        Session(recipe)


def test_a_place_is_seen_as_if_it_were_cut_out() -> None:
    image = torch.rand(1, 3, 64, 128, generator=stream(1, "init"))
    assert torch.allclose(
        torch.cat(placed(image, 64, squares(2))), torch.cat(image.split(64, dim=3)), atol=1e-4
    )


def test_a_thing_pulls_at_its_own_place_only(random_clip: str, settings: dict[str, object]) -> None:
    clip: Clip = load_clip(random_clip, torch.device("cpu"), "float32")
    recipe = make_recipe(settings | dict.fromkeys(REGULARISERS, 0.0) | {"views": 4, "largest": 1.0})
    image = torch.rand(1, 3, 32, 64, generator=stream(1, "init"))
    views = sample_views(recipe, 32, 64, 0.0, Streams(0), squares(2))

    def gradient(prompt: str) -> torch.Tensor:
        parsed = prompts.parse(prompt)
        return Objective([(clip, 1.0)], parsed, "cosine", lay_out(parsed, apart=True)).gradient(
            image, views, recipe
        )[0]

    plain, other = gradient("apple:: tart::"), gradient("apple:: moon::")
    assert torch.allclose(plain[..., :28], other[..., :28], atol=1e-9)
    assert not torch.allclose(plain[..., 36:], other[..., 36:], atol=1e-6)


def test_the_margin_lies_around_every_place() -> None:
    def price(x: int, count: int) -> float:
        sheet = torch.ones(1, 3, 40, 80)
        sheet[..., 20, x] = 0.0
        return float(Margin(torch.ones(1, 3, 1, 1), squares(count), 40, 80)(sheet))

    assert price(40, 2) > price(37, 2) > price(35, 2) > 0
    assert price(20, 2) == price(60, 2) == 0
    assert price(40, 1) == 0
    assert price(2, 1) > 0
