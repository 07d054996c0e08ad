"""Canvases of few colours: exactly those, and flat cells."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipart.canvas.palette import PaletteCanvas, PixelArtCanvas, first_colours
from clipart.errors import UsageError
from clipart.recipe import make_recipe
from clipart.rng import stream

SMALL = {"width": 48, "height": 32, "grid": 8, "steps": 4, "starts": 1}


def build(canvas: str, **more: object) -> PaletteCanvas:
    recipe = make_recipe({"prompt": "a", "canvas": canvas} | SMALL | more).resolve()
    start = 0.5 + 0.2 * torch.randn(1, 3, recipe.height, recipe.width, generator=stream(1, "init"))
    kind = PixelArtCanvas if canvas == "pixelart" else PaletteCanvas
    built = kind.build(start.clamp(0, 1), recipe, {}, None)
    with torch.no_grad():
        for level in built.levels:
            level.add_(torch.randn(level.shape, generator=stream(2, "init")))
    return built


def colours_of(image: torch.Tensor) -> set[tuple[int, ...]]:
    pixels = (255 * image[0]).permute(1, 2, 0).reshape(-1, 3)
    assert torch.allclose(pixels, pixels.round(), atol=1e-3)
    return {tuple(row) for row in pixels.round().int().tolist()}


@pytest.mark.parametrize("canvas", ["palette", "pixelart"])
def test_the_picture_has_the_palette_and_no_other_colour(canvas: str) -> None:
    built = build(canvas, palette="#ff0000, white,#00317f")
    found = colours_of(built.final(64, 96))
    assert found <= {(255, 0, 0), (255, 255, 255), (0, 0x31, 0x7F)}
    assert len(found) == 3
    assert not built.tint.requires_grad


def test_learned_colours_begin_with_the_paper_and_move() -> None:
    built = build("palette", colours=5, paper="#fff3d6")
    assert tuple((255 * built.colours[0]).round().int().tolist()) == (0xFF, 0xF3, 0xD6)
    assert built.tint.requires_grad
    with torch.no_grad():
        built.tint[0] -= 1
    assert len(colours_of(built.final(32, 48))) <= 5
    assert (255, 0xF3, 0xD6) not in colours_of(built.final(32, 48))
    assert first_colours(torch.ones(3), 2).shape == (2, 3)


def test_cells_are_flat_and_the_sprite_has_one_pixel_a_cell() -> None:
    built = build("pixelart")
    large = built.final(64, 96)[0]
    blocks = large.view(3, 8, 8, 12, 8)
    assert torch.equal(blocks.amin(dim=(2, 4)), blocks.amax(dim=(2, 4)))
    (ending, data), *_ = built.leaves(64, 96).items()
    assert ending == "-sprite.png"
    sprite = np.asarray(Image.open(io.BytesIO(data)))
    assert sprite.shape == (8, 12, 3)
    assert np.array_equal(sprite, (255 * blocks[:, :, 0, :, 0]).permute(1, 2, 0).round().byte().numpy())


def test_it_gets_harder_until_it_is_the_final_picture() -> None:
    built = build("pixelart")
    apart = []
    for progress in (0.0, 0.5, 1.0):
        built.project(progress)
        apart.append(float((built().detach() - built.final(32, 48)).abs().mean()))
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 0.3 * apart[0]


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="'greenish' is no colour"):
        make_recipe({"prompt": "a", "palette": "red,greenish"})


@pytest.mark.usefixtures("few_words")
def test_a_run_leaves_the_sprite_beside_the_picture(settings: dict[str, object], tmp_path: Path) -> None:
    from clipart.runs import Outputs, run

    recipe = make_recipe(
        settings | {"canvas": "pixelart", "grid": 10, "palette": "white,red,black", "upscale": 2}
    )
    alone = run(recipe, Outputs(folder=None, file=tmp_path / "p.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]  # and no sprite that nobody asked for
    assert set(alone.paths) == {"picture"}
    result = run(recipe, Outputs(folder=tmp_path / "run"))
    assert result.recipe.finish == ()
    assert result.image.size == (80, 80)
    assert {colour for _, colour in result.image.getcolors()} <= {(255, 255, 255), (255, 0, 0), (0, 0, 0)}
    with Image.open(result.paths["sprite"]) as sprite:
        assert sprite.size == (10, 10)
    assert result.paths["sprite"].parent == result.paths["picture"].parent
