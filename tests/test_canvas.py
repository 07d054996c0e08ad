"""Canvases and starts: shapes, spectra, gradients, seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from clipart.canvas.base import Canvas, clamp_with_grad
from clipart.canvas.pixel import DECORRELATED, FourierCanvas, MultiResCanvas, PlainCanvas
from clipart.canvas.start import make_start, static
from clipart.errors import UsageError
from clipart.recipe import make_recipe
from clipart.rng import stream

KINDS = [PlainCanvas, MultiResCanvas, FourierCanvas]
SIZES = [(16, 16), (17, 31), (64, 40), (5, 200)]


def gray(height: int, width: int) -> torch.Tensor:
    return torch.full((1, 3, height, width), 0.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_a_fresh_canvas_shows_its_start(kind: type[Canvas], size: tuple[int, int]) -> None:
    start = torch.rand(1, 3, *size, generator=stream(0, "init"))
    assert torch.allclose(kind(start)(), start, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_reaches_the_image(kind: type[Canvas]) -> None:
    canvas = kind(gray(24, 36))
    weights = torch.rand(1, 3, 24, 36, generator=stream(1, "init"))
    (canvas() * weights).sum().backward()
    for parameter in canvas.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", [MultiResCanvas, FourierCanvas])
def test_falloff_takes_energy_from_fine_features(kind: type[Canvas]) -> None:
    def roughness(falloff: float) -> float:
        canvas = kind(gray(64, 64), falloff=falloff, decorrelated=False)
        generator = stream(2, "init")
        with torch.no_grad():
            for parameter in canvas.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        change = canvas.change().detach()
        return float(change.diff(dim=3).square().mean() / change.square().mean())

    assert roughness(2.0) < roughness(1.0) < roughness(0.0)


def test_a_unit_of_every_level_is_a_unit_of_colour() -> None:
    canvas = MultiResCanvas(gray(32, 32), decorrelated=False)
    with torch.no_grad():
        for level in canvas.levels:
            level.fill_(1)
    assert torch.allclose(canvas.change(), torch.ones(1, 3, 32, 32), atol=1e-5)


def test_decorrelated_colour_is_lucids() -> None:
    assert DECORRELATED.norm(dim=0).max() == pytest.approx(1)
    assert DECORRELATED[0, 0] / DECORRELATED[1, 0] == pytest.approx(0.26 / 0.27)
    rgb, spread = (
        PlainCanvas(gray(8, 8), decorrelated=False),
        PlainCanvas(gray(8, 8), decorrelated=True),
    )
    with torch.no_grad():
        rgb.pixels[:, 0] = 0.1
        spread.pixels[:, 0] = 0.1
    assert torch.allclose(rgb()[0, :, 0, 0], torch.tensor([0.6, 0.5, 0.5]))
    red, green, blue = (spread()[0, :, 0, 0] - 0.5).tolist()
    assert red == pytest.approx(green, rel=0.1)
    assert blue == pytest.approx(green, rel=0.1)


def test_clamp_lets_only_the_gradient_inward_through() -> None:
    image = torch.tensor([-0.5, 0.5, 1.5], requires_grad=True)
    clamped = clamp_with_grad(image)
    assert clamped.tolist() == [0, 0.5, 1]
    (grad,) = torch.autograd.grad(clamped.sum(), image)  # descent lowers: outward below, inward above
    assert grad.tolist() == [0, 1, 1]
    (grad,) = torch.autograd.grad(-clamp_with_grad(image).sum(), image)
    assert grad.tolist() == [-1, -1, 0]


def test_static_is_seeded_smooth_and_normalised() -> None:
    def noise(seed: int, grain: float) -> torch.Tensor:
        return static(64, 96, grain, stream(seed, "init"))

    assert torch.equal(noise(1, 0.3), noise(1, 0.3))
    assert not torch.equal(noise(1, 0.3), noise(2, 0.3))
    for grain in (0.0, 0.5, 1.0):
        assert noise(1, grain).shape == (1, 3, 64, 96)
        assert noise(1, grain).mean() == pytest.approx(0, abs=1e-4)
        assert noise(1, grain).std() == pytest.approx(1, abs=1e-3)
    rough = [float(noise(1, grain).diff(dim=3).square().mean()) for grain in (0.0, 0.5, 1.0)]
    assert rough == sorted(rough)


def test_start_is_paper_with_static() -> None:
    recipe = make_recipe({"prompt": "a", "paper": "#ff8000", "static": 0, "width": 16, "height": 20})
    start = make_start(recipe, stream(0, "init"))
    assert start.shape == (1, 3, 20, 16)
    assert torch.allclose(start[0, :, 3, 3], torch.tensor([1, 128 / 255, 0]))
    noisy = make_start(recipe.with_(static=1.0), stream(0, "init"))
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert noisy.std() > start.std()


def test_init_picture_is_cut_to_the_aspect_and_mixed_in(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (60, 20), (0, 0, 255, 255))
    picture.putpixel((30, 10), (0, 0, 0, 0))
    picture.save(tmp_path / "blue.png")
    recipe = make_recipe(
        {"prompt": "a", "init": str(tmp_path / "blue.png"), "init_strength": 1, "width": 16, "height": 16}
    )
    start = make_start(recipe, stream(0, "init"))
    assert torch.allclose(start[0, :, 0, 0], torch.tensor([0.0, 0.0, 1.0]), atol=0.02)
    half = make_start(recipe.with_(init_strength=0.5, static=0, paper="white"), stream(0, "init"))
    assert torch.allclose(half[0, :, 0, 0], torch.tensor([0.5, 0.5, 1.0]), atol=0.02)


@pytest.mark.parametrize("content", [None, b"", b"not a picture", b"\x89PNG\r\n\x1a\n truncated"])
def test_a_bad_init_picture_is_one_clear_message(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "in.png"
    if content is not None:
        path.write_bytes(content)
    recipe = make_recipe({"prompt": "a", "init": str(path)})
    with pytest.raises(UsageError, match=r"in\.png"):
        make_start(recipe, stream(0, "init"))
