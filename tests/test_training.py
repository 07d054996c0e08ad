"""The training scripts' small parts: captions, compositing, losses, checkpoints. No downloads, no pictures."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from training import data, losses, words
from training.checkpoint import load_state, save_state


@pytest.fixture
def wordnet(tmp_path: Path) -> words.WordNet:
    """Four synsets in WordNet's own file format: pie and tart under pastry, and apple the fruit."""
    (tmp_path / "data.noun").write_text(
        "  1 licence text\n"
        "00000010 13 n 01 pastry 0 000 | any of various baked foods\n"
        "00000020 13 n 01 pie 0 001 @ 00000010 n 0000 | dish baked in pastry; more\n"
        "00000030 13 n 01 tart 0 001 @ 00000020 n 0000 | a small open pie\n"
        "00000040 13 n 01 apple 0 000 | fruit with red or yellow skin\n"
    )
    (tmp_path / "index.noun").write_text(
        "  1 licence text\n"
        "pastry n 1 1 ~ 1 0 00000010  \npie n 1 2 @ ~ 1 0 00000020  \ntart n 1 1 @ 1 0 00000030  \napple n 1 0 1 0 00000040  \n"
    )
    (tmp_path / "cntlist.rev").write_text("pie%1:13:00:: 1 4\ntart%1:13:00:: 1 2\n")
    return words.WordNet(tmp_path)


def test_captions_reach_synonyms_hypernyms_and_hyponyms(wordnet: words.WordNet) -> None:
    found = words.captions("pie", wordnet, styles=("emoji", "flat"), group=4, keywords=("Dessert",))
    assert found["pie"] == max(found.values())
    assert {"pastry", "tart", "dessert", "a pie"} <= set(found)
    assert "tart" not in words.captions("pie", wordnet, styles=(), group=4, taken=frozenset({"tart"}))


def test_a_red_apple_is_an_apple(wordnet: words.WordNet) -> None:
    found = words.captions("red apple", wordnet, styles=("emoji",), group=4)
    assert found["apple"] > 0.5
    assert words.head("pie", wordnet) is None


@pytest.mark.parametrize(
    ("noun", "said"),
    [
        ("owl", "an owl"),
        ("tart", "a tart"),
        ("grapes", "grapes"),
        ("glass", "a glass"),
        ("flag of peru", "flag of peru"),
    ],
)
def test_article(noun: str, said: str) -> None:
    assert words.article(noun) == said


def test_one_concept_whoever_does_it() -> None:
    assert words.concept("woman surfing") == words.concept("man surfing") == words.concept("person surfing")
    assert words.concept("man") == "man"
    assert words.clean("flag: Côte d’Ivoire").startswith("flag of")


def test_concept_weights_do_not_count_files() -> None:
    weight = data.concept_weights(torch.ones(5), torch.tensor([0, 0, 0, 0, 1]))
    assert weight.sum() == pytest.approx(1.0)
    assert weight[:4].sum() / weight[4] == pytest.approx(2.0)  # four pictures weigh twice one, not four times


def test_compositing_and_corruption_stay_in_range() -> None:
    rng = torch.Generator().manual_seed(0)
    layer = torch.rand(6, 4, 80, 80, generator=rng)
    layer[:, :3] *= layer[:, 3:]  # premultiplied
    theta = data.placements(6, torch.ones(6, dtype=torch.bool), rng)
    warped = data.warp(layer, theta, 64)
    ground = data.backgrounds(6, 64, rng)
    views = data.composite(warped, ground)
    assert views.shape == ground.shape == (6, 3, 64, 64)
    for x in (ground, views, data.corrupt(views.clone(), data.Look(), rng)):
        assert x.min() >= 0
        assert x.max() <= 1


def test_nothing_drawn_leaves_the_ground_and_opaque_hides_it() -> None:
    ground = torch.rand(2, 3, 8, 8)
    assert torch.equal(data.composite(torch.zeros(2, 4, 8, 8), ground), ground)
    top = torch.ones(2, 4, 8, 8)
    assert torch.equal(data.over(top, torch.rand(2, 4, 8, 8)), top)


def test_two_things_stand_apart() -> None:
    rng = torch.Generator().manual_seed(1)
    first, second = (data.placements(40, torch.ones(40, dtype=torch.bool), rng) for _ in range(2))
    data.sides(first, second, rng)
    layer = torch.ones(40, 4, 80, 80)
    both = data.warp(layer, first, 64)[:, 3] * data.warp(layer, second, 64)[:, 3]
    one = data.warp(layer, first, 64)[:, 3]
    assert both.sum() < 0.25 * one.sum()


def test_glyphs_take_a_named_colour() -> None:
    layer = torch.zeros(2, 4, 4, 4)
    layer[:, 3] = 1
    colour, painted = data.paint(layer, torch.tensor([True, False]), torch.Generator().manual_seed(0))
    assert painted.tolist() == [True, False]
    wanted = torch.tensor(list(words.COLOURS.values())[int(colour[0])]) / 255
    assert (layer[0, :3, 0, 0] - wanted).abs().max() < 0.3
    assert layer[1, :3].sum() == 0


def test_multi_positive_against_a_loop() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 7, generator=rng)
    positive = torch.rand(5, 7, generator=rng) < 0.3
    positive[0] = False  # a row without a positive does not count
    ignored = torch.rand(5, 7, generator=rng) < 0.2
    rows = []
    for i in range(5):
        kept = [j for j in range(7) if positive[i, j] or not ignored[i, j]]
        z = sum(float(logits[i, j].exp()) for j in kept)
        mine = [j for j in range(7) if positive[i, j]]
        if mine:
            rows.append(-sum(float(torch.log(logits[i, j].exp() / z)) for j in mine) / len(mine))
    assert losses.multi_positive(logits, positive, ignored).item() == pytest.approx(
        sum(rows) / len(rows), rel=1e-5
    )


def test_checkpoint_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    def fresh() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer, torch.Generator]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        return (
            model,
            copy.deepcopy(model),
            torch.optim.AdamW(model.parameters(), lr=0.1),
            torch.Generator().manual_seed(5),
        )

    def go(model: nn.Module, optimiser: torch.optim.Optimizer, rng: torch.Generator) -> None:
        optimiser.zero_grad()
        (model(torch.randn(6, 3, generator=rng)) * torch.arange(4.0)).pow(2).sum().backward()
        optimiser.step()

    model, ema, optimiser, rng = fresh()
    assert load_state(tmp_path, model, ema, optimiser, rng) == (0, 0.0)
    go(model, optimiser, rng)
    save_state(tmp_path, model, ema, optimiser, rng, 1, 2.5)
    go(model, optimiser, rng)

    again, ema2, optimiser2, rng2 = fresh()
    assert load_state(tmp_path, again, ema2, optimiser2, rng2) == (1, 2.5)
    go(again, optimiser2, rng2)
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
