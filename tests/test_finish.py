"""The clean-up and the enlargement, on drawn pictures with known speckle."""

from __future__ import annotations

import pytest
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from clipart.errors import UsageError
from clipart.finish import strips
from clipart.finish.chain import make_chain, read_chain
from clipart.finish.clean import MAX_GAIN, clean, stretch
from clipart.finish.sharpen import sharpen


def finish(image: Tensor, steps: str = "clean", upscale: int = 1) -> Tensor:
    return make_chain((*read_chain(steps), *([f"upscale:{upscale}"] if upscale > 1 else [])))(image)


RED, PAPER = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.95, 0.95, 0.95])


def drawing(size: int = 96) -> Tensor:
    """A red disc on light paper with a dark bar: (3, size, size)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    image = torch.where(x**2 + y**2 < 0.4, RED[:, None, None], PAPER[:, None, None])
    image[:, : size // 8] = 0.02
    return image


def speckled(image: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    specks = torch.rand(image.shape[1:], generator=generator) < 0.02
    noisy = image + 0.05 * torch.randn(image.shape, generator=generator)
    return torch.where(specks, torch.rand(image.shape, generator=generator), noisy).clamp(0, 1)


def decibels(image: Tensor, truth: Tensor) -> float:
    return -10 * float((image - truth).square().mean().log10())


def steepness(image: Tensor) -> float:
    """The mean of the steepest step across the disc's left edge."""
    middle = image[1, image.shape[1] // 2 - 4 : image.shape[1] // 2 + 4, : image.shape[2] // 2]
    return float(middle.diff(dim=1).abs().max(dim=1).values.mean())


def test_speckle_goes_and_edges_stay() -> None:
    truth = drawing()
    noisy = speckled(truth)
    cleaned = finish(noisy)
    assert decibels(cleaned, truth) > decibels(noisy, truth) + 7
    assert steepness(cleaned) > 0.9 * steepness(truth)


def test_a_clean_picture_stays_nearly_as_it_is() -> None:
    assert decibels(finish(drawing()), stretch(drawing())) > 32


def test_grain_is_smoothed_away() -> None:
    truth = drawing()
    grain = 0.06 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    assert (
        decibels(finish((truth + grain).clamp(0, 1)), stretch(truth)) > 32
    )  # 25.6 before, 27.8 by the median


def test_soft_edges_are_sharpened() -> None:
    soft = gaussian_blur2d(drawing()[None], (9, 9), (1.5, 1.5))[0]
    assert steepness(finish(soft)) > 1.055 * steepness(stretch(soft))


def test_none_changes_nothing() -> None:
    image = speckled(drawing())
    assert torch.equal(finish(image, "none"), image)


def test_the_same_picture_gives_the_same_bits_and_the_input_is_kept() -> None:
    image = speckled(drawing())
    before = image.clone()
    assert torch.equal(finish(image, "clean", 2), finish(image, "clean", 2))
    assert torch.equal(image, before)


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (300, 16)])
@pytest.mark.parametrize("upscale", [1, 2, 3, 4])
def test_any_size(size: tuple[int, int], upscale: int) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    for kind in ("clean", "none"):
        result = finish(image, kind, upscale)
        assert result.shape == (3, size[0] * upscale, size[1] * upscale)
        assert 0 <= result.min() <= result.max() <= 1


def test_enlarging_keeps_the_picture_in_place() -> None:
    image = drawing()
    large = finish(image, "none", 3)
    small = torch.nn.functional.avg_pool2d(large[None], 3)[0]
    assert decibels(small, image) > 28
    assert float((small.flip(2) - image).square().mean()) < 0.01  # the drawing is symmetric, so is the result
    plain = torch.nn.functional.interpolate(image[None], scale_factor=3, mode="bilinear")[0]
    assert steepness(large) > 1.2 * steepness(plain)


def test_stretch_is_bounded_and_keeps_the_cast() -> None:
    ramp = torch.linspace(0.4, 0.6, 64).expand(3, 64, 64) * torch.tensor([1.0, 0.9, 0.8])[:, None, None]
    result = stretch(ramp)
    assert torch.allclose(result.diff(dim=2), MAX_GAIN * ramp.diff(dim=2), atol=1e-6)
    assert torch.allclose(result[0] - result[1], MAX_GAIN * (ramp[0] - ramp[1]), atol=1e-6)
    assert result[0].mean() > result[1].mean() > result[2].mean()


def test_stretch_uses_the_whole_range_where_it_may() -> None:
    ramp = torch.linspace(0.1, 0.95, 400).expand(3, 400, 400)
    result = stretch(ramp)
    assert float(result.min()) == 0
    assert float(result.max()) == 1
    assert ((result == 0) | (result == 1)).float().mean() < 0.02


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_plain_picture_stays_plain(level: float) -> None:
    image = torch.full((3, 32, 32), level)
    assert torch.allclose(finish(image), image, atol=1e-3)
    assert finish(image).std() < 1e-5


def test_a_light_picture_stays_light() -> None:
    light = 0.7 + 0.25 * drawing()
    assert stretch(light).mean() > light.mean() - 0.05


def test_strips_give_what_the_whole_picture_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    image = speckled(drawing(100))
    whole, sharp = clean(image), sharpen(image, 0.5, 2.0)
    for pixels in (1, 3100, 9900):
        monkeypatch.setattr(strips, "PIXELS", pixels)
        assert torch.allclose(clean(image), whole, atol=1e-5), pixels
        assert torch.allclose(sharpen(image, 0.5, 2.0), sharp, atol=1e-5), pixels


def test_what_cannot_be_finished_is_refused() -> None:
    with pytest.raises(UsageError, match="clean"):
        finish(drawing(), "polish")
    for step in ("upscale:0", "upscale:5"):
        with pytest.raises(UsageError, match="1 to 4"):
            finish(drawing(), step)
    for step in ("clean:1", "upscale:2:3", "upscale:x", "flat:"):
        with pytest.raises(UsageError, match=f"--finish {step}"):
            finish(drawing(), step)
    for shape in ((1, 32, 32), (3, 15, 32), (1, 3, 32, 32)):
        with pytest.raises(ValueError, match="sides of 16"):
            finish(torch.zeros(shape))


def test_flat_leaves_few_colours_and_keeps_the_shapes() -> None:
    disc = torch.full((3, 64, 64), 0.9)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    inside = (y - 32) ** 2 + (x - 32) ** 2 < 18**2
    disc[:, inside] = torch.tensor([[0.8], [0.1], [0.1]])
    noisy = disc + 0.05 * torch.randn(disc.shape, generator=torch.Generator().manual_seed(0))
    printed = finish(noisy.clamp(0, 1), "flat")
    assert printed.shape == disc.shape
    counts = (printed * 255).round().long().flatten(1).T.unique(dim=0, return_counts=True)[1]
    most = counts.sort(descending=True).values[:8].sum()
    assert most > 0.65 * 64 * 64  # the rest is the smooth outline
    red, paper = printed[:, inside].mean(1), printed[:, ~inside].mean(1)
    assert red[0] > red[1] + 0.5
    assert abs(float(paper[0] - paper[1])) < 0.1
