"""Files of older versions, kept in tests/formats, are read and go on: recipes, pictures, checkpoints, logs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

import clipart
from clipart.cli import main
from clipart.presets import load_recipe
from clipart.record import checkpoint, metadata
from clipart.record.log import read_log

HERE = Path(__file__).parent / "formats"


def old_run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE / "run-2", tmp_path / "run"))


def test_a_recipe_without_a_list_of_what_was_left_open(tmp_path: Path) -> None:
    recipe = load_recipe(HERE / "recipe-1.toml")
    assert (recipe.layout, recipe.optimizer, recipe.left, recipe.finish) == ("auto", "auto", (), ("clean",))
    settled = recipe.resolve()
    assert (settled.layout, settled.optimizer, settled.starts) == ("apart", "sgd", 1)
    assert "starts" not in settled.left  # it was typed
    assert {"layout", "optimizer", "judge"} <= set(settled.left)


def test_a_picture_of_format_1(capsys: pytest.CaptureFixture[str]) -> None:
    origin = metadata.read_origin(HERE / "picture-1.png")
    assert (origin.recipe.prompt, origin.recipe.width, origin.recipe.seed) == ("apple:: tart::", 32, 1)
    assert main(["show", str(HERE / "picture-1.png")]) == 0
    assert 'prompt = "apple:: tart::"' in capsys.readouterr().out


@pytest.mark.parametrize("old", ["multires", "shapes"])
def test_a_checkpoint_of_format_2_goes_on(old: str, tmp_path: Path) -> None:
    run = old_run(tmp_path)
    if old == "multires":
        shutil.copy(HERE / "checkpoint-2.safetensors", run / "checkpoints" / "step-0000006.safetensors")
    saved = checkpoint.latest(run)
    assert (saved.recipe.canvas, saved.step) == (old, 6)
    assert all(not name.startswith("proposer/") for name in saved.tensors)
    result = clipart.resume(run, steps=8)
    assert (result.steps, result.stop) == (8, "steps")
    assert result.recipe.left
    assert [line.step for line in read_log(run / "log.jsonl")] == list(range(9))
    with Image.open(run / "picture.png") as picture:
        assert picture.size == (32, 16)
    assert checkpoint.latest(run).recipe == result.recipe  # and is of today's format


def test_a_checkpoint_of_format_3_goes_on(tmp_path: Path) -> None:
    run = old_run(tmp_path)
    shutil.copy(HERE / "checkpoint-3.safetensors", run / "checkpoints" / "step-0000006.safetensors")
    saved = checkpoint.latest(run)
    assert (saved.recipe.canvas, saved.step, saved.run, saved.is_ours) == ("multires", 6, "", False)
    assert clipart.resume(run, steps=7).steps == 7
    new = checkpoint.latest(run)
    assert (len(new.run), new.is_ours) == (32, True)
    with safe_open(new.path, "pt") as file:
        assert '"format": 4' in file.metadata()["clipart.checkpoint"]


def test_docs_name_every_format() -> None:
    text = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for number in checkpoint.READS:
        assert f"| checkpoint | {number} |" in text
    for number in metadata.READS:
        assert f"| recipe in a picture or film | {number} |" in text
