"""What a picture says of itself: written, read back, by us and by others; and files that lie."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from attacks import recipe_files as made
from PIL import Image

import clipart.runs
from clipart.cli import main
from clipart.errors import ClipartError, UsageError
from clipart.recipe import make_recipe
from clipart.record.files import save_png
from clipart.record.metadata import (
    Origin,
    differences,
    infotext,
    parse_origin,
    read_origin,
    require_harmless,
    tags,
    versions,
)
from clipart.record.tags import picture_exif, picture_xmp, read_tags

RECIPE = make_recipe(
    {
        "prompt": "grüne Äpfel:: 🍎\nred",
        "seed": 7,
        "no": ("text, letters", "fog"),
        "steps": 30,
        "init": "a b.png",
    }
)
ORIGIN = Origin(RECIPE.resolve(), {"tiny": "ab" * 32}, versions())


def save(path: Path, origin: Origin = ORIGIN) -> Path:
    save_png(torch.zeros(3, 16, 16), path, tags(origin))
    return path


def test_a_picture_gives_its_recipe_back(tmp_path: Path) -> None:
    assert read_origin(save(tmp_path / "a.png")) == ORIGIN


def test_other_programs_find_what_they_look_for(tmp_path: Path) -> None:
    with Image.open(save(tmp_path / "a.png")) as picture:
        picture.load()
        text = picture.text
        assert picture.info["icc_profile"]
    assert "prompt" not in {key.lower() for key in text}
    assert set(text) == {"parameters", "clipart", "XML:com.adobe.xmp"}
    first, negative, settings = text["parameters"].splitlines()
    assert first == "grüne Äpfel:: 🍎 red"
    assert negative == "Negative prompt: text, letters, fog"
    fields = dict(field.split(": ", 1) for field in settings.split(", "))
    assert fields == {
        "Steps": "30",
        "Sampler": "sgd",
        "Seed": "7",
        "Size": "256x256",
        "Model hash": "ababababab",
        "Model": '"tiny + tiny-80::0.67"',
        "Version": f"clipart {versions()['clipart']}",
    }
    assert "digitalsourcetype/trainedAlgorithmicMedia" in text["XML:com.adobe.xmp"]
    assert json.loads(text["clipart"])["recipe"]["prompt"] == RECIPE.prompt


def test_xmp_is_xml_and_an_itxt_chunk(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    path = save(tmp_path / "a.png")
    assert b"iTXtXML:com.adobe.xmp\0" in path.read_bytes()
    root = ElementTree.fromstring(tags(ORIGIN)["XML:com.adobe.xmp"].encode())
    assert "grüne" in "".join(root.itertext())
    assert ElementTree.fromstring(picture_xmp(tags(ORIGIN))) is not None


def test_values_with_separators_are_quoted() -> None:
    recipe = RECIPE.with_(clip=("tiny", "local-dir:/a, b"))
    assert 'Model: "tiny + local-dir:/a, b", Version' in infotext(Origin(recipe))


def test_a_webp_of_pillows_with_our_texts_is_read(tmp_path: Path) -> None:
    texts = tags(ORIGIN)
    path = tmp_path / "a.webp"
    Image.new("RGB", (16, 16)).save(path, xmp=picture_xmp(texts), exif=picture_exif(texts))
    assert read_origin(path) == ORIGIN
    with Image.open(path) as picture:
        comment = picture.getexif().get_ifd(0x8769)[0x9286]
    assert comment.removeprefix(b"UNICODE\0").decode("utf-16-be") == infotext(ORIGIN)


def test_recipe_files_and_folders_are_read(tmp_path: Path) -> None:
    from clipart.presets import dump_recipe

    (tmp_path / "recipe.toml").write_text(dump_recipe(RECIPE), encoding="utf-8")
    assert read_origin(tmp_path).recipe == read_origin(tmp_path / "recipe.toml").recipe == RECIPE


def test_what_differs_is_said() -> None:
    old = Origin(RECIPE, {"tiny": "ab" * 32, "gone": "00"}, versions() | {"torch": "1.0"})
    assert differences(ORIGIN, {"tiny": "ab" * 32}) == []
    assert differences(old, {"tiny": "cd" * 32}) == [
        f"torch was 1.0, here it is {versions()['torch']}",
        "the weights of tiny are others than they were",
    ]


# --- foreign and hostile files ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unreadable() -> dict[str, bytes]:
    return made.unreadable()


def test_the_honest_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "honest.png"
    path.write_bytes(made.honest())
    assert read_origin(path).recipe == make_recipe(made.RECIPE)


def test_unreadable_files_are_refused_quickly_and_in_little_memory(
    unreadable: dict[str, bytes], tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in unreadable.items():
        path = tmp_path / name
        path.write_bytes(data)
        began = time.process_time()
        with pytest.raises(UsageError, match=name):
            read_origin(path)
        assert time.process_time() - began < 2, name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB; the bombs are a GB


@pytest.mark.parametrize("name", made.refused())
def test_what_is_no_recipe_is_refused(name: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / name
    path.write_bytes(made.refused()[name])
    for command in ("show", "replay"):
        assert main([command, str(path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "\x1b" not in err
        assert len(err) < 3000


@pytest.mark.parametrize("name", made.paths())
def test_a_recipe_from_elsewhere_chooses_no_file(name: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / name
    path.write_bytes(made.paths()[name])
    assert main(["show", str(path)]) == 0  # to look is no harm
    assert main(["replay", str(path)]) == 2
    assert "If you want that, say so: --" in capsys.readouterr().err
    recipe = read_origin(path).recipe
    for key in ("init", "clip", "judge", "vqgan"):
        typed = {key: getattr(recipe, key)}
        if key in name or (
            key == "clip" and "judge" not in name and "init" not in name and "vqgan" not in name
        ):
            require_harmless(recipe, typed)
        else:
            with pytest.raises(UsageError):
                require_harmless(recipe, typed)


def test_every_named_model_is_harmless() -> None:
    for name in ("tiny", "ViT-B-32/openai", "fare4-b32", "hf-hub:org/repo@main"):
        require_harmless(RECIPE.with_(init=None, clip=(name,)), {})


def test_a_small_table_stays_small() -> None:
    origin = parse_origin(made.ours(models={"a" * 999: "b" * 999, "c": 5}, versions=["x"]))
    assert origin.models == {"a" * 200: "b" * 200}
    assert origin.versions == {}
    assert parse_origin(made.ours(models={str(n): "" for n in range(1000)})).models == {}


# --- the command line ---------------------------------------------------------------------------------


def test_show_prints_toml_that_is_the_recipe(tmp_path: Path, capsys: Any) -> None:
    from clipart.presets import load_recipe

    path = save(tmp_path / "a.png")
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"# Model tiny: SHA-256 {'ab' * 32}" in out
    kept = tmp_path / "kept.toml"
    kept.write_text(out, encoding="utf-8")
    assert load_recipe(kept) == RECIPE.resolve()


def test_show_for_programs(tmp_path: Path, capsys: Any) -> None:
    assert main(["show", str(save(tmp_path / "a.png")), "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert make_recipe(event["recipe"]) == RECIPE.resolve()
    assert event["models"] == {"tiny": "ab" * 32}
    assert event["parameters"] == infotext(ORIGIN)


def test_show_prints_what_others_wrote_and_replay_refuses_it(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "other.png"
    save_png(torch.zeros(3, 16, 16), path, {"parameters": "a cat\x1b[2J\nSteps: 20, Seed: 5"})
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert out == "a cat?[2J\nSteps: 20, Seed: 5\n"
    assert main(["replay", str(path)]) == 2
    assert "another program" in capsys.readouterr().err
    save_png(torch.zeros(3, 16, 16), path)
    assert read_tags(path) == {}
    with pytest.raises(ClipartError, match="no recipe of clipart's in it"):
        read_origin(path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The recipes that would have been run."""
    recipes: list[Any] = []

    def run(recipe: Any, *_: Any) -> None:
        recipes.append(recipe)
        raise ClipartError("enough")

    monkeypatch.setattr(clipart.runs, "run", run)
    return recipes


def test_replay_changes_what_is_typed(asked: list[Any], tmp_path: Path, capsys: Any) -> None:
    recipe = RECIPE.with_(init=None)
    path = str(save(tmp_path / "a.png", Origin(recipe)))
    assert main(["replay", path]) == 1
    assert main(["replay", path, "--seed", "8", "--steps", "800", "--size", "64x32", "--no", "ink"]) == 1
    assert main(["replay", path, "a tart::3", "--preset", "draft"]) == 1
    same, changed, other = asked
    assert same == recipe.resolve()
    assert changed == recipe.with_(seed=8, steps=800, width=64, height=32, no=("ink",)).resolve()
    assert (other.prompt, other.seed, other.width) == ("a tart::3", 7, 128)
    capsys.readouterr()
    for args, says in [
        ([], "Replay what?"),
        ([path, "a", "b"], "one prompt"),
        (["no.png"], "could not be read"),
    ]:
        assert main(["replay", *args]) == 2
        assert says in capsys.readouterr().err


def test_replay_takes_a_picture_to_start_from_only_if_it_is_typed(asked: list[Any], tmp_path: Path) -> None:
    path = str(save(tmp_path / "a.png"))
    assert main(["replay", path]) == 2
    assert main(["replay", path, "--init", "mine.png"]) == 1
    assert [recipe.init for recipe in asked] == ["mine.png"]
