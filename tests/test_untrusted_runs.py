"""A run that somebody else sent, or that a machine has damaged: it is refused, or goes on from what is whole."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from clipart.cli import main
from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.iterates import Iterate
from clipart.models.home import home
from clipart.recipe import make_recipe
from clipart.record import checkpoint
from clipart.record.checkpoint import checkpoints, latest, load
from clipart.record.header import KEY, stamped
from clipart.record.log import read_log
from clipart.record.metadata import read_origin
from clipart.runs import Outputs, generate, resume, run

Settings = dict[str, Any]
OUTPUTS: Settings = {"video": "none", "checkpoint_every": 1, "checkpoint_gap": 0.0}


@pytest.fixture
def left(settings: Settings, tmp_path: Path) -> Path:
    """The folder of a run of two steps, with a checkpoint of each."""
    result = run(make_recipe(settings | {"steps": 2}), Outputs(folder=tmp_path / "out", **OUTPUTS))
    return result.paths["picture"].parent


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> None:
    """Write the checkpoint at `path` again as somebody would who knows the format, but not the key."""
    with safe_open(path, "pt") as file:
        values = json.loads(file.metadata()[KEY])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(values, tensors)
    marks = stamped(json.dumps(values), tensors) | {"clipart.seal": "0" * 64}
    save_file(tensors, path, metadata=marks)


# --- what it may choose -------------------------------------------------------------------------------


def test_a_model_in_a_file_is_the_choice_of_a_person(
    left: Path, random_clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert latest(left).is_ours
    assert resume(left).steps == 2  # of this machine: whoever ran it has typed the model
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "another machine"))
    assert not latest(left).is_ours
    with pytest.raises(UsageError, match=r"must not choose files.*--clip local-dir:"):
        resume(left)
    capsys.readouterr()
    assert main(["resume", str(left), "-q"]) == 2
    assert "--clip local-dir:" in capsys.readouterr().err
    assert main(["resume", str(left), "--clip", "local-dir:/etc", "-q"]) == 2
    assert "a run goes on with its own models" in capsys.readouterr().err
    assert main(["resume", str(left), "--clip", random_clip, "-q"]) == 0
    assert resume(left, steps=3, allowed={"clip": (random_clip,)}).steps == 3
    assert latest(left).is_ours


@pytest.mark.parametrize(
    "setting", [{"judge": "local-dir:/etc"}, {"vqgan": "/etc/passwd", "canvas": "vqgan"}]
)
def test_a_changed_recipe_looks_nothing_up(left: Path, random_clip: str, setting: Settings) -> None:
    for path in checkpoints(left / "checkpoints"):
        rewrite(path, lambda values, _: values["recipe"].update(setting))
    name = next(iter(setting))
    with pytest.raises(UsageError, match=rf"\({name}\), and a recipe or a preset must not choose"):
        resume(left, allowed={"clip": (random_clip,)})


def test_the_picture_that_it_began_with_is_not_read_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_clip: str
) -> None:
    Image.linear_gradient("L").save(tmp_path / "start.png")
    began = make_recipe(settings | {"steps": 1, "init": str(tmp_path / "start.png")})
    folder = run(began, Outputs(folder=tmp_path / "out", **OUTPUTS)).paths["picture"].parent
    (tmp_path / "start.png").unlink()
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "another machine"))
    assert resume(folder, steps=2, allowed={"clip": (random_clip,)}).steps == 2


def test_no_key_is_no_seal(left: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (home() / "seal.key").stat().st_mode & 0o777 == 0o600 or os.name != "posix"
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "file"))
    saved = latest(left)
    assert not saved.is_ours
    assert len(saved.run) == 32


def test_a_preset_may_not_choose_a_picture(settings: Settings, tmp_path: Path, capsys: Any) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('init = "/etc/passwd"\n')
    given = {key: value for key, value in settings.items() if key != "prompt"}
    with pytest.raises(UsageError, match="the file /etc/passwd"):
        generate("apple", preset=str(preset), outputs=Outputs(folder=None), **given)
    assert main(["apple", "--preset", str(preset), "--folder", str(tmp_path / "out")]) == 2
    assert "must not choose files of yours. If you want that, say so: --init" in capsys.readouterr().err
    (tmp_path / "recipe.toml").write_text('prompt = "apple"\n')
    assert main(["replay", str(tmp_path / "recipe.toml"), "--preset", str(preset)]) == 2
    assert "--init /etc/passwd" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- damage -------------------------------------------------------------------------------------------


def test_no_changed_byte_goes_unnoticed(left: Path) -> None:
    path = checkpoints(left / "checkpoints")[-1]
    whole, chance = path.read_bytes(), random.Random(0)  # noqa: S311 (places, not secrets)
    start = 8 + int.from_bytes(whole[:8], "little")
    places = [
        *(chance.randrange(start) for _ in range(150)),
        *(chance.randrange(start, len(whole)) for _ in range(50)),
    ]
    loaded = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            saved = load(path)
        except ClipartError:
            continue
        loaded += 1  # the seal itself was hit, or spaces: it loads, as from elsewhere or as it is
        path.write_bytes(whole)
        same = load(path)
        assert (saved.recipe, saved.step, saved.stop) == (same.recipe, same.step, same.stop)
        assert all(torch.equal(saved.tensors[name], same.tensors[name]) for name in same.tensors)
    assert loaded < 40


def spoil(path: Path, what: str) -> None:
    """Put something in the place of a checkpoint."""
    if what == "bit":
        data = bytearray(path.read_bytes())
        data[-40] ^= 1
        path.write_bytes(data)
    elif what == "nan":
        rewrite(path, lambda _, tensors: tensors["shown"].view(-1)[:1].fill_(float("nan")))
    elif what == "version":
        rewrite(path, lambda values, _: values.update(format=99))
    elif what == "infinity":
        rewrite(path, lambda values, _: values.update(step=float("inf")))
    elif what == "depth":
        save_file({}, path, metadata={KEY: "[" * 100_000})
    elif what == "empty":
        save_file({}, path)
    else:
        path.unlink()
        {
            "folder": path.mkdir,
            "pipe": lambda: os.mkfifo(path),
            "link": lambda: path.symlink_to("/etc/passwd"),
        }[what]()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize(
    "what", ["bit", "nan", "version", "infinity", "depth", "empty", "folder", "pipe", "link"]
)
def test_what_cannot_be_used_gives_way_to_the_one_before(left: Path, what: str) -> None:
    spoil(checkpoints(left / "checkpoints")[-1], what)
    told: list[str] = []
    assert latest(left, told.append).step == 1
    assert len(told) == 1
    assert told[0].endswith("Taking the one before.")
    assert "step-0000002" in told[0]


def test_a_file_that_is_too_large_is_not_loaded(left: Path) -> None:
    path = checkpoints(left / "checkpoints")[-1]
    bound = checkpoint.MAX_BASE_BYTES + checkpoint.MAX_PIXEL_BYTES * 40 * 40
    with safe_open(path, "pt") as whole:
        marks = whole.metadata()
    tensor = {"dtype": "U8", "shape": [bound], "data_offsets": [0, bound]}
    head = json.dumps({"__metadata__": marks, "a": tensor}).encode()
    with path.open("wb") as file:  # a file with a hole: it takes no room on the disk
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + bound)
    with pytest.raises(ClipartError, match="larger than"):
        load(path)


def test_a_folder_in_the_way_is_said_and_the_picture_kept(left: Path) -> None:
    spoil(checkpoints(left / "checkpoints")[-1], "folder")
    with pytest.raises(
        UsageError, match=r"step-0000002\.safetensors is a folder.*\n.*step 2 is in .*picture\.png"
    ):
        resume(left)


def test_another_runs_checkpoints_are_refused(left: Path, settings: Settings, tmp_path: Path) -> None:
    other = run(make_recipe(settings | {"steps": 3, "seed": 8}), Outputs(folder=tmp_path / "b", **OUTPUTS))
    theirs = checkpoints(other.paths["picture"].parent / "checkpoints")[-1]
    shutil.copy(theirs, left / "checkpoints")
    told: list[str] = []
    result = resume(left, tell=told.append)
    assert "a checkpoint of another run" in told[0]
    assert (result.steps, result.recipe.seed) == (2, 7)
    shutil.rmtree(left / "checkpoints")
    shutil.copytree(theirs.parent, left / "checkpoints")
    with pytest.raises(ClipartError, match="a checkpoint of another run"):
        resume(left)


@pytest.mark.parametrize("line", [b"\0\0\0\0\n", b'{"v":1,"step":1e999}\n', b"\xff\n", b"[" * 50_000 + b"\n"])
def test_a_bad_line_in_the_log_is_cut_off(left: Path, line: bytes) -> None:
    log = left / "log.jsonl"
    log.write_bytes(log.read_bytes() + line)
    told: list[str] = []
    assert resume(left, steps=3, tell=told.append).steps == 3
    assert [each.step for each in read_log(log)] == [0, 1, 2, 3]
    assert told == [f"{log}, line 4: not a line of a clipart log. The log goes on from before it."]


# --- trouble on the way -------------------------------------------------------------------------------


def test_a_run_that_goes_on_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    refused: list[str] = []

    def intrude(it: Iterate) -> None:
        if it.step == 2:
            (folder,) = (tmp_path / "out").iterdir()
            with pytest.raises(UsageError, match=f"still going on, in process {os.getpid()}") as caught:
                resume(folder)
            refused.append(str(caught.value))
            assert main(["resume", str(folder), "-q"]) == 2

    result = run(make_recipe(settings), Outputs(folder=tmp_path / "out", **OUTPUTS), [intrude])
    assert len(refused) == 1
    assert (result.stop, result.steps) == ("steps", 6)
    assert not list(result.paths["picture"].parent.rglob(".*"))


@pytest.mark.parametrize("words", ["I/O error: No space left on device (os error 28)", "(os error 122)"])
def test_a_full_disk_leaves_the_finished_picture(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    real, count = save_file, 0

    def full(*args: Any, **more: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise SafetensorError(words)
        real(*args, **more)

    monkeypatch.setattr(checkpoint, "save_file", full)
    recipe = make_recipe(settings | {"upscale": 2})
    with pytest.raises(ResourceError, match=r"disk is full.*\n.*step 3 is in .*picture\.png"):
        run(recipe, Outputs(folder=tmp_path / "out", **OUTPUTS))
    (folder,) = (tmp_path / "out").iterdir()
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (80, 80)  # it went through the finish
    assert read_origin(folder / "picture.png").recipe.prompt == "apple:: tart::"
    assert latest(folder).step == 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux")
def test_a_folder_that_is_moved_on_the_way_keeps_its_run(settings: Settings, tmp_path: Path) -> None:
    def move(it: Iterate) -> None:
        if it.step == 2:
            next((tmp_path / "out").iterdir()).rename(tmp_path / "moved")

    outputs = Outputs(folder=tmp_path / "out", **OUTPUTS | {"video": "mp4", "video_seconds": 0.2})
    result = run(make_recipe(settings), outputs, [move])
    assert {path.parent for path in result.paths.values()} == {tmp_path / "moved"}
    assert all(path.is_file() for path in result.paths.values())
    assert resume(tmp_path / "moved").steps == 6


@pytest.mark.skipif(os.name != "posix", reason="open files are removed")
@pytest.mark.parametrize("every", [1, 0])
def test_a_folder_that_is_removed_on_the_way(settings: Settings, tmp_path: Path, every: int) -> None:
    def remove(it: Iterate) -> None:
        if it.step == 2:
            shutil.rmtree(next((tmp_path / "out").iterdir()))

    outputs = Outputs(folder=tmp_path / "out", **OUTPUTS | {"checkpoint_every": every})
    with pytest.raises(ResourceError, match="removed while it was in use") as caught:
        run(make_recipe(settings), outputs, [remove])
    (picture,) = (tmp_path / "out").iterdir()
    assert str(caught.value).endswith(f"is in {picture}")
    with Image.open(picture) as opened:
        assert opened.size == (40, 40)
