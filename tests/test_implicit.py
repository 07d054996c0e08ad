"""The implicit canvas: one function of the place, shown at any size."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from clipart.canvas.implicit import ImplicitCanvas
from clipart.rng import stream


def test_a_fresh_one_shows_its_start_and_every_layer_can_learn() -> None:
    start = torch.rand(1, 3, 24, 36, generator=stream(0, "init"))
    canvas = ImplicitCanvas(start, generator=stream(1, "init"))
    assert torch.allclose(canvas(), start, atol=1e-6)
    canvas.project(1.0)
    (canvas() * torch.rand(start.shape, generator=stream(2, "init"))).sum().backward()
    assert all(head.grad is not None and head.grad.abs().sum() > 0 for head in canvas.heads)


def test_it_is_computed_anew_at_any_size_and_sharper_than_enlarged() -> None:
    canvas = ImplicitCanvas(torch.full((1, 3, 64, 64), 0.5), generator=stream(1, "init"))
    canvas.project(1.0)
    with torch.no_grad():
        for head in canvas.heads:
            head.add_(0.03 * torch.randn(head.shape, generator=stream(3, "init")))
        small, large = canvas().clamp(0, 1), canvas.final(256, 256)
    assert large.shape == (1, 3, 256, 256)
    assert (F.avg_pool2d(large, 4) - small).abs().mean() < 0.02  # the same picture
    enlarged = F.interpolate(small, size=(256, 256), mode="bicubic")
    assert large.diff(dim=3).square().mean() > 1.02 * enlarged.diff(dim=3).square().mean()


def test_finer_layers_come_later() -> None:
    canvas = ImplicitCanvas(torch.full((1, 3, 64, 64), 0.5), generator=stream(1, "init"))
    with torch.no_grad():
        for head in canvas.heads:
            head.add_(torch.randn(head.shape, generator=stream(3, "init")))

    def roughness(progress: float) -> float:
        canvas.project(progress)
        change = (canvas() - 0.5).detach()
        return float(change.diff(dim=3).square().mean() / change.square().mean())

    assert roughness(0.0) < roughness(0.2) < roughness(1.0)
