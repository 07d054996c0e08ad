"""`bench/quality.py`: the arithmetic of R-precision, what a run leaves and prints, and that its words have pictures."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image

from clipart.critic.rivals import _stems
from clipart.record.files import slug

ROOT = Path(__file__).parents[1]
DATA = ROOT / "training" / "data"
LISTS = """
two_parts = ["apple:: tart::"]
singles.fruit = ["apple"]
singles.weather = ["sun"]
[pictures]
apple = "red apple"
tart = "pie"
"""


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import quality

    return quality


@pytest.fixture
def small(quality: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Three prompts, three distractors, and a family of three pictures."""
    (tmp_path / "prompts.toml").write_text(LISTS)
    records, blobs = [], b""
    for name in ("pie", "red apple", "sun"):
        buffer = io.BytesIO()
        Image.new("RGBA", (24, 24), (200, 20, 20, 255)).save(buffer, "WEBP")
        about = {"name": name, "held_out": True, "weight": 1.0, "at": len(blobs), "bytes": buffer.tell()}
        records.append(about)
        blobs += buffer.getvalue()
    (tmp_path / "pictures.json").write_text(json.dumps({"pictures": records}))
    (tmp_path / "pictures.bin").write_bytes(blobs)
    monkeypatch.setattr(quality, "PROMPTS", tmp_path / "prompts.toml")
    monkeypatch.setattr(quality, "REAL", tmp_path)
    monkeypatch.setattr(quality, "DISTRACTORS", 3)
    monkeypatch.setattr("clipart.critic.rivals._SYNONYM", 1.1)
    monkeypatch.setattr(
        "clipart.critic.rivals.everyday_words", lambda: ["anvil", "apples", "cow", "ox", "pen"]
    )


def test_ties_count_against_a_part(quality: ModuleType) -> None:
    assert quality.ranks(torch.tensor([[0.5, 0.9, 0.5, 0.1], [0.5, 0.9, 0.5, 0.1]])) == (2, 0)
    assert quality.ranks(torch.tensor([[float("nan"), 0.9, 0.5]])) == (2,)


def test_recall_asks_for_every_part(quality: ModuleType) -> None:
    looks = [quality.Look(ranks, (0.5,) * len(ranks)) for ranks in [(0, 9), (10, 0), (3, 4), (9, 8)]]
    assert quality.recall(looks, 10) == 75
    assert quality.recall(looks, 5) == 25
    assert quality.figures(looks) == {"R@10": 75, "match": 50}
    single = [quality.Look((0,), (1.0,)), quality.Look((1,), (0.0,))]
    assert quality.figures(single) == {"R@1": 50, "R@10": 100, "match": 50}


def test_bars_are_the_ceiling_and_two_figures(quality: ModuleType) -> None:
    def rows(canvas: str, kind: str, ranks: list[tuple[int, ...]]) -> list[object]:
        looks = [quality.Look(each, (0.5,) * len(each)) for each in ranks]
        return [quality.Row(canvas, kind, "apple", look, quality.Look((99,), (0.0,))) for look in looks]

    found = quality.table(
        rows("real", "singles", [(0,), (1,)])
        + rows("real", "two parts", [(0, 1)])
        + rows("pixel", "singles", [(0,), (2,)])
        + rows("pixel", "two parts", [(0, 10)])
    )
    assert [(each["value"], each["bar"], each["ok"]) for each in quality.bars(found)] == [
        (50, 50, True),
        (100, 85, True),
        (0, 70, False),
    ]
    assert found["singles"]["pixel"]["critic"]["R@1"] == 0


def test_a_run_goes_on_and_is_judged(
    quality: ModuleType,
    small: None,
    random_clip: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, blind = tmp_path / "out", tmp_path / "blind"
    command = [
        "quality.py",
        "--clip",
        random_clip,
        "--steps",
        "2",
        "--size",
        "32",
        "--canvas",
        "pixel",
        "--layout",
        "apart",
        "--json",
    ]
    command += ["--out", str(out), "--blind", str(blind)]
    monkeypatch.setattr(sys, "argv", command)
    assert quality.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["judge_is_critic"]
    assert found["bars"] is None
    assert found["ok"] is None
    assert found["prompts"] == {"singles": 2, "two parts": 1}
    assert found["layout"] == "apart"
    assert json.loads((blind / "pixel-two-parts-key.json").read_text()) == {"01": "apple:: tart::"}
    assert [(row["canvas"], row["prompt"]) for row in found["pictures"]] == [
        (canvas, prompt) for canvas in ("real", "pixel") for prompt in ("apple", "sun", "apple:: tart::")
    ]
    assert all(0 <= rank <= 4 for row in found["pictures"] for rank in row["judge"]["ranks"])
    assert all(row["judge"] == row["critic"] for row in found["pictures"])
    assert {path.name for path in out.glob("*.png")} == {"pixel-singles.png", "pixel-two-parts.png"}
    key = json.loads((blind / "pixel-singles-key.json").read_text())
    assert sorted(key.values()) == ["apple", "sun"]
    assert {path.stem for path in (blind / "pixel-singles").iterdir()} == set(key)
    assert all(b"apple" not in path.read_bytes() for path in blind.rglob("*.png"))

    other = tmp_path / "judge"  # another model: the same weights, another mean
    shutil.copytree(random_clip.removeprefix("local-dir:"), other)
    config = json.loads((other / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.4, 0.5, 0.6]
    (other / "open_clip_config.json").write_text(json.dumps(config))
    monkeypatch.setattr(quality, "make_picture", lambda *_: pytest.fail("the picture was there"))
    monkeypatch.setattr(sys, "argv", [*command, "--judge", f"local-dir:{other}"])
    code = quality.main()
    judged = json.loads(capsys.readouterr().out)
    assert [each["figure"] for each in judged["bars"]] == ["R@1", "R@10", "R@10"]
    assert code == int(not judged["ok"])
    assert [row["critic"] for row in judged["pictures"]] == [row["critic"] for row in found["pictures"]]
    assert any(row["judge"] != row["critic"] for row in judged["pictures"])
    quality.show(judged)
    assert "bar 85.0 %" in capsys.readouterr().out


def test_a_picture_outlives_its_judge_but_not_its_critic(
    quality: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def made(settings: dict[str, object], was: dict[str, str], now: dict[str, str]) -> bool:
        recipe = quality.make_recipe({"prompt": "apple", "seed": 1, "clip": "tiny"} | settings)
        before = recipe.resolve().model_copy(
            update={"left": ("device",)}
        )  # an older version left others open
        origin = SimpleNamespace(recipe=before, models=was)
        monkeypatch.setattr(quality, "read_origin", lambda _: origin)
        monkeypatch.setattr(quality, "model_hashes", lambda _: dict(now))
        return quality.is_made(recipe, tmp_path / "apple.png")

    old, new = {"tiny": "a", "tiny-judge": "b"}, {"tiny": "a", "tiny-judge": "c"}
    assert made({}, old, old)
    assert made({}, old, new)
    assert not made({}, old, {"tiny": "x", "tiny-judge": "b"})
    assert not made({"until": "80%"}, old, new)  # the judge said when to stop
    assert not made({"clip": ("tiny-judge",)}, {"tiny-judge": "b"}, {"tiny-judge": "c"})
    assert not made({"canvas": "vqgan"}, old, new | {"vqgan v": "d"})


def test_what_is_missing_is_said_first(
    quality: ModuleType,
    small: None,
    random_clip: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["quality.py", "--clip", random_clip, "--out", str(tmp_path / "out")])
    monkeypatch.setattr(quality, "DISTRACTORS", 5)
    assert quality.main() == 2
    assert "finds 4 everyday words" in capsys.readouterr().err
    (tmp_path / "prompts.toml").write_text(LISTS.replace('"sun"', '"moon"'))
    assert quality.main() == 2
    assert capsys.readouterr().err == "The held-out family has no picture of: moon.\n"
    assert not (tmp_path / "out").exists()


def test_the_prompts(quality: ModuleType) -> None:
    prompts, names = quality.load_prompts(quality.PROMPTS)
    assert {kind: len(each) for kind, each in prompts.items()} == {"singles": 100, "two parts": 50}
    for each in prompts.values():
        assert len({slug(prompt) for prompt in each}) == len(each)
    assert all(len(quality.parts(prompt)) == 2 for prompt in prompts["two parts"])
    used = {word for each in prompts.values() for prompt in each for word in quality.parts(prompt)}
    assert set(names) <= used
    assert quality.subset(prompts["singles"], 100) == prompts["singles"]
    assert quality.subset(["a", "b", "c", "d"], 2) == ["a", "c"]


@pytest.mark.skipif(not (DATA / "pictures.bin").exists(), reason="made by python -m training.build_data")
def test_every_word_has_a_picture(quality: ModuleType) -> None:
    prompts, names = quality.load_prompts(quality.PROMPTS)
    records = json.loads((DATA / "pictures.json").read_text())["pictures"]
    captions = {each["name"]: each["captions"] for each in records if each["held_out"] and each["weight"] > 0}
    used = {word for each in prompts.values() for prompt in each for word in quality.parts(prompt)}
    assert {names.get(word, word) for word in used} <= set(captions)
    for word in prompts["singles"]:
        name = names.get(word, word)
        assert word in captions[name] or _stems(word) & _stems(name), f"{word} is no {name}"
