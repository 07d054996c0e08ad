"""The objective: values against naive formulas, and a gradient that does not depend on chunks."""

from __future__ import annotations

import math

import pytest
import torch

from clipart import prompt as prompts
from clipart.critic.clip import Clip, load_clip
from clipart.critic.objective import Objective, contrast, cosine, spherical
from clipart.critic.regularisers import (
    REGULARISERS,
    Ink,
    build_terms,
    out_of_range,
    saturation,
    total_variation,
)
from clipart.critic.views import sample_views
from clipart.layout import Layout, lay_out
from clipart.recipe import make_recipe
from clipart.rng import Streams, stream

WHOLE = Layout((None,))


@pytest.fixture(scope="module")
def clip(random_clip: str) -> Clip:
    return load_clip(random_clip, torch.device("cpu"), "float32")


def objective_of(
    clips: list[tuple[Clip, float]], prompt: str, distance: str = "cosine", *, apart: bool = False
) -> Objective:
    parsed = prompts.parse(prompt)
    return Objective(clips, parsed, distance, lay_out(parsed, apart=apart))


def image(size: int = 40) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=stream(1, "init"))


def test_distances_match_their_formulas() -> None:
    angle = 0.7
    view, text = torch.tensor([[1.0, 0.0]]), torch.tensor([[math.cos(angle), math.sin(angle)]])
    assert float(cosine(view, text)) == pytest.approx(1 - math.cos(angle), abs=1e-6)
    assert float(spherical(view, text)) == pytest.approx(angle**2 / 2, abs=1e-5)


def test_contrast_is_the_cross_entropy_and_ends_where_a_view_is_sure() -> None:
    text, others = torch.eye(3)[:1], torch.eye(3)[1:]
    wanted, unwanted = torch.tensor([True]), torch.tensor([False])

    def ask(view: list[float], which: torch.Tensor) -> tuple[float, float]:
        seen = torch.tensor([view], requires_grad=True)
        found = contrast(seen, text, others, 20.0, which)
        (slope,) = torch.autograd.grad(found.sum(), seen)
        return float(found.detach()), float(slope[0, 0])

    p = math.exp(20 * 0.6) / (math.exp(20 * 0.6) + math.exp(20 * 0.8) + 1)
    found, slope = ask([0.6, 0.8, 0.0], wanted)
    assert found == pytest.approx(-math.log(p) / 20, rel=1e-4)
    assert slope == pytest.approx(p - 1, rel=1e-3)
    assert ask([1.0, 0.0, 0.0], wanted) == pytest.approx((0, 0), abs=1e-6)  # sure: nothing more to gain
    # Away from an unwanted text the loss falls (its share is negative) until it is not there.
    found, slope = ask([0.6, 0.8, 0.0], unwanted)
    assert (found, slope) == pytest.approx((math.log(1 - p) / 20, -p), rel=1e-3)
    assert ask([0.0, 1.0, 0.0], unwanted) == pytest.approx((0, 0), abs=1e-6)


def test_contrast_is_for_the_embedded_critics_unless_asked_for() -> None:
    assert make_recipe({"prompt": "apple"}).resolve().distance == "contrast"
    assert make_recipe({"prompt": "apple", "distance": "spherical"}).resolve().distance == "spherical"
    assert make_recipe({"prompt": "apple", "clip": ("ViT-B-32",)}).resolve().distance == "cosine"
    assert make_recipe({"prompt": "apple", "clip": ("tiny", "ViT-B-32::2")}).resolve().distance == "cosine"


def test_total_is_the_weighted_sum_of_its_parts(clip: Clip, settings: dict[str, object]) -> None:
    recipe = make_recipe(
        settings
        | dict.fromkeys(REGULARISERS, 0.0)
        | {"prompt": "apple::3 tart::1 worm::-1", "tv": 2.0, "range": 5.0, "views": 5}
    )
    objective = objective_of([(clip, 1.0)], recipe.prompt)
    views = sample_views(recipe, 40, 40, 0.5, Streams(0), WHOLE)
    picture = image() * 1.4 - 0.2
    _, losses = objective.gradient(picture, views, recipe)
    name = clip.name
    assert losses["tv"] == pytest.approx(float(total_variation(picture)))
    assert losses["range"] == pytest.approx(float(out_of_range(picture)))
    text = 0.6 * losses[f"{name}/apple"] + 0.2 * losses[f"{name}/tart"] - 0.2 * losses[f"{name}/worm"]
    assert losses["total"] == pytest.approx(text + 2 * losses["tv"] + 5 * losses["range"], rel=1e-5)
    seen = clip.encode_images(views.render(picture.clamp(0, 1), clip.side))
    apple = 1 - float((seen @ clip.encode_texts(["apple"]).T).mean())
    assert losses[f"{name}/apple"] == pytest.approx(apple, rel=1e-4)


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_chunks_do_not_change_the_gradient(clip: Clip, settings: dict[str, object], chunk: int) -> None:
    base = settings | {"views": 8, "overview": 0.5, "detail": 0.5, "noise": 0.2, "tv": 1.0}
    objective = objective_of([(clip, 1.0)], "apple:: tart::", "spherical")

    def gradient(size: int) -> torch.Tensor:
        recipe = make_recipe(base | {"chunk": size})
        return objective.gradient(image(), sample_views(recipe, 40, 40, 0.5, Streams(0), WHOLE), recipe)[0]

    assert torch.allclose(gradient(8), gradient(chunk), rtol=1e-4, atol=1e-8)


def test_gradient_is_that_of_the_total(clip: Clip, settings: dict[str, object]) -> None:
    recipe = make_recipe(settings | {"noise": 0, "tv": 1.0})
    objective = objective_of([(clip, 1.0)], "apple")
    views = sample_views(recipe, 40, 40, 0.0, Streams(0), WHOLE)
    inside = 0.25 + 0.5 * image()
    gradient, losses = objective.gradient(inside, views, recipe)
    direction = gradient / gradient.norm()
    step = 1e-2
    _, after = objective.gradient(inside + step * direction, views, recipe)
    assert (after["total"] - losses["total"]) / step == pytest.approx(float(gradient.norm()), rel=0.05)


def test_an_ensemble_is_the_weighted_mean(clip: Clip, settings: dict[str, object]) -> None:
    recipe = make_recipe(settings)
    views = sample_views(recipe, 40, 40, 0.0, Streams(0), WHOLE)
    alone, _ = objective_of([(clip, 1.0)], "apple").gradient(image(), views, recipe)
    twice, _ = objective_of([(clip, 1.0), (clip, 3.0)], "apple").gradient(image(), views, recipe)
    assert torch.allclose(alone, twice, rtol=1e-4, atol=1e-8)


def test_regularisers_say_what_they_measure() -> None:
    flat = torch.full((1, 3, 8, 8), 0.4)
    ink = Ink(torch.full((1, 3, 1, 1), 0.4))
    assert float(total_variation(flat)) == 0
    assert float(total_variation(image())) > 0.05
    assert float(out_of_range(flat)) == 0
    assert float(out_of_range(flat + 1)) == pytest.approx(0.16)
    assert float(saturation(flat)) == 0
    assert float(ink(flat)) == pytest.approx(0, abs=1e-6)
    assert float(ink(flat + 0.3)) == pytest.approx(0.3)
    red = flat.clone()
    red[:, 0] = 1.0
    assert float(saturation(red)) == pytest.approx(0.08)


def test_terms_are_those_with_a_weight_and_built_once(clip: Clip, settings: dict[str, object]) -> None:
    recipe = make_recipe(
        settings | dict.fromkeys(REGULARISERS, 0.0) | {"ink": 0.5, "margin": 2.0, "paper": "#666666"}
    )
    terms = build_terms(recipe, WHOLE, 40, 40, torch.device("cpu"))
    assert [(term.name, term.weight) for term in terms] == [("ink", 0.5), ("margin", 2.0)]
    assert float(terms[0].loss(torch.full((1, 3, 40, 40), 0.4))) == pytest.approx(0, abs=1e-6)
    objective = objective_of([(clip, 1.0)], "apple")
    first = objective.regularisers(image(), recipe)
    assert objective.regularisers(image(), recipe) is first
    assert objective.regularisers(image(), recipe.with_(ink=0.1)) is not first
    assert objective.regularisers(torch.zeros(1, 3, 20, 20), recipe) is not first


@pytest.mark.parametrize("chunk", [0, 3, 20])
def test_a_batch_is_scored_as_a_step_would_score_each(
    clip: Clip, settings: dict[str, object], chunk: int
) -> None:
    recipe = make_recipe(settings | {"tv": 1.0, "noise": 0.1, "chunk": chunk})
    objective = objective_of([(clip, 1.0)], "apple:: tart::-0.5")
    views = sample_views(recipe, 40, 40, 0.5, Streams(0), WHOLE)
    images = torch.cat([image(), 0.3 + 0.4 * image(), torch.ones_like(image())])
    found = objective.score(images, views, recipe)
    alone = [objective.gradient(each, views, recipe)[1]["total"] for each in images.split(1)]
    assert found == pytest.approx(alone, rel=1e-4)
    assert len(set(found)) == 3
    text = objective.score(images, views, recipe.with_(**dict.fromkeys(REGULARISERS, 0.0)))
    assert objective.score(images, views, recipe, whole=False) == pytest.approx(text, rel=1e-6)


def test_emphasis_moves_the_embedding_away_from_the_rest(clip: Clip) -> None:
    plain, strong = (prompts.parse(text).parts[0] for text in ("a red apple", "a (red:2) apple"))
    full, without = clip.encode_texts(["a red apple", "a apple"])
    expected = torch.nn.functional.normalize(full + (2 - 1) * (full - without), dim=-1)
    assert torch.allclose(clip.encode_part(strong), expected, atol=1e-5)
    assert torch.allclose(clip.encode_part(plain), full, atol=1e-6)


def test_critics_that_share_see_their_own_views(clip: Clip, settings: dict[str, object]) -> None:
    recipe = make_recipe(settings | {"views": 6, "clip": ("tiny", "tiny-80"), "share_views": True})
    views = sample_views(recipe, 40, 40, 0.0, Streams(0), WHOLE)
    both, _ = objective_of([(clip, 1.0), (clip, 1.0)], "apple").gradient(image(), views, recipe)
    alone = recipe.with_(share_views=False)
    one = objective_of([(clip, 1.0)], "apple")
    parts = [one.gradient(image(), views.share(index, 2), alone)[0] for index in range(2)]
    assert torch.allclose(both, (parts[0] + parts[1]) / 2, rtol=1e-4, atol=1e-8)
    assert not torch.allclose(parts[0], parts[1], rtol=1e-2)
    (score,) = objective_of([(clip, 1.0), (clip, 1.0)], "apple").score(image(), views, recipe)
    halves = [one.score(image(), views.share(index, 2), alone)[0] for index in range(2)]
    assert score == pytest.approx(sum(halves) / 2, rel=1e-4)
