"""The canvas of strokes, and its SVG."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from clipart.canvas.strokes import StrokesCanvas
from clipart.canvas.vector import Svg
from clipart.rng import stream

resvg = pytest.importorskip("resvg_py")


def drawn(count: int = 12, size: tuple[int, int] = (48, 64), progress: float = 1.0) -> StrokesCanvas:
    canvas = StrokesCanvas(torch.ones(1, 3, *size), generator=stream(3, "init"), count=count)
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter.add_(0.6 * torch.randn(parameter.shape, generator=stream(4, "init")))
    canvas.project(progress)
    return canvas


def rendered(svg: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(bytes(resvg.svg_to_bytes(svg_string=svg.decode()))))
    return np.asarray(picture.convert("RGB"), dtype=float)


@pytest.mark.parametrize("size", [(128, 128), (96, 160)])
def test_the_svg_is_the_picture(size: tuple[int, int]) -> None:
    canvas = drawn(size=(size[0] // 2, size[1] // 2))
    picture = 255 * canvas.final(*size)[0].permute(1, 2, 0).numpy()
    leaves = canvas.leaves(*size)
    assert list(leaves) == [".svg"]
    found = rendered(leaves[".svg"])
    assert found.shape == picture.shape
    assert np.abs(found - picture).mean() < 2
    assert picture.std() > 10  # there is something to compare


def test_a_picture_under_the_strokes_is_in_the_svg() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    svg = Svg(ramp, 32, 32)
    assert np.abs(rendered(svg.encode())[..., 0] - 255 * ramp[0, 0].numpy()).mean() < 1


def test_strokes_come_one_after_another_and_edges_get_sharp() -> None:
    canvas = drawn(count=12)
    late = canvas._count()
    canvas.project(0.0)
    assert canvas._count() == 3 < late == 12
    assert float(canvas.edge) > 0.02


def test_every_parameter_reaches_the_image() -> None:
    canvas = drawn(progress=0.6)
    weights = torch.rand(1, 3, 48, 64, generator=stream(5, "init"))
    (canvas() * weights).sum().backward()
    for name, parameter in canvas.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.abs().sum(dim=1) > 0).float().mean() > 0.8, name


def test_painting_by_boxes_is_painting_the_whole() -> None:
    for progress in (0.0, 0.5, 1.0):
        canvas = drawn(progress=progress)
        assert torch.allclose(canvas.enlarged(canvas.start, 48, 64), canvas().detach(), atol=2e-3)
