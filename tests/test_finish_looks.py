"""Every finish step on drawn pictures, and what each of the newer ones promises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipart.errors import UsageError
from clipart.finish import FINISHES
from clipart.finish.chain import make_chain
from clipart.presets import load_preset, preset_names
from clipart.recipe import Recipe
from clipart.runs import Outputs, generate


def disc(height: int = 64, width: int = 64) -> Tensor:
    """A red disc on white paper: (3, height, width)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    red, white = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.96, 0.96, 0.96])
    return torch.where(x**2 + y**2 < 0.4, red[:, None, None], white[:, None, None])


def finish(step: str, image: Tensor) -> Tensor:
    return make_chain([step])(image)


def colours(image: Tensor) -> int:
    return len((image * 255).round().long().flatten(1).T.unique(dim=0))


@pytest.mark.parametrize("name", FINISHES.names())
@pytest.mark.parametrize("size", [(16, 16), (17, 40), (120, 64)])
def test_every_step_takes_any_size_and_gives_the_same_twice(name: str, size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    before = image.clone()
    result = finish(name, image)
    assert result.shape[1:] == (torch.Size(size) if name != "upscale" else (2 * size[0], 2 * size[1]))
    assert result.isfinite().all()
    assert 0 <= result.min() <= result.max() <= 1
    assert torch.equal(result, finish(name, image))
    assert torch.equal(image, before)


def test_contrast_moves_values_from_the_mean() -> None:
    image = 0.4 + 0.2 * disc()
    assert finish("contrast:2", image).std() > 1.5 * image.std()
    assert torch.allclose(finish("contrast:1", image), image, atol=1e-6)


def test_white_balance_makes_yellow_paper_neutral_and_leaves_the_red() -> None:
    cast = disc() * torch.tensor([1.0, 0.95, 0.7])[:, None, None]
    paper = finish("white-balance", cast)[:, 0, 0]
    assert float(paper.max() - paper.min()) < 0.01
    assert torch.allclose(finish("white-balance:0", cast), cast, atol=1e-6)
    red = finish("white-balance", disc())[:, 32, 32]
    assert red[0] > red[1] + 0.5


def test_vignette_darkens_corners_and_not_the_middle() -> None:
    image = torch.full((3, 64, 64), 0.8)
    result = finish("vignette:0.5", image)
    assert result[0, 0, 0] < 0.45
    assert result[0, 32, 32] > 0.79


def test_border_has_its_width_and_shade() -> None:
    result = finish("border:12.5:0", torch.full((3, 64, 80), 0.5))
    assert (result[:, :8] == 0).all()
    assert (result[:, :, -8:] == 0).all()
    assert (result[:, 8:-8, 8:-8] == 0.5).all()


def test_posterise_has_so_many_colours() -> None:
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert colours(finish("posterise:5", image)) == 5


def test_lines_are_drawn_at_the_edge_only() -> None:
    drawn = finish("lines:2", disc())
    assert drawn[0, 32, 32] > 0.95
    assert drawn[0, 2, 2] > 0.95
    assert drawn.min() < 0.2


@pytest.mark.parametrize("step", ["mosaic:16", "stitch:16", "halftone:16", "lead:12", "chalk"])
def test_patterns_keep_the_colour_of_the_thing(step: str) -> None:
    middle = finish(step, disc(128, 128))[:, 48:80, 48:80].mean((1, 2))
    assert middle[0] > middle[1] + 0.08


def test_woodcut_prints_more_ink_where_it_is_darker() -> None:
    grey = torch.linspace(0, 1, 128).expand(3, 128, 128)
    ink = finish("woodcut:16", grey)
    assert ink[:, :, :32].mean() < ink[:, :, 48:80].mean() < ink[:, :, -8:].mean()


@pytest.mark.parametrize(
    "step", ["contrast:5", "vignette:2", "border:26", "posterise:1", "lead:1", "lines:5"]
)
def test_a_number_out_of_range_is_refused(step: str) -> None:
    with pytest.raises(UsageError, match="goes from"):
        finish(step, disc())


@pytest.mark.parametrize("name", [name for name in preset_names() if not load_preset(name).requires])
def test_every_preset_runs(name: str) -> None:
    result = generate("apple", preset=name, seed=1, size=64, steps=3, starts=1, outputs=Outputs(folder=None))
    assert result.steps == 3
    assert min(result.image.size) >= 64


def soft_disc(side: int) -> Tensor:
    """A dark disc on white whose edge is a thirtieth of the side wide: (3, side, side)."""
    rows = torch.linspace(-1, 1, side)
    distance = (rows[:, None].square() + rows.square()).sqrt()
    soft = torch.sigmoid((distance - 0.5) * 65)
    return torch.stack([soft * 0.2 + 0.8, soft, soft])


@pytest.mark.parametrize("side", [64, 256, 600])
def test_crisp_makes_a_soft_edge_a_line_where_it_was(side: int) -> None:
    image = soft_disc(side)
    drawn = finish("crisp", image)
    between = [float(((each[1] > 0.1) & (each[1] < 0.9)).float().mean()) for each in (image, drawn)]
    assert between[1] < 0.5 * between[0]
    assert abs(float(drawn[1].mean() - image[1].mean())) < 0.01  # the disc is as large as it was
    assert torch.equal(drawn, finish("crisp:1", image))
    assert torch.equal(finish("crisp:0", image), image)


def test_paper_takes_a_halo_off_and_leaves_the_thing() -> None:
    image = disc() - 0.02
    image[:, 8:12] -= 0.02  # a pale mark
    cleaned = finish("paper", image)
    assert colours(cleaned) == 2
    assert torch.equal(cleaned[:, 32, 32], image[:, 32, 32])
    assert torch.equal(finish("paper:0", image), image)
    scene = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(finish("paper", scene), scene)


def test_crisp_leaves_shading() -> None:
    shaded = torch.linspace(0.2, 0.9, 256).expand(3, 256, 256) + 0.02 * torch.sin(torch.arange(256.0))
    assert (finish("crisp", shaded) - shaded).abs().max() < 0.03


def test_crisp_comes_after_the_enlargement() -> None:
    assert Recipe(prompt="a", upscale=2).resolve().chain == ("clean", "paper", "upscale:2", "crisp")
    assert Recipe(prompt="a", upscale=2, finish=("crisp:0.6", "flat")).chain == (
        "upscale:2",
        "crisp:0.6",
        "flat",
    )
    assert Recipe(prompt="a", upscale=2, finish=("clean", "border")).chain == ("clean", "border", "upscale:2")
    assert Recipe(prompt="a", canvas="shapes").resolve().chain == ()
    assert Recipe(prompt="a", clip=("ViT-B-32/openai",)).with_(device="cpu").finish is None


def test_redraw_keeps_the_picture_and_makes_its_edge_steeper() -> None:
    rows = torch.linspace(-1, 1, 128)
    distance = (rows[:, None].square() + rows.square()).sqrt()
    soft = torch.sigmoid((distance - 0.5) * 14)  # a soft dark disc on white
    image = torch.stack([soft * 0.2 + 0.8, soft, soft])
    drawn = make_chain(("redraw",))(image)
    assert drawn.shape == image.shape
    assert (drawn - image).abs().mean() < 0.1

    def steepest(picture: torch.Tensor) -> float:
        return float(picture[1, 64].diff().abs().max())

    assert steepest(drawn) > 1.3 * steepest(image)
    plain = make_chain(("redraw:0",))(image)
    assert not torch.equal(plain, drawn)
