"""Concepts: learned, kept, used in prompts, refused where they are not known; and more pictures like one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import clipart
from clipart.cli import main
from clipart.critic import concepts
from clipart.errors import ModelError, UsageError
from clipart.many.more import recipes_like
from clipart.prompt import parse
from clipart.recipe import make_recipe
from clipart.record.metadata import model_hashes
from clipart.runs import Outputs, resume
from clipart.seeing import learn, score
from clipart.seeing.looking import looking, still
from tests.drawings import draw_all

SMALL = {"seed": 1, "size": 64, "steps": 6, "starts": 1, "views": 2}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return draw_all(tmp_path_factory.mktemp("drawn"))


def test_a_concept_is_what_its_pictures_show(drawn: dict[str, Path]) -> None:
    concept, path = learn("sol", [drawn["sun"]])
    assert path == concepts.path_of("sol")
    assert (concept.word, concept.pictures, list(concept.clips.values())) == (
        "sun",
        1,
        ["tiny", "tiny-80", "tiny-resnet", "tiny-judge"],
    )
    kept = concepts.load("sol")
    assert kept.word == "sun"
    for identity, vector in concept.vectors.items():
        assert torch.equal(kept.vectors[identity], vector)
        assert float(vector.norm()) == pytest.approx(1, abs=1e-5)
    best, other = score([drawn["mushroom"], drawn["sun"]], "<sol>")
    assert best.path == drawn["sun"]
    assert best.match > 0.5 > other.match
    assert concepts.all_names() == ["sol"]


def test_other_words_move_it(drawn: dict[str, Path]) -> None:
    learn("sol", drawn["sun"], word="sun")
    clip = looking("tiny")
    with still():
        alone, among, plain, words = (
            clip.encode_part(parse(text).parts[0]) for text in ("<sol>", "a red <sol>", "a red sun", "sun")
        )
    assert torch.allclose(alone, concepts.load("sol").vectors[clip.identity], atol=1e-6)
    expected = torch.nn.functional.normalize(plain + alone - words, dim=0)
    assert torch.allclose(among, expected, atol=1e-5)
    strong = clip.encode_part(parse("a (red:1.5) <sol>").parts[0])
    assert not torch.allclose(strong, among, atol=1e-3)


def test_a_run_keeps_the_vector(drawn: dict[str, Path], tmp_path: Path) -> None:
    learn("sol", drawn["sun"])
    recipe = make_recipe(SMALL | {"prompt": "<sol>:: a red <sol>::0.5"})
    whole = clipart.run(recipe, Outputs(folder=tmp_path / "a", video="none"))
    steps = iter(range(100))
    half = clipart.run(
        recipe, Outputs(folder=tmp_path / "b", video="none"), stop_now=lambda: next(steps) >= 3
    )
    before = model_hashes(recipe)
    learn("sol", drawn["mushroom"])
    assert model_hashes(recipe)["concept sol"] != before["concept sol"]
    again = resume(half.folder)
    assert np.array_equal(np.asarray(again.image), np.asarray(whole.image))
    concepts.path_of("sol").unlink()
    once_more = resume(half.folder)
    assert np.array_equal(np.asarray(once_more.image), np.asarray(whole.image))
    learn("sol", drawn["mushroom"])
    other = clipart.run(recipe, Outputs(folder=None))
    assert not np.array_equal(np.asarray(other.image), np.asarray(whole.image))


def test_a_replay_says_that_the_concept_is_another(
    drawn: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn("sol", drawn["sun"])
    path = tmp_path / "a.png"
    clipart.generate("<sol>", outputs=Outputs(file=path), **SMALL)
    assert main(["replay", str(path), "-o", str(tmp_path / "b.png")]) == 0
    assert "another" not in capsys.readouterr().err
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(tmp_path / "b.png")))
    learn("sol", drawn["mushroom"])
    assert main(["replay", str(path), "-o", str(tmp_path / "c.png")]) == 0
    assert "the concept <sol> is another than it was" in capsys.readouterr().err
    concepts.path_of("sol").unlink()
    assert main(["replay", str(path), "-o", str(tmp_path / "d.png")]) == 2
    assert "<sol>: there is no such concept" in capsys.readouterr().err
    assert not (tmp_path / "d.png").exists()


def test_many_pictures_are_refused_before_the_first(
    drawn: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\n<nobody>\n")
    assert main(["batch", str(tmp_path / "prompts.txt"), "--folder", str(tmp_path / "out")]) == 2
    assert "<nobody>: there is no such concept" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_parse_shows_the_tokens_of_its_word(
    drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    learn("sol", drawn["sun"], word="sun")
    assert main(["parse", "a <sol>", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"][0]["tokens"] == ["a", "sun"]
    assert main(["parse", "<sool>"]) == 2
    assert "Did you mean sol" in capsys.readouterr().err


def test_another_clip_refuses_it_by_name(drawn: dict[str, Path]) -> None:
    learn("sol", drawn["sun"], clips=["tiny", "tiny-judge"])
    with pytest.raises(
        UsageError, match=r"<sol> was learned with tiny, tiny-judge, and not with tiny-80.*--clip tiny-80"
    ):
        clipart.generate("<sol>", clip="tiny-80", outputs=Outputs(folder=None), **SMALL)
    with pytest.raises(UsageError, match=r"<sool>: there is no such concept. Did you mean sol"):
        clipart.generate("<sool>", outputs=Outputs(folder=None), **SMALL)


@pytest.mark.parametrize("name", ["My Cat", "../up", "", "-a", "a" * 41, "ä"])
def test_a_name_is_plain(name: str, drawn: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="small letters"):
        learn(name, drawn["sun"])


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\x80\x04\x95", (1000).to_bytes(8, "little") + b"{" * 1000, b"\xff" * 64],
    ids=["empty", "short", "pickle", "broken header", "huge header"],
)
def test_a_broken_file_is_named(data: bytes, drawn: dict[str, Path]) -> None:
    path = concepts.path_of("sol")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"sol\.safetensors"):
        concepts.load("sol")


@pytest.mark.parametrize("about", ["[]", "{}", '{"word": "a", "pictures": "x", "clips": {}}', "not json"])
def test_a_file_of_something_else_is_named(about: str) -> None:
    from safetensors.torch import save_file

    path = concepts.path_of("sol")
    path.parent.mkdir(parents=True)
    save_file({"a": torch.zeros(2)}, path, {"clipart": about})
    with pytest.raises(ModelError, match=r"sol\.safetensors"):
        concepts.load("sol")


@pytest.mark.parametrize("vector", [torch.ones(7), torch.ones(2, 2), torch.full((7,), float("nan"))])
def test_a_vector_of_another_form_is_named(vector: torch.Tensor) -> None:
    clip = looking("tiny")
    odd = concepts.Concept("odd", "sun", 1, {clip.identity: vector}, {clip.identity: "tiny"})
    concepts.store(odd)
    with pytest.raises(ModelError, match=r"odd\.safetensors.*clipart concept rm odd"):
        clip.encode_part(parse("<odd>").parts[0])


def test_the_command_learns_lists_shows_and_removes(
    drawn: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["concept"]) == 0
    assert "no concepts yet" in capsys.readouterr().out
    assert main(["concept", "learn", "<sol>", str(drawn["sun"]), "--init", "sun"]) == 0
    assert 'clipart "<sol>"' in capsys.readouterr().out
    assert main(["concept", "learn", "sol", str(drawn["sun"])]) == 2
    assert "is there" in capsys.readouterr().err
    assert main(["concept", "list", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["name"], event["word"], event["clips"]) == (
        "sol",
        "sun",
        ["tiny", "tiny-80", "tiny-resnet", "tiny-judge"],
    )
    assert main(["concept", "show", "sol"]) == 0
    assert "near 'sun', from 1 picture, for tiny" in capsys.readouterr().out
    assert main(["concept", "rm", "sol", "luna"]) == 2
    assert "<luna>" in capsys.readouterr().err
    assert concepts.all_names() == ["sol"]
    assert main(["concept", "rm", "sol"]) == 0
    assert concepts.all_names() == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["lern", "a"], "learn"),
        (["learn"], "type a name"),
        (["learn", "a"], "type pictures"),
        (["show", "a"], "no such concept"),
    ],
)
def test_what_cannot_be_done_is_said(typed: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["concept", *typed]) == 2
    assert says in capsys.readouterr().err


# --- more like a picture -----------------------------------------------------------------------------------


def made(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    clipart.generate("a cat::2 snow", no="fog", outputs=Outputs(file=path), **SMALL)
    return path


def test_both_the_recipe_and_the_picture_count(tmp_path: Path) -> None:
    path = made(tmp_path)
    recipes = recipes_like(path, 3, 0.5, {"steps": 4})
    assert [recipe.seed for recipe in recipes] == [2, 3, 4]
    assert {recipe.prompt for recipe in recipes} == {"a cat::2 snow"}
    assert {recipe.image_prompt for recipe in recipes} == {(f"{path}::3",)}
    assert {recipe.steps for recipe in recipes} == {4}


def test_one_of_them_counts_alone(tmp_path: Path) -> None:
    path = made(tmp_path)
    (recipe,) = recipes_like(path, 1, 0, {})
    assert (recipe.prompt, recipe.image_prompt, recipe.no) == ("a cat::2 snow", (), ("fog",))
    (recipe,) = recipes_like(path, 1, 1, {})
    assert (recipe.prompt, recipe.image_prompt, recipe.no) == ("", (str(path),), ())
    assert recipe.width == 64
    plain = tmp_path / "plain.png"
    Image.new("RGB", (32, 32), "red").save(plain)
    (recipe,) = recipes_like(plain, 1, 0.5, {"prompt": "a hat"})
    assert (recipe.prompt, recipe.image_prompt, recipe.seed) == ("a hat", (str(plain),), 1)
    with pytest.raises(UsageError, match="no recipe in it"):
        recipes_like(plain, 1, 0, {})


def test_the_command_makes_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path)
    folder = tmp_path / "more"
    typed = ["more", str(path), "--seeds", "2", "--steps", "3", "--folder", str(folder)]
    assert main(typed) == 0
    assert (folder / "sheet.png").is_file()
    assert len(list(folder.glob("*/picture.png"))) == 2
    assert main(typed) == 0  # all are there
    assert "2 were there" in capsys.readouterr().out
    assert len(list(clipart.more(path, seeds=1, steps=2, folder=tmp_path / "python"))) == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [(["--how-much", "2"], "how-much"), (["--seeds", "0"], "seeds")],
)
def test_what_is_out_of_range_is_said(
    tmp_path: Path, typed: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["more", str(made(tmp_path)), *typed]) == 2
    assert says in capsys.readouterr().err


def test_the_recipe_of_others_must_not_choose_files(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "red").save(picture)
    path = tmp_path / "b.png"
    clipart.generate("a cat", init=picture, outputs=Outputs(file=path), **SMALL)
    with pytest.raises(UsageError, match="--init"):
        recipes_like(path, 1, 0.5, {})
    (recipe,) = recipes_like(path, 1, 0.5, {"init": str(picture)})
    assert recipe.init == str(picture)


def test_more_of_what_was_made_with_a_picture(tmp_path: Path) -> None:
    picture, path = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (32, 32), "red").save(picture)
    clipart.generate("a cat", image_prompt=f"{picture}::0.5", outputs=Outputs(file=path), **SMALL)
    with pytest.raises(UsageError, match=r"--image-prompt a\.png::0\.5"):
        recipes_like(path, 1, 0.5, {})
    (recipe,) = recipes_like(path, 1, 0.5, {"image_prompt": (f"{picture}::0.5",)})
    assert recipe.image_prompt == (f"{picture}::0.5", f"{path}::1.5")
    (recipe,) = recipes_like(path, 1, 1, {})
    assert recipe.image_prompt == (str(path),)
