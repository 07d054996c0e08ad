"""The camera: where it goes, on every canvas, and that it leaves what does not move alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from clipart.canvas import CANVASES
from clipart.canvas.camera import moved
from clipart.canvas.shapes import ShapesCanvas
from clipart.loop import go_on, iterate
from clipart.process.gradient import rate_at
from clipart.recipe import make_recipe
from clipart.rng import stream
from clipart.session import Session

SIZE = 33


def dot(x: int, y: int) -> Tensor:
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[..., y - 1 : y + 2, x - 1 : x + 2] = 1
    return image


def place(image: Tensor) -> tuple[float, float]:
    """The centre of what is light: x, y."""
    light = image[0, 0]
    ys, xs = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in light.shape), indexing="ij")
    return float((xs * light).sum() / light.sum()), float((ys * light).sum() / light.sum())


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ({}, (22, 16)),
        ({"pan_x": 4.0}, (18, 16)),
        ({"pan_y": -3.0}, (22, 19)),
        ({"spin": 90.0}, (16, 22)),  # clockwise: from the right to below the middle
        ({"zoom": 1.5}, (25, 16)),
        ({"zoom": 0.8}, (20.8, 16)),
    ],
)
def test_where_a_dot_goes(camera: dict[str, float], expected: tuple[float, float]) -> None:
    recipe = make_recipe({"prompt": "a", "width": SIZE, "height": SIZE} | camera)
    seen = moved(dot(22, 16), recipe)
    assert place(seen) == pytest.approx(expected, abs=0.3)
    assert recipe.moves == bool(camera)


def test_a_turn_does_not_squeeze() -> None:
    recipe = make_recipe({"prompt": "a", "width": 64, "height": 32, "spin": 90.0})
    image = torch.zeros(1, 3, 32, 64)
    image[..., 15:17, 24:40] = 1  # 16 wide, 2 high
    seen = moved(image, recipe)[0, 0, :, 16:48] > 0.5  # beyond is the mirror
    assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == pytest.approx((2, 16), abs=1)


@pytest.mark.parametrize("canvas", ["multires", "plain", "fourier"])
def test_a_canvas_begins_anew_with_what_is_seen(canvas: str) -> None:
    generator = torch.Generator().manual_seed(0)
    recipe = make_recipe({"prompt": "a", "canvas": canvas})
    built = CANVASES[canvas].build(torch.rand(1, 3, 24, 24, generator=generator), recipe, {}, None)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    seen = torch.rand(1, 3, 24, 24, generator=generator)
    built.restart(seen)
    assert torch.allclose(built(), seen, atol=1e-6)


@pytest.mark.parametrize(
    "camera",
    [
        {"zoom": 1.3},
        {"spin": 30.0},
        {"pan_x": 5.0, "pan_y": -3.0},
        {"zoom": 0.9, "spin": -70.0, "pan_y": 4.0},
    ],
)
def test_shapes_move_as_the_picture_of_them_would(camera: dict[str, float]) -> None:
    recipe = make_recipe({"prompt": "a", "width": 72, "height": 48} | camera)
    canvas = ShapesCanvas(torch.full((1, 3, 48, 72), 0.9), generator=stream(0, "init"), count=6)
    with torch.no_grad():
        canvas.opacity.fill_(0.8)
        expected = moved(canvas(), recipe, sharp=False)
        canvas.edge *= recipe.zoom  # a soft edge is so many pixels wide, near or far
        canvas.move(canvas(), recipe, torch.full((1, 3, 48, 72), 0.9))
        inner = slice(12, -12)  # beyond the edge the picture is its mirror
        difference = (canvas() - expected)[..., inner, inner].abs()
    assert difference.mean() < 0.01


def test_a_run_with_a_camera_moves_and_repeats(settings: dict[str, object]) -> None:
    still, one, same = (
        [it.image for it in iterate(make_recipe(settings | camera))]
        for camera in ({"margin": 0.0}, {"zoom": 1.2}, {"zoom": 1.2})
    )
    assert torch.equal(one[-1], same[-1])
    assert torch.equal(one[1], still[1])  # it moves between steps, so not before the first
    assert not torch.equal(one[2], still[2])


def test_a_latent_canvas_begins_anew_too(settings: dict[str, object], tmp_path: Path) -> None:
    from test_vqgan import write

    latent = settings | {"canvas": "vqgan", "vqgan": write(tmp_path, "f2"), "steps": 3}
    still, one, same = (
        [it.image for it in iterate(make_recipe(latent | camera))]
        for camera in ({"margin": 0.0}, {"spin": 9.0}, {"spin": 9.0})
    )
    assert torch.equal(one[-1], same[-1])
    assert torch.equal(one[1], still[1])
    assert not torch.equal(one[2], still[2])


def test_the_optimiser_keeps_its_memory(settings: dict[str, object]) -> None:
    session = Session(make_recipe(settings | {"zoom": 1.1, "steps": 3, "optimizer": "adam"}))
    list(go_on(session))
    state = session.process.optimizer.state_dict()["state"]
    assert {float(slots["step"]) for slots in state.values()} == {3.0}


def test_what_comes_into_view_is_static_to_grow_from() -> None:
    recipe = make_recipe({"prompt": "a", "width": SIZE, "height": SIZE, "pan_x": 8.0})
    generator = torch.Generator().manual_seed(0)
    fresh = torch.rand(1, 3, SIZE, SIZE, generator=generator)
    seen = moved(torch.full((1, 3, SIZE, SIZE), 0.5), recipe, fresh)
    assert torch.equal(seen[..., -8:], fresh[..., -8:])
    assert torch.allclose(seen[..., :-9], torch.tensor(0.5))
    nearer = moved(torch.full((1, 3, SIZE, SIZE), 0.5), recipe.with_(pan_x=0, zoom=1.25), fresh)
    paper = fresh.mean((2, 3), keepdim=True)
    assert torch.allclose(nearer, 0.475 + 0.05 * paper + (0.05 * 1.95) ** 0.5 * (fresh - paper))
    for _ in range(200):  # the static has the contrast that it begins with, however long the way
        fresh = 0.5 + 0.1 * torch.randn(1, 3, SIZE, SIZE, generator=generator)
        nearer = moved(nearer, recipe.with_(pan_x=0, zoom=1.02), fresh, sharp=False)
    assert 0.05 < float(nearer.std()) < 0.2


@pytest.mark.parametrize("zoom", [1.005, 1.02, 1.05])
def test_an_edge_stays_as_sharp_as_it_is(zoom: float) -> None:
    across = torch.arange(64) - 31.5
    image = (0.1 + 0.8 * torch.sigmoid(across / 1.5)).expand(1, 3, 64, 64)
    recipe = make_recipe({"prompt": "a", "width": 64, "height": 64, "zoom": zoom})

    def width(image: Tensor) -> float:
        line = image[0, 0, 32]
        return 0.8 * float((line.max() - line.min()) / line.diff().abs().max())

    first, image = width(image), image.contiguous()
    for _ in range(100):
        image = moved(image, recipe)
    assert width(image) < 1.3 * first
    assert (float(image.min()), float(image.max())) == pytest.approx((0.1, 0.9), abs=0.02)


def test_the_rate_stays_up_under_a_camera() -> None:
    still, moving = (make_recipe({"prompt": "a", "steps": 100, "zoom": zoom}) for zoom in (1.0, 1.02))
    assert rate_at(still, 100) < 0.01 * still.lr
    assert rate_at(moving, 100) == pytest.approx(0.6 * moving.lr)
    assert rate_at(still, 10) == rate_at(moving, 10)


def test_the_edge_has_no_price_under_a_camera(settings: dict[str, object]) -> None:
    still = make_recipe(settings | {"margin": 6.0})
    assert still.at(1).margin == 6
    for move in ({"zoom": 1.02}, {"pan_x": 1.0}, {"spin": 2.0}):
        assert make_recipe(settings | {"margin": 6.0} | move).at(1).margin == 0
