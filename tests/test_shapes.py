"""The canvas of shapes: faint at first, what the parameters mean, any size, and a run that goes on to the bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from clipart.canvas.shapes import CRISP, ShapesCanvas
from clipart.rng import stream


def paper(height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.full((1, 3, height, width), 0.9)


def one_shape(height: int = 64, width: int = 64) -> ShapesCanvas:
    """A single opaque black disc in the middle, half the picture wide, with crisp edges."""
    canvas = ShapesCanvas(paper(height, width), count=1)
    with torch.no_grad():
        canvas.places.zero_()
        canvas.turns.zero_()
        canvas.sizes.fill_(torch.tensor(0.25).log())
        canvas.colours.zero_()
        canvas.opacity.fill_(0.85)
        canvas.project(1.0)
    return canvas


def dark(canvas: ShapesCanvas) -> torch.Tensor:
    """Which pixels the shape covers, (height, width)."""
    return canvas().detach()[0].mean(0) < 0.45


def test_it_begins_with_faint_shapes_that_the_generator_scatters() -> None:
    start = paper()
    first, again, other = (
        ShapesCanvas(start, generator=stream(seed, "init"))().detach() for seed in (1, 1, 2)
    )
    assert first.shape == start.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 < (first - start).abs().mean() < 0.15
    assert (first - start)[..., 0, :].abs().mean() < 0.5 * (
        first - start
    ).abs().mean()  # they keep to the middle


def test_every_parameter_reaches_the_image() -> None:
    canvas = ShapesCanvas(paper(), generator=stream(0, "init"))
    weights = torch.rand(1, 3, 40, 56, generator=stream(1, "init"))
    (canvas() * weights).sum().backward()
    for name, parameter in canvas.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().amax(dim=0).min() > 0, name


def test_a_shape_is_where_its_parameters_say() -> None:
    disc = dark(one_shape())
    assert disc.float().mean() == pytest.approx(torch.pi / 16, abs=0.01)
    for change, area, where in (
        ({"place": (0.4, 0.0)}, torch.pi / 16, (32, 32 + 0.2 * 64)),  # half the short side is a unit
        ({"place": (0.0, -0.4)}, torch.pi / 16, (32 - 0.2 * 64, 32)),
        ({"stretch": (-0.7, 0.0)}, torch.pi / 16 * 0.4966, (32, 32)),
        ({"form": (9.0, 0.0, 0.0)}, 0.25, (32, 32)),  # a square
        ({"form": (-9.0, 0.0, 0.0)}, 0.125, (32, 32)),  # a diamond
    ):
        canvas = one_shape()
        with torch.no_grad():
            for name, value in change.items():
                getattr(canvas, name).copy_(torch.tensor([value]))
        covered = dark(canvas)
        assert covered.float().mean() == pytest.approx(area, abs=0.012), change
        middle = covered.nonzero().float().mean(0) + 0.5
        assert middle.tolist() == pytest.approx(where, abs=0.6), change


def test_the_upper_shape_hides_the_lower() -> None:
    canvas = ShapesCanvas(paper(), count=2)
    with torch.no_grad():
        canvas.places.zero_()
        canvas.opacity.fill_(0.85)
        canvas.colours.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]))
        canvas.project(1.0)
    assert canvas()[0, :, 20, 28].tolist() == pytest.approx([0, 0, 1], abs=0.1)


def test_it_is_painted_at_any_size_with_sharp_edges() -> None:
    canvas = one_shape(32, 32)
    large = canvas.enlarged(canvas(), 256, 256).detach()
    assert large.shape == (1, 3, 256, 256)
    between = ((large[0, 0] > 0.05) & (large[0, 0] < 0.85)).float().mean()
    assert between < 0.02  # of a bicubic enlargement from 32 pixels it is 0.108
    assert ((large[0, 0] < 0.45).float().mean() - torch.pi / 16).abs() < 0.005


def test_by_the_last_step_edges_are_crisp_and_washes_gone() -> None:
    canvas = ShapesCanvas(paper(), generator=stream(0, "init"))
    faint = (canvas() - canvas.start).abs().mean()
    canvas.project(1.0)
    assert canvas.edge.item() == pytest.approx(CRISP)
    assert (canvas() - canvas.start).abs().mean() < 0.1 * faint


def test_project_keeps_sizes_colours_and_opacities_in_range() -> None:
    canvas = ShapesCanvas(paper(), generator=stream(0, "init"))
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter.fill_(50)
    canvas.project(0.5)
    assert (canvas.sizes + canvas.stretch).exp().max().item() == pytest.approx(0.6)
    image = canvas()
    assert torch.isfinite(image).all()
    assert image.min() >= 0
    assert image.max() <= 1


def test_its_state_is_all_there_is() -> None:
    canvas = ShapesCanvas(paper(), generator=stream(3, "init"))
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=stream(4, "init")))
    canvas.project(0.7)
    other = ShapesCanvas(torch.zeros(1, 3, 40, 56))
    other.load_state_dict(canvas.state_dict())
    assert torch.equal(canvas(), other())


def test_the_svg_is_the_picture() -> None:
    resvg = pytest.importorskip("resvg_py")
    for size in ((128, 128), (96, 160)):
        canvas = ShapesCanvas(paper(*size), generator=stream(3, "init"), count=12)
        with torch.no_grad():
            for parameter in canvas.parameters():
                parameter.add_(0.4 * torch.randn(parameter.shape, generator=stream(4, "init")))
        canvas.project(1.0)
        picture = 255 * canvas.final(*size)[0].permute(1, 2, 0).numpy()
        leaves = canvas.leaves(*size)
        assert list(leaves) == [".svg"]
        data = bytes(resvg.svg_to_bytes(svg_string=leaves[".svg"].decode()))
        found = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
        assert found.shape == picture.shape
        assert np.abs(found - picture).mean() < 2
        assert picture.std() > 10  # there is something to compare
