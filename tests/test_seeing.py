"""What a CLIP sees: scores, words, heat maps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from clipart import seeing
from clipart.errors import UsageError
from clipart.seeing.looking import pictures_in
from clipart.seeing.overlay import blocks, in_words, overlay
from tests.drawings import draw_all


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return draw_all(tmp_path_factory.mktemp("drawn"))


def test_a_picture_of_the_prompt_is_the_best(drawn: dict[str, Path]) -> None:
    best, other = seeing.score([drawn["mushroom"], drawn["sun"]], "sun")
    assert (best.path, other.path) == (drawn["sun"], drawn["mushroom"])
    assert best.judge == "tiny-resnet"
    assert list(best.by) == ["tiny", "tiny-80", "tiny-resnet"]
    assert best.match > 0.3 > 0.05 > other.match
    assert best.by["tiny"][0].text == "sun"


def test_things_are_looked_for_where_a_run_would_place_them(drawn: dict[str, Path]) -> None:
    (right,) = seeing.score(drawn["both"], "sun:: mushroom::")
    (swapped,) = seeing.score(drawn["both"], "mushroom:: sun::")
    assert right.match > 0.3 > 0.05 > swapped.match
    (blended,) = seeing.score(drawn["both"], "mushroom:: sun::", layout="blend")
    assert blended.match > swapped.match


def test_the_only_critic_may_be_the_judge(drawn: dict[str, Path]) -> None:
    (found,) = seeing.score(drawn["sun"], "sun", clip="tiny", judge="tiny")
    assert list(found.by) == ["tiny"]


def test_words_come_with_their_shares(drawn: dict[str, Path]) -> None:
    first, second = seeing.describe([drawn["sun"], drawn["mushroom"]], most=3)
    assert first.words[0].text == "sun"
    assert second.words[0].text == "mushroom"
    assert [word.share for word in first.words] == sorted((w.share for w in first.words), reverse=True)
    assert sum(word.share for word in first.words) <= 1


def test_the_shares_of_all_words_sum_to_one(drawn: dict[str, Path]) -> None:
    (found,) = seeing.describe(drawn["sun"], ["sun", "mushroom", "sun", "car"], most=9)
    assert found.words[0].text == "sun"
    assert len(found.words) == 3
    assert sum(word.share for word in found.words) == pytest.approx(1, abs=1e-5)


def test_tiles_are_described_by_rows(drawn: dict[str, Path], tmp_path: Path) -> None:
    four = Image.new("RGB", (256, 256), "white")
    both = Image.open(drawn["both"])
    four.paste(both, (0, 0))
    four.paste(both.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (0, 128))
    four.save(tmp_path / "four.png")
    found = seeing.describe(tmp_path / "four.png", ["sun", "mushroom"], grid=2, most=1)
    assert [(each.row, each.column) for each in found] == [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert [each.words[0].text for each in found[1:]] == ["sun", "mushroom", "mushroom", "sun"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"words": []}, "0 words"),
        ({"words": "cat"}, "give a list"),
        ({"grid": 0}, "grid = 0"),
        ({"grid": 99}, "from 1 to 32"),
        ({"most": 0}, "most = 0"),
    ],
)
def test_what_is_out_of_range_is_said(drawn: dict[str, Path], given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        seeing.describe(drawn["sun"], **given)  # type: ignore[arg-type]


def test_heat_lies_on_the_thing(drawn: dict[str, Path]) -> None:
    first, second = seeing.explain(drawn["both"], "sun:: mushroom::")
    assert first.heat.shape == (32, 64)
    assert float(first.heat.max()) == 1
    assert first.share(0, 0, 1, 0.5) > 0.8
    assert second.share(0, 0.5, 1, 1) > 0.8
    assert first.share(0, 0, 1, 1) == pytest.approx(1)
    assert "left" in in_words(first)
    assert "right" in in_words(second)
    lines = blocks(second.heat)
    assert len(lines) == 8
    assert all(len(line) == 32 for line in lines)
    assert "█" in "".join(line[16:] for line in lines)
    assert "█" not in "".join(line[:16] for line in lines)


def test_the_word_that_matters_is_the_one_that_is_missed(drawn: dict[str, Path]) -> None:
    (found,) = seeing.explain(drawn["mushroom"], "a mushroom today")
    lost = {word.text: word.lost for word in found.words}
    assert max(lost, key=lost.__getitem__) == "mushroom"
    assert lost["mushroom"] > 0.1
    (single,) = seeing.explain(drawn["mushroom"], "mushroom")
    assert single.words == ()


def test_nothing_is_hot_where_nothing_is() -> None:
    (found,) = seeing.explain(torch.ones(1, 3, 64, 64), "mushroom")
    assert in_words(found) == "not found"
    assert set("".join(blocks(found.heat))) == {" "}


def test_a_part_that_is_not_there_is_pale(drawn: dict[str, Path]) -> None:
    there, absent = seeing.explain(drawn["sun"], "sun:: mushroom::")
    assert float(there.heat.max()) == 1
    assert in_words(there).startswith("found ")
    assert float(absent.heat.max()) < 0.25
    assert "hardly found" in in_words(absent) or in_words(absent) == "not found"
    assert "█" not in "".join(blocks(absent.heat))


def test_an_overlay_is_red_where_it_is_hot() -> None:
    heat = torch.zeros(4, 4)
    heat[:, 2:] = 1
    found = overlay(torch.full((1, 3, 64, 64), 0.5), heat)
    assert found.shape == (3, 256, 256)
    red, green, _ = found
    assert float((red - green)[:, 200:].mean()) > 0.3
    assert float((red - green)[:, :56].abs().mean()) < 0.05


def test_gradients_and_generators_of_the_program_stay_as_they_are(drawn: dict[str, Path]) -> None:
    before = torch.random.get_rng_state()
    with torch.inference_mode():
        seeing.describe(drawn["sun"], ["sun", "car"])
        assert torch.is_inference_mode_enabled()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_folders_stand_for_their_pictures(drawn: dict[str, Path], tmp_path: Path) -> None:
    assert pictures_in(drawn["sun"].parent) == sorted(drawn.values())
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "picture.png").write_bytes(drawn["sun"].read_bytes())
    assert pictures_in([tmp_path / "runs", run]) == [run / "picture.png"] * 2
    with pytest.raises(UsageError, match="no picture in it"):
        pictures_in(tmp_path)
    with pytest.raises(UsageError, match="0 pictures"):
        pictures_in([])
