"""Views: geometry, anti-aliasing, corruption, and that chunks change nothing."""

from __future__ import annotations

import pytest
import torch

from clipart.critic.views import Views, grids, resample, sample_views, whole
from clipart.layout import Layout
from clipart.recipe import make_recipe
from clipart.rng import Streams, stream

STILL = {
    "prompt": "a", "shift": 0, "rotate": 0, "perspective": 0, "jitter": 0, "noise": 0, "erase": 0,
    "overview": 1, "detail": 1, "largest": 1, "views": 4,
}  # fmt: skip


def views_of(
    seed: int = 0, progress: float = 0.0, size: tuple[int, int] = (64, 64), **changes: object
) -> Views:
    return sample_views(make_recipe(STILL | changes), *size, progress, Streams(seed), Layout((None,)))


def picture(height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=stream(5, "init"))


def test_a_still_view_is_the_picture_itself() -> None:
    image = picture()
    seen = views_of().render(image, 64)
    assert seen.shape == (4, 3, 64, 64)
    assert torch.allclose(seen, image.expand(4, -1, -1, -1), atol=1e-5)


def test_views_are_a_function_of_the_seed() -> None:
    moving = {"shift": 0.2, "rotate": 20, "perspective": 0.1, "noise": 0.1, "jitter": 0.2, "erase": 0.5}
    one, same, other = (views_of(seed, **moving).render(picture(), 32) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("chunk", [1, 3, 16])
def test_rendering_in_chunks_gives_the_same_views(chunk: int) -> None:
    views = views_of(
        views=16,
        overview=0.4,
        detail=0.4,
        shift=0.2,
        rotate=20,
        perspective=0.1,
        noise=0.1,
        erase=0.5,
        jitter=0.3,
    )
    image = picture()
    parts = [views[slice(i, i + chunk)] for i in range(0, 16, chunk)]
    geometry = torch.cat([part.homographies for part in parts])
    assert torch.equal(geometry, views.homographies)
    noise = torch.cat([part.seeds for part in parts])
    assert torch.equal(noise, views.seeds)
    whole_batch = views.render(image, 64)
    chunked = torch.cat([part.render(image, 64) for part in parts])
    assert torch.allclose(whole_batch, chunked, atol=1e-5)


def test_smallest_view_goes_from_overview_to_detail() -> None:
    sizes = [views_of(progress=p, views=500, overview=0.9, detail=0.3).sizes for p in (0.0, 0.5, 1.0)]
    assert [float(s.min()) for s in sizes] == pytest.approx([0.9, 0.6, 0.3], abs=0.02)
    assert all(float(s.max()) <= 1 for s in sizes)


def test_every_part_of_a_wide_canvas_is_seen() -> None:
    views = views_of(size=(32, 128), views=400)
    centres = views.homographies[:, 0, 2]
    assert centres.min() < -0.7
    assert centres.max() > 0.7
    assert views.homographies[:, 1, 2].abs().max() < 1e-5


def test_points_are_those_of_a_product_with_the_homography() -> None:
    torch.manual_seed(3)
    maps = torch.eye(3) + 0.2 * torch.randn(5, 3, 3)
    maps[0, 2] = 0  # everything at infinity: nothing is divided by zero
    ramp = torch.linspace(-8 / 9, 8 / 9, 9)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    moved = torch.einsum("nij,yxj->nyxi", maps, points)
    w = torch.where(moved[..., 2:] == 0, 1, moved[..., 2:])
    assert torch.allclose(grids(maps, 9), moved[..., :2] / w, rtol=1e-4, atol=1e-4)
    assert torch.isfinite(grids(maps, 1)).all()


def test_shrinking_does_not_alias() -> None:
    stripes = (torch.arange(256) % 2).float().expand(1, 3, 256, 256)
    seen = whole(stripes, 32)
    assert torch.allclose(seen, torch.full_like(seen, 0.5), atol=1e-3)


def test_resample_keeps_the_mean_at_any_ratio() -> None:
    image = picture(200, 200)
    for side in (16, 50, 96, 224):
        assert float(whole(image, side).mean()) == pytest.approx(float(image.mean()), abs=5e-3)


def test_whole_covers_a_wide_picture_with_even_squares() -> None:
    image = torch.arange(96).float().expand(1, 3, 32, 96) / 96
    seen = whole(image, 32)
    assert seen.shape == (3, 3, 32, 32)
    assert torch.allclose(torch.cat(list(seen), dim=-1), image[0], atol=1e-4)


def test_noise_and_boxes_are_as_asked() -> None:
    flat = torch.full((1, 3, 64, 64), 0.5)
    noisy = views_of(noise=0.2).render(flat, 64)
    assert float((noisy - 0.5).std()) == pytest.approx(0.2, rel=0.05)
    assert not torch.equal(noisy[0], noisy[1])
    blotted = views_of(erase=1.0, views=8).render(picture(), 64)
    changed = (blotted != views_of(views=8).render(picture(), 64)).any(1).float().mean((1, 2))
    assert changed.min() > 0.01
    assert changed.max() < 0.2


def test_gradient_reaches_the_whole_canvas() -> None:
    image = picture().requires_grad_()
    resample(image, torch.eye(3)[None], (1.0, 1.0), 32).sum().backward()
    assert image.grad is not None
    assert float(image.grad.min()) > 0


def test_shares_of_the_views_are_all_of_them_and_each_sees_every_place() -> None:
    recipe = make_recipe(STILL | {"views": 3, "clip": ("tiny", "tiny-80"), "share_views": True})
    views = sample_views(recipe, 64, 64, 0.0, Streams(0), Layout((0, 1)))
    assert len(views) == 4  # one for each who looks at each place
    views = sample_views(recipe.with_(views=7), 64, 64, 0.0, Streams(0), Layout((0, 1)))
    shares = [views.share(index, 2) for index in range(2)]
    assert sorted(int(seed) for share in shares for seed in share.seeds) == sorted(map(int, views.seeds))
    assert all({*share.place.tolist()} == {0, 1} for share in shares)
    assert [share.span for share in shares] == [views.span] * 2


def test_one_critic_has_all_views() -> None:
    assert make_recipe({"prompt": "a", "clip": "tiny", "share_views": True}).shares == 1
    assert make_recipe({"prompt": "a", "clip": ("tiny", "tiny-80")}).shares == 1
