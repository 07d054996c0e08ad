"""The training scripts' small parts: captions, compositing, losses, checkpoints. No downloads, no pictures."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from training import (
    align,
    broken,
    data,
    distil,
    export,
    features,
    finished,
    losses,
    mean,
    model,
    runtime,
    train,
    witness,
    words,
)
from training.checkpoint import averaged, facts_of, load_state, save_state


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


def test_tiles_change_places_and_nothing_is_lost() -> None:
    layer = torch.rand(40, 4, 64, 64)
    for count in (2, 4):
        found = broken.shuffled(layer, count, torch.Generator().manual_seed(0))
        side = 64 // count
        for one, other in zip(layer, found, strict=True):
            before = {tile.numpy().tobytes() for tile in _tiles(one, side)}
            assert {tile.numpy().tobytes() for tile in _tiles(other, side)} == before
        moved = (found != layer).flatten(1).any(1)
        assert moved.float().mean() > 0.8  # of 24 orders of four tiles one is the old one


def _tiles(layer: torch.Tensor, side: int) -> list[torch.Tensor]:
    return [column.contiguous() for row in layer.split(side, 1) for column in row.split(side, 2)]


def test_what_is_hollow_has_lost_half_and_what_is_bent_is_elsewhere() -> None:
    rng = torch.Generator().manual_seed(0)
    layer = data.warp(
        torch.ones(60, 4, 80, 80), torch.tensor([[2.0, 0, 0], [0, 2.0, 0]]).expand(60, 2, 3), 64
    )
    left = broken.hollow(layer, rng)[layer > 0.99]
    assert 0.4 < left.mean() < 0.6
    assert ((left < 0.1) | (left > 0.9)).float().mean() > 0.6  # gone or there, not dimmed
    bent = broken.bent(layer, rng)
    assert 0.3 < (bent - layer).abs().sum() / layer.sum() < 1.7
    assert bent.max() <= 1 + 1e-5


def test_drawings_out_of_joint_are_the_first_of_the_batch(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, look = data.Pictures(drawn, held_out=False), data.Look(broken_share=0.5)
    warped, given = [], []
    monkeypatch.setattr(data, "warp", lambda *a, warp=data.warp: warped.append(warp(*a)) or warped[-1])
    monkeypatch.setattr(data, "break_up", lambda layer, _: given.append(layer.clone()) or 1 - layer)
    batch = data.draw_batch(pictures, 12, look, torch.Generator().manual_seed(0))
    assert batch.views.shape == (12 + 6, 3, 64, 64)
    broken = batch.views[12:]
    assert 0 <= broken.min() < broken.max() <= 1
    assert torch.equal(given[0], warped[0][:6])


def test_drawings_are_broken_in_every_way() -> None:
    layer, rng = torch.rand(12, 4, 64, 64), torch.Generator().manual_seed(0)
    found = broken.break_up(layer, rng)
    assert found.shape == layer.shape
    assert ((found - layer).abs().flatten(1).mean(1) > 0.05).float().mean() > 0.8
    for first, last, side in ((0, 2, 32), (2, 4, 16)):
        for one, other in zip(layer[first:last], found[first:last], strict=True):
            before = {tile.numpy().tobytes() for tile in _tiles(one, side)}
            assert {tile.numpy().tobytes() for tile in _tiles(other, side)} == before
    assert (found[8:] <= layer[8:]).all()  # what fades away only loses
    assert not (found[4:8] <= layer[4:8]).all()
    assert len(broken.break_up(layer[:0], rng)) == 0


def test_the_alignment_sees_nothing_harsher_than_the_tower_did() -> None:
    for tower in model.TOWERS.values():
        look = align.kinder(tower.look)
        assert look.noise <= tower.look.noise
        assert look.erase_share <= tower.look.erase_share
        assert look.broken_share == 0


def test_glyphs_take_a_named_colour() -> None:
    layer = torch.zeros(2, 4, 4, 4)
    layer[:, 3] = 1
    colour = data.paint(layer, torch.tensor([True, False]), torch.Generator().manual_seed(0))
    wanted = torch.tensor(list(words.COLOURS.values())[int(colour[0])]) / 255
    assert (layer[0, :3, 0, 0] - wanted).abs().max() < 0.3
    assert layer[1, :3].sum() == 0


def test_dyes_turn_hues_and_nothing_else() -> None:
    rng = torch.Generator().manual_seed(0)
    layer = torch.rand(64, 4, 3, 3, generator=rng)
    layer[:, :3] *= 0.6 * layer[:, 3:]
    some = torch.arange(64) % 2 == 0
    dyed = layer.clone()
    data.dye(dyed, some, rng)
    assert torch.equal(dyed[~some], layer[~some])
    assert torch.equal(dyed[:, 3], layer[:, 3])
    assert (dyed[:, :3] >= 0).all()
    assert (dyed[:, :3] <= dyed[:, 3:]).all()
    assert ((dyed - layer).abs().amax((1, 2, 3))[some] > 0.001).all()
    grey = (dyed[:, :3].amax(1) - dyed[:, :3].amin(1)).amax((1, 2)) < 1e-5
    assert 1 <= grey.sum() <= 12
    was = layer[grey][:, :3]
    luma = (torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1) * was).sum(1)
    assert (dyed[grey][:, 0] - luma).abs().max() < 1e-5


def test_drawings_are_bent_where_their_knots_move() -> None:
    layer = torch.zeros(1, 4, 32, 32)
    layer[..., 8:16] = 1.0
    whole = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert data.bends(1, 0.0, torch.Generator()) is None
    still = data.warp(layer, whole, 32, torch.zeros(1, 2, 4, 4))
    torch.testing.assert_close(still, layer)
    moves = torch.zeros(1, 2, 4, 4)
    moves[:, 0, :2] = 0.5  # the upper half looks half a half to the right
    bent = data.warp(layer, whole, 32, moves)
    torch.testing.assert_close(bent[..., 0, :], layer[..., 0, :].roll(-8, -1))
    torch.testing.assert_close(bent[..., -1, :], layer[..., -1, :])
    drawn = data.bends(1000, 0.07, torch.Generator().manual_seed(0))
    assert drawn is not None
    assert drawn.shape == (1000, 2, 4, 4)
    assert abs(drawn.std() - 0.07) < 0.002


def test_what_is_called_red_stays_red(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = data.Pictures(drawn, held_out=False)
    assert not pictures.tells_colour.any()
    apple, pie, _, scene = range(4)
    pictures.tells_colour[apple] = True
    asked = []
    monkeypatch.setattr(data, "dye", lambda layer, some, rng: asked.append(some))
    index = torch.arange(6).repeat(50)

    def share(caption: int) -> torch.Tensor:
        captions = torch.full((300,), caption)
        data.take(pictures, index, captions, data.Look(dye_share=0.5), torch.Generator().manual_seed(0))
        return asked[-1].float().view(50, 6).mean(0)

    kept = pictures.glyph | (pictures.name == apple)
    assert 0 < kept.sum() < 6
    assert (share(pie)[kept] == 0).all()
    assert (share(pie)[~kept] - 0.5).abs().max() < 0.2
    pictures.tells_colour[scene] = True
    assert (share(scene) == 0).all()
    data.take(pictures, index, index, data.Look(), torch.Generator())
    assert len(asked) == 3  # nobody is asked where nothing is dyed


def test_a_split_weighs_groups_and_silhouettes() -> None:
    split = data.Split(groups=((1, 3.0),), silhouettes=2.0)
    plain = {"set": "noto", "group": 4, "weight": 0.5}
    assert split.weight(plain) == 0.5
    assert split.weight(plain | {"group": 1}) == 1.5
    assert split.weight(plain | {"set": "Symbola", "group": 1}) == 3.0
    assert split.weight(plain | {"set": "mdi", "group": None}) == 0.5


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


def test_a_picture_of_two_things_is_to_lie_between_both_their_names() -> None:
    """The names are the first three axes of four; the caption is the fourth, which is near none of them."""
    texts, teacher = torch.eye(4), torch.eye(4)
    own = torch.tensor([[True, True, False]])

    def loss(image: list[float], *names: int) -> float:
        picture = torch.nn.functional.normalize(torch.tensor([image], dtype=torch.float32), dim=1)
        pair = torch.tensor([names])
        said = torch.cat([teacher[pair], teacher[None, [3]]], 1)
        near = losses.near_names(said, teacher[:3], torch.zeros(1, 3).bool(), torch.zeros(3).bool())
        return losses.bank_loss(picture, texts[pair], own | near, texts[:3], torch.tensor(9.0)).item()

    between, first, wrong = loss([1, 1, 0, 0], 0, 1), loss([1, 0, 0, 0], 0, 1), loss([0, 0, 1, 0], 0, 1)
    assert between < first < wrong
    assert loss([1, 0, 0, 0], 0, 0) < loss([1, 1, 0, 0], 0, 0)  # one thing: only its own name


def test_what_a_mirror_changes_is_not_flipped() -> None:
    names = {"person kneeling", "person kneeling facing right", "person bowing", "three o'clock", "cat"}

    def flips(name: str, group: int | None) -> bool:
        return data.may_flip({"name": name, "group": group}, names)

    assert [flips("person bowing", 1), flips("cat", None), flips("cat", 8)] == [True, True, False]
    assert [flips(name, 1) for name in sorted(names)] == [True, True, False, False, False]


def test_two_emoji_are_two_things_however_alike_they_sound() -> None:
    """Five o'clock, six o'clock and an icon of a clock, all but the same to the teacher."""
    clocks = model.unit(torch.tensor([[1.0, 0.1, 0.0], [1.0, 0.0, 0.1], [1.0, 0.0, 0.0]]))
    is_emoji = torch.tensor([True, True, False])
    near = losses.near_names(clocks[:, None], clocks, is_emoji[:, None], is_emoji)
    assert near.tolist() == [[False, False, True], [False, False, True], [True, True, True]]


def test_what_is_out_of_joint_is_not_to_be_called_by_its_name() -> None:
    rng = torch.Generator().manual_seed(0)
    image, text, bank = (model.unit(torch.randn(n, 8, generator=rng)) for n in (3, 3, 5))
    none = torch.zeros(5).bool()
    near = losses.near_names(torch.eye(4)[:3, None], torch.eye(4)[[3, 3, 1, 3, 3]], none[:3, None], none)
    assert near.nonzero().tolist() == [[1, 2]]
    found, wanted = losses.broken_loss(image, text, near, bank, torch.tensor(7.0)), []
    for i in range(3):
        rivals = [(7 * image[i] @ bank[k]).exp() for k in range(5) if not near[i, k]]
        mine = (7 * image[i] @ text[i]).exp()
        wanted.append(-torch.log(1 - mine / (mine + sum(rivals))))
    assert found.item() == pytest.approx(sum(wanted).item() / 3, rel=1e-5)


def test_checkpoint_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    def fresh() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        return net, copy.deepcopy(net), torch.optim.AdamW(net.parameters(), lr=0.1)

    def go(net: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
        rng = runtime.reseed(torch.Generator(), 5, step)
        optimiser.zero_grad()
        (net(torch.randn(6, 3, generator=rng)) * torch.arange(4.0)).pow(2).sum().backward()
        optimiser.step()

    net, ema, optimiser = fresh()
    assert load_state(tmp_path, net, ema, optimiser) == (0, 0.0)
    go(net, optimiser, 0)
    save_state(tmp_path, net, ema, optimiser, 1, 2.5)
    go(net, optimiser, 1)

    again, ema2, optimiser2 = fresh()
    assert load_state(tmp_path, again, ema2, optimiser2) == (1, 2.5)
    go(again, optimiser2, 1)
    for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


# --- pictures on any device -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of three things, a scene of two of them, and a held-out family of two, as `build_data` packs them."""
    folder = tmp_path_factory.mktemp("data")
    records, blobs = [], io.BytesIO()
    plan = [
        ("noto", "apple"),
        ("noto", "pie"),
        ("noto", "sun"),
        ("fxemoji", "apple"),
        ("fxemoji", "pie"),
        ("mdi", "sun"),
    ]
    for k, (family, name) in enumerate([*plan, ("twemoji", "apple"), ("twemoji", "pie")]):
        blob = io.BytesIO()
        Image.new("RGBA", (80, 80), (30 * k, 255 - 30 * k, 90, 255)).save(blob, "WEBP", lossless=True)
        records.append(
            {"set": family, "name": name, "concept": name, "group": 4, "weight": 1.0, "glyph": family == "mdi",
             "held_out": family == "twemoji", "captions": {name: 1.0}, "at": blobs.tell(), "bytes": len(blob.getvalue())}
        )  # fmt: skip
        blobs.write(blob.getvalue())
    texts = ["apple", "pie", "sun", "an apple and a pie"]
    (folder / "pictures.bin").write_bytes(blobs.getvalue())
    (folder / "pictures.json").write_text(json.dumps({"size": 80, "pictures": records}))
    (folder / "captions.json").write_text(
        json.dumps({"texts": texts, "coloured": {}, "scenes": [("apple", "pie", texts[3])]})
    )
    teacher = torch.randn(4, 384, generator=torch.Generator().manual_seed(0))
    save_file({"teacher": teacher.half()}, folder / "captions.safetensors")
    return folder


def test_a_split_is_the_same_everywhere_and_another_for_another_salt() -> None:
    records = [{"set": "noto", "name": f"thing {i}"} for i in range(600)]
    kept, again, other = (
        {r["name"] for r in records if data.Split(salt, dropped=1 / 3).keeps(r)}
        for salt in ("judge", "judge", "x")
    )
    assert kept == again != other
    assert len(kept) == pytest.approx(400, abs=40)
    assert "thing 1" in kept  # drawn by hash, so on every machine
    assert "thing 0" not in kept
    assert len(kept - other) == pytest.approx(600 * 2 / 9, abs=40)  # independent of one another
    assert all(data.Split().keeps(r) for r in records)


def test_the_judge_sees_only_what_its_split_keeps_and_the_whole_held_out_family(drawn: Path) -> None:
    split = data.Split("judge", dropped=0.5)
    pictures = data.Pictures(drawn, held_out=False, split=split)
    assert 0 < len(pictures.records) < 6
    assert all(split.keeps(r) for r in pictures.records)
    assert len(data.Pictures(drawn, held_out=True, split=data.Split("judge", dropped=1.0)).records) == 2


def test_scenes_are_of_the_two_things_that_their_caption_names(drawn: Path) -> None:
    pictures = data.Pictures(drawn, held_out=False)
    first, second, row = data.draw_scenes(pictures, 64, torch.Generator().manual_seed(0))
    assert {pictures.records[i]["concept"] for i in first} == {"apple"}
    assert {pictures.records[i]["concept"] for i in second} == {"pie"}
    assert len(set(first.tolist())) == 2  # both pictures of it
    assert {pictures.texts[i] for i in row} == {"an apple and a pie"}
    batch = data.draw_batch(pictures, 40, data.Look(scene_share=0.25), torch.Generator().manual_seed(0))
    assert (batch.thing < 0).nonzero()[:, 0].tolist() == list(range(30, 40))
    assert len(batch.thing[30:].unique()) == 10
    assert {tuple(pictures.texts[i] for i in pair) for pair in batch.names[30:].tolist()} == {
        ("apple", "pie")
    }
    assert (batch.names[:30, 0] == batch.names[:30, 1]).all()


def test_names_of_two_emoji_are_wrong_answers_however_alike_they_sound() -> None:
    image = text = torch.eye(2)
    thing = caption = torch.tensor([0, 1])
    alike, scale = torch.ones(2, 2) / 2**0.5, torch.tensor(1.0)  # the teacher calls them the same

    def loss(emoji: list[bool] | None) -> float:
        told = None if emoji is None else torch.tensor(emoji)
        return losses.clip_loss(image, text, thing, caption, alike, scale, emoji=told).item()

    assert loss(None) == loss([True, False]) == 0.0
    assert loss([True, True]) == pytest.approx(np.log(1 + np.exp(-1)), abs=1e-5)


def test_pictures_are_drawn_as_often_as_they_weigh() -> None:
    running = data.cumulative(torch.tensor([1.0, 0.0, 3.0]))
    drawn = torch.searchsorted(
        running, torch.rand(4000, generator=torch.Generator().manual_seed(0)), right=True
    )
    assert (drawn != 1).all()
    assert (drawn == 2).float().mean().item() == pytest.approx(0.75, abs=0.03)
    with pytest.raises(ValueError, match="weighs nothing"):
        data.cumulative(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))


def test_nothing_in_a_batch_waits_for_the_host(drawn: Path) -> None:
    """Operations whose result's shape or value the host must know would stop a GPU; they show on a CPU too."""
    pictures, rng = data.Pictures(drawn, held_out=False), torch.Generator().manual_seed(0)
    seen: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.add(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    with Watch():
        batch = data.draw_batch(pictures, 32, data.Look(broken_share=0.4), rng)
        image = torch.nn.functional.normalize(torch.randn(32, 8, generator=rng), dim=1)
        losses.clip_loss(image, image, batch.thing, batch.caption, torch.eye(32), torch.tensor(10.0))
    assert "grid_sampler_2d" in seen
    assert not seen & {
        "_local_scalar_dense",
        "nonzero",
        "masked_select",
        "multinomial",
        "_unique2",
        "is_nonzero",
    }


def test_boxes_lie_inside_and_are_not_small() -> None:
    boxes = data.boxes(200, 64, torch.Generator().manual_seed(0))
    assert boxes.shape == (200, 1, 64, 64)
    for along in (boxes.any(2), boxes.any(3)):
        assert along.sum(-1).min() >= 3
        assert along.sum(-1).max() <= 64 // 3 + 5


# --- runs -----------------------------------------------------------------------------------------------


def test_random_numbers_follow_from_the_step() -> None:
    rng = torch.Generator()
    first = torch.rand(3, generator=runtime.reseed(rng, 0, 0, 7))
    torch.rand(5, generator=rng)
    assert torch.equal(first, torch.rand(3, generator=runtime.reseed(rng, 0, 0, 7)))
    assert not torch.equal(first, torch.rand(3, generator=runtime.reseed(rng, 0, 1, 7)))


def test_bfloat16_is_used_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        runtime.bfloat16_pays.cache_clear()
        with mode():
            assert runtime.bfloat16_pays() in (True, False)
    assert torch.equal(torch.get_rng_state(), before)
    for pays, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(runtime, "bfloat16_pays", lambda pays=pays: pays)
        with runtime.autocast(torch.device("cpu")):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_a_clock_counts_earlier_calls_and_ends_this_one() -> None:
    clock = runtime.Clock(minutes=2, before=90)
    assert clock.progress() == pytest.approx(0.75, abs=0.01)
    assert not clock.called_off()
    assert runtime.Clock(minutes=2, stop_after=0).called_off()


@pytest.mark.parametrize("name", ["tiny", "tiny-80", "judge"])
def test_the_attack_starts_small_after_a_clean_part_and_grows(name: str) -> None:
    tower = model.TOWERS[name]
    first, last = tower.eps
    rises = -0.01, 0.0, tower.rise_share / 2, tower.rise_share + 0.01
    eps = [train.schedule(tower.clean_share + rise, 1000, 1.0, tower)[1] for rise in rises]
    assert eps[0] == 0
    assert eps[1] == pytest.approx(first)
    assert first < eps[2] < last
    assert eps[3] == last


def test_the_judge_is_attacked_less_than_the_critic() -> None:
    pairs = zip(model.TOWERS["judge"].eps, model.TOWERS["tiny"].eps, strict=True)
    assert all(judge < tiny for judge, tiny in pairs)


def test_an_attack_keeps_each_view_in_its_own_ball_and_raises_its_loss() -> None:
    class Tower:
        def image(self, views: torch.Tensor) -> torch.Tensor:
            return views.flatten(1)

    rng = torch.Generator().manual_seed(0)
    views = torch.full((3, 3, 8, 8), 0.5)
    radius = torch.tensor([0.0, 0.5, 2.0])
    moved = train.attack(Tower(), views, lambda e: e.sum(), radius, rng)
    length = (moved - views).flatten(1).norm(dim=1)
    assert length[0] == 0
    assert (length <= radius + 1e-5).all()
    assert (length[1:] > 0.9 * radius[1:]).all()
    assert ((moved - views).flatten(1).sum(1)[1:] > 0).all()


def test_a_name_settles_half_way_to_its_pictures() -> None:
    teacher = model.unit(torch.randn(5, 384, generator=torch.Generator().manual_seed(0)))
    image = model.ImageTower(model.TOWERS["tiny"], teacher, torch.tensor([0, 2, 3]))
    before = image.text(teacher, torch.arange(5)).detach()
    seen = model.unit(torch.eye(3, model.EMBED))
    align.settle(image, teacher, seen, torch.tensor([2, 2, 3]), 0.5)
    after = image.text(teacher, torch.arange(5))
    between = model.unit(before[[2, 3]] + model.unit(torch.stack([seen[0] + seen[1], seen[2]])))
    assert torch.allclose(after[[2, 3]], between, atol=1e-5)
    assert torch.allclose(after[[0, 1, 4]], before[[0, 1, 4]], atol=1e-5)


def test_a_corpus_older_than_the_captions_is_refused() -> None:
    assert align.rows_of(["pie", "apple"], ["apple", "tart", "pie"]).tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"lacks 'pie'.*training\.distil corpus"):
        align.rows_of(["apple", "pie"], ["apple", "tart"])


def test_a_noun_without_a_picture_is_of_the_nearest_drawn_kind(wordnet: words.WordNet) -> None:
    assert align.drawn_kinds(["tart", "apple"], {"pie", "pastry"}, wordnet) == {"tart": "pie"}
    assert align.drawn_kinds(["tart"], {"pastry"}, wordnet) == {"tart": "pastry"}
    assert align.drawn_kinds(["tart"], {"pastry"}, wordnet, levels=1) == {}


def test_anchors_are_rows_means_and_kinds(wordnet: words.WordNet) -> None:
    torch.manual_seed(0)
    written = ["pie", "a pie", "sweet", "apple", "tart", "stone"]
    said = model.unit(torch.randn(6, 384))
    tower = replace(model.TOWERS["judge"], timm="test_resnet")
    image = model.ImageTower(tower, said[:4], torch.tensor([0, 3])).eval().requires_grad_(False)
    image.own.weight[1:].normal_()
    pictures = SimpleNamespace(
        texts=written[:4],
        name=torch.tensor([0, 3]),
        weight=torch.tensor([2.0, 1.0]),
        caption=torch.tensor([[0, 1, 2], [3, 2, 0]]),
        caption_weight=torch.tensor([[1.0, 0.5, 0.5], [1.0, 1.0, 0.0]]),
    )
    found, known = align.anchors(image, said[:4], pictures, written, said, wordnet)
    pie, apple = image.text(said[[0, 3]], torch.tensor([0, 3]))
    mapped = image.text(said)
    assert known.tolist() == [0, 3, 4]
    for text, wanted in {
        "pie": pie,
        "apple": apple,
        "a pie": mapped[1] + 2 * pie,
        "sweet": mapped[2] + pie + apple,  # of two things alike: twice half of each
        "tart": mapped[4] + 2 * pie,
        "stone": mapped[5],
    }.items():
        assert torch.allclose(found[written.index(text)], model.unit(wanted[None])[0], atol=1e-5), text


def test_a_run_goes_on_where_the_last_call_stopped(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "DATA", drawn)
    monkeypatch.setattr("sys.argv", ["train", "--tower", "judge", "--run", str(tmp_path), "--device", "cpu", "--workers", "1",
                                     "--batch", "8", "--bank", "0", "--minutes", "10"])  # fmt: skip
    monkeypatch.setitem(
        model.TOWERS, "judge", replace(model.TOWERS["judge"], timm="test_resnet", split=data.Split())
    )
    for steps in (2, 3):
        calls = iter([False] * steps + [True])
        monkeypatch.setattr(runtime.Clock, "called_off", lambda _, calls=calls: next(calls))
        train.main()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 5]
    facts = facts_of(tmp_path)
    assert int(facts["step"]) == 5
    assert float(facts["seconds"]) > 0
    whole = averaged(tmp_path)
    (tmp_path / "state.safetensors").unlink()  # what is left is enough for the next script
    assert facts_of(tmp_path) == facts
    assert all(torch.equal(value, whole[name]) for name, value in averaged(tmp_path).items())


# --- lessons: what a frozen network sees ----------------------------------------------------------------


@pytest.fixture
def taught(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `drawn` with lessons of four batches of six views, by a network that sees three colours and a constant."""
    monkeypatch.setattr(features, "COUNT", 6)
    monkeypatch.setattr(features, "WIDTH", 4)
    monkeypatch.setattr(
        features, "Network", lambda: lambda v: nn.functional.pad(v.mean((2, 3)), (0, 1), value=1)
    )
    for name in ("pictures.bin", "pictures.json", "captions.json", "captions.safetensors"):
        (tmp_path / name).symlink_to(drawn / name)
    pictures = data.Pictures(tmp_path, held_out=False)
    for i in range(2):  # two processes
        features.make(pictures, tmp_path, 4, (i, 2))
    return tmp_path


def test_a_lesson_is_of_the_views_that_the_student_sees(taught: Path) -> None:
    pictures, look = data.Pictures(taught, held_out=False), model.CRITIC_LOOK
    lessons = features.Lessons(taught, pictures, look, fit=4)
    assert lessons.numbers.tolist() == [0, 1, 2, 3]
    student = replace(look, size=64, noise_share=0.0, blur_share=0.0)
    for number in (0, 3):
        views = features.draw_lesson(pictures, number, student).views[:6]  # what is out of joint comes after
        assert (views.mean((2, 3)) - lessons.features(number)[:, :3]).abs().max() < 0.02
        assert lessons.of(number).norm(dim=1).allclose(torch.ones(6))
    shown = [features.draw_lesson(pictures, n, student).views[:6] for n in (0, 3)]
    assert (shown[0] - shown[1]).abs().max() > 0.1


def test_lessons_of_other_views_are_refused(taught: Path, tmp_path: Path) -> None:
    pictures, look = data.Pictures(taught, held_out=False), model.CRITIC_LOOK
    with pytest.raises(SystemExit, match="other views"):
        features.Lessons(taught, pictures, replace(look, bend=0.3))
    with pytest.raises(SystemExit, match="no lessons"):
        features.Lessons(taught / "nowhere", pictures, look)


def test_whitening_keeps_what_tells_things_apart_and_evens_out_what_does_not() -> None:
    rng = torch.Generator().manual_seed(0)
    thing = torch.arange(40).repeat(25)
    place = torch.randn(40, 2, generator=rng)
    noise = torch.randn(1000, 6, generator=rng) * torch.tensor([0.1, 0.1, 30.0, 3.0, 3.0, 3.0])
    rows = torch.cat([place[thing], torch.zeros(1000, 4)], 1) + noise
    white = features.fit_whitening(rows, thing, 2, shrink=1e-4)
    means, index = features.class_means(white(rows), thing)
    assert (white(rows) - means[index]).norm(dim=1).mean() < 0.3  # of vectors of length 1
    half = torch.arange(1000) < 500
    report = features.nearest_mean(white(rows[half]), thing[half], white(rows[~half]), thing[~half])
    assert report["asked"] == 500
    raw = nn.functional.normalize(rows, dim=1)
    assert report["r1"] > 2 * features.nearest_mean(raw[half], thing[half], raw[~half], thing[~half])["r1"]


def test_agreeing_costs_nothing_and_the_opposite_two() -> None:
    unit = model.unit(torch.randn(5, 7, generator=torch.Generator().manual_seed(0)))
    assert losses.lesson_loss(unit, unit) == pytest.approx(0, abs=1e-6)
    assert losses.lesson_loss(-unit, unit) == pytest.approx(2)


def test_a_critic_learns_its_lessons(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "DATA", taught)
    monkeypatch.setattr(train, "COUNT", 6)
    monkeypatch.setattr(model, "LESSON", 3)
    monkeypatch.setattr(features, "LESSON", 3)
    monkeypatch.setitem(model.TOWERS, "tiny-80", replace(model.TOWERS["tiny-80"], timm="test_resnet"))
    monkeypatch.setattr("sys.argv", ["train", "--tower", "tiny-80", "--run", str(tmp_path / "run"), "--device", "cpu", "--workers", "1",
                                     "--lessons", "4", "--rate", "1e-2", "--eps", "1", "--minutes", "10"])  # fmt: skip
    losses_seen, loss = [], losses.lesson_loss
    monkeypatch.setattr(train, "lesson_loss", lambda *a: losses_seen.append(loss(*a)) or losses_seen[-1])
    calls = iter([False] * 60 + [True])
    monkeypatch.setattr(runtime.Clock, "called_off", lambda _: next(calls))
    train.main()
    assert len(losses_seen) == 60
    assert sum(losses_seen[-10:]) < 0.7 * sum(losses_seen[:10])


def test_a_witness_tells_names_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "DIMS", 8)
    rng = torch.Generator().manual_seed(0)
    names = torch.tensor([3, 7, 9, 20]).repeat(50)
    rows = torch.randn(21, 12, generator=rng)[names] + 0.8 * torch.randn(200, 12, generator=rng)
    white, head = witness.fit(rows, names, 5)
    assert head.shape == (4, 8)
    found = (white(rows) @ head.T).argmax(1)
    assert (names.unique()[found] == names).float().mean() > 0.9


# --- the finished models --------------------------------------------------------------------------------


def float16_bytes(module: nn.Module) -> int:
    return sum(
        v.numel() * (2 if v.is_floating_point() else v.element_size()) for v in module.state_dict().values()
    )


def expected_bytes(tower: model.Tower) -> int:
    """Of the tensors in a finished model's file, from its configuration alone."""
    from open_clip.model import CLIP

    config = model.clip_config(tower)
    with torch.device("meta"):
        return float16_bytes(CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"]))


def test_all_models_fit_into_the_wheel() -> None:
    pytest.importorskip("taming")
    from clipart.models.vqgan import build_network
    from training.train_vqgan import CONFIG

    with torch.device("meta"):
        vqgan = build_network(CONFIG)
    codebook = 2 * CONFIG.n_embed * CONFIG.embed_dim  # float32, so as much again
    sizes = {name: expected_bytes(tower) for name, tower in model.TOWERS.items()}
    rest = sizes["tiny"] + sizes["tiny-80"] + float16_bytes(vqgan) + codebook
    assert rest + sizes["judge"] == 40_370_524  # as `training/model.py` adds it up
    assert rest + sizes["judge"] + sizes["judge-resnet"] == 56_929_694
    assert (
        rest + sizes["judge"] + sizes["judge-resnet"] + 5 * 40_000 <= 58_000_000
    )  # with the heads of the files


def test_the_mean_of_runs_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for k, run in enumerate(runs):
        run.mkdir()
        state = {"weight": torch.full((2, 3), 4.0 * k), "batches": torch.tensor(7 + k)}
        save_file(state, run / "averaged.safetensors", {"step": "100", "seconds": "60.5"})
    monkeypatch.setattr("sys.argv", ["mean", *map(str, runs), "--run", str(tmp_path / "c")])
    mean.main()
    assert facts_of(tmp_path / "c") == {"step": "200", "seconds": "121.0"}
    found = averaged(tmp_path / "c")
    assert torch.equal(found["weight"], torch.full((2, 3), 2.0))
    assert found["batches"] == 7
    monkeypatch.setattr(
        "sys.argv", ["mean", *map(str, runs), "--weights", "1", "3", "--run", str(tmp_path / "d")]
    )
    mean.main()
    assert torch.equal(averaged(tmp_path / "d")["weight"], torch.full((2, 3), 3.0))
    with pytest.raises(ValueError, match="same tower"):
        mean.mean([found, {"weight": found["weight"]}])


@pytest.mark.parametrize("name", ["tiny", "tiny-80", "judge"])
def test_a_random_model_loads_as_an_ordinary_open_clip_model(name: str, tmp_path: Path) -> None:
    import open_clip

    tower = model.TOWERS[name]
    image = model.ImageTower(tower, torch.zeros(1, 384), torch.tensor([0])).eval()
    vocabulary = torch.tensor([0, 550, 736, 3055, 49406, 49407])
    aligned = align.Aligned(image, distil.Student(vocabulary))
    export.write(
        export.combine(image.state_dict(), export.text_side(aligned.state_dict())), tower, tmp_path / name
    )
    export.write_sums(tmp_path / name)
    size = (tmp_path / name / "open_clip_model.safetensors").stat().st_size
    assert 0 < size - expected_bytes(tower) < 40_000
    assert len((tmp_path / name / "SHA256SUMS").read_text().splitlines()) == 2
    loaded, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / name}")
    views = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = image.image(views)
        theirs = loaded.eval().encode_image((views - model.MEAN) / model.STD, normalize=True)
    assert (ours * theirs).sum(1).min() > 0.999
    assert list(preprocess.transforms[-1].mean) == [model.MEAN] * 3


def test_a_run_may_begin_with_a_finished_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = replace(model.TOWERS["judge"], timm="test_resnet")
    teacher, named = model.unit(torch.randn(6, 384)), torch.tensor([1, 4])
    vocabulary = torch.tensor([0, 550, 736, 3055, 49406, 49407])
    old = model.ImageTower(tower, teacher, named).eval()
    for weight in old.visual.requires_grad_(False).parameters():
        weight.mul_(1.1)
    aligned = align.Aligned(old, distil.Student(vocabulary))
    export.write(export.combine(old.state_dict(), export.text_side(aligned.state_dict())), tower, tmp_path)

    texts = ["a red apple", "tart", "the sun", "pie", "moon", "cat"]
    said = finished.encode(tmp_path, texts)
    new = model.ImageTower(tower, teacher, named).eval()
    finished.begin_image(new, tmp_path, teacher, said)
    views = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert (new.image(views) * old.image(views)).sum(1).min() > 0.999
        assert torch.allclose(new.text(teacher[named], named), said[named], atol=1e-4)
    assert new.scale.item() == pytest.approx(aligned.scale.item(), abs=1e-2)

    student = align.Aligned(new, distil.Student(vocabulary)).student.eval()
    finished.begin_text(student.tower, vocabulary, tmp_path)
    tokens = torch.tensor([[4, 1, 5], [4, 3, 5]])  # rows of the vocabulary
    with torch.no_grad():
        assert torch.allclose(student(tokens), aligned.student(tokens), atol=1e-2)


def test_a_run_may_begin_with_a_run(tmp_path: Path) -> None:
    tower = replace(model.TOWERS["tiny"], timm="test_resnet")
    old, new = (model.ImageTower(tower, torch.zeros(3, 384), torch.tensor([0])) for _ in range(2))
    save_file(old.state_dict(), tmp_path / "averaged.safetensors", {"step": "1", "seconds": "1"})
    finished.begin(new, tmp_path, torch.zeros(3, 384), ["apple", "pie", "sun"])
    assert all(torch.equal(value, new.state_dict()[name]) for name, value in old.state_dict().items())


def test_a_kept_text_side_fits_the_finished_text_tower(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = replace(model.TOWERS["tiny"], timm="test_resnet")
    monkeypatch.setattr(train, "DATA", drawn)
    monkeypatch.setitem(model.TOWERS, "tiny", tower)
    image = model.ImageTower(tower, torch.zeros(1, 384), torch.tensor([0])).eval()
    aligned = align.Aligned(image, distil.Student(torch.tensor([0, 550, 736, 3055, 49406, 49407])))
    old, run, new = tmp_path / "old", tmp_path / "run", tmp_path / "new"
    export.write(export.combine(image.state_dict(), export.text_side(aligned.state_dict())), tower, old)
    monkeypatch.setattr("sys.argv", ["train", "--tower", "tiny", "--run", str(run), "--from", str(old), "--keep-text", "--eps", "2",
                                     "--device", "cpu", "--workers", "1", "--batch", "12", "--bank", "0", "--minutes", "10"])  # fmt: skip
    calls = iter([False] * 3 + [True])
    monkeypatch.setattr(runtime.Clock, "called_off", lambda _: next(calls))
    radii, step = [], train.train_step
    monkeypatch.setattr(train, "train_step", lambda *a: radii.append(a[5]) or step(*a))
    train.main()
    assert radii == [2.0] * 3
    monkeypatch.setattr("sys.argv", ["export", "--tower", "tiny", "--image", str(run), "--text", str(old), "--out", str(new)])  # fmt: skip
    export.main()

    before, after = finished.load_finished(old), finished.load_finished(new)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(export.is_image(name) for name in changed)
    # the names that the run trained against are what the finished text tower says, and have not moved
    pictures = data.Pictures(drawn, held_out=False)
    names = data.picture_names(drawn)
    teacher = data.load_teacher(drawn)
    trained = model.ImageTower(tower, teacher, names)
    trained.load_state_dict(averaged(run))
    said = finished.encode(new, pictures.texts)
    fresh = model.ImageTower(tower, teacher, names)
    finished.begin_image(fresh, old, teacher, said)
    for side in ("map", "own"):
        assert torch.equal(getattr(trained, side).weight, getattr(fresh, side).weight)
    with torch.no_grad():
        assert torch.allclose(trained.text(teacher[names], names), said[names], atol=1e-3)


def test_there_is_no_text_to_keep_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train", "--keep-text"])
    with pytest.raises(SystemExit, match="2"):
        train.main()
