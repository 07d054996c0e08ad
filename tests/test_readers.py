"""Every reader of files, fed with broken ones: it reads, or it says what is wrong; nothing else comes out."""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from attacks import pictures, taming_checkpoint
from attacks.mutations import mutated
from safetensors.torch import save_file

from clipart.errors import ClipartError
from clipart.models import ledger
from clipart.models.convert import convert, read_config
from clipart.models.source import find_source, find_tokenizer, side
from clipart.models.vqgan import METADATA, load_vqgan
from clipart.models.weights import read_tensors
from clipart.pictures import open_picture
from clipart.presets import load_preset
from clipart.recipe import make_recipe
from clipart.record.encoders import FORMATS
from clipart.record.metadata import Origin, read_origin, tags, versions
from clipart.record.recorder import Recorder
from clipart.record.render import Film, render
from clipart.record.trajectory import Trajectory
from clipart.record.writers import KINDS, save_picture

CPU, IMAGE = torch.device("cpu"), torch.linspace(0, 1, 3 * 16 * 16).reshape(3, 16, 16)
SECONDS = 5  # that one file may take on a busy machine
Case = tuple[dict[str, bytes], Callable[[Path], Any]]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, random_clip: str) -> dict[str, Case]:
    """For each reader: valid files by name, and how one is read."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        "picture": (pictures.whole() | pictures.deep(), open_picture),
        "recipe in a picture": (_with_recipe(folder), read_origin),
        "recipe": ({"recipe.toml": _recipe_toml()}, read_origin),
        "preset": (_presets(), lambda path: load_preset(str(path))),
        "film": (_films(folder), _film),
        "open_clip_config": (_configs(random_clip), lambda path: _config(path, random_clip)),
        "ledger": ({"models.json": _ledger()}, lambda path: ledger.read()),
        **_models(folder),
    }


READERS = (
    *("picture", "recipe in a picture", "recipe", "preset", "film", "open_clip_config", "ledger"),
    *("yaml", "checkpoint of taming's", "weights", "vqgan"),
)
COUNT = int(os.environ.get("CLIPART_BROKEN_FILES", "200"))  # for each reader


@pytest.mark.parametrize("reader", READERS)
def test_whole_files_are_read(reader: str, cases: dict[str, Case], tmp_path: Path, home_here: None) -> None:
    files, read = cases[reader]
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        read(path)


@pytest.mark.parametrize("reader", READERS)
def test_broken_files_are_refused(
    reader: str, cases: dict[str, Case], tmp_path: Path, home_here: None, capfd: pytest.CaptureFixture[str]
) -> None:
    files, read = cases[reader]
    refused, slow = 0, []
    for name, data in mutated(files, COUNT, seed=8):
        path = tmp_path / name
        path.write_bytes(data)
        began = time.monotonic()
        try:
            read(path)
        except ClipartError as error:
            refused += 1
            message = str(error)
            if len(message) > 4000:
                slow.append(f"{name}: a message of {len(message)} characters")
        except BaseException as error:
            (kept := Path(tempfile.gettempdir()) / f"broken-{name}").write_bytes(data)
            raise AssertionError(f"{type(error).__name__} of {kept}: {error}") from error
        if time.monotonic() - began > SECONDS:
            slow.append(name)
    assert not slow
    assert refused > 20
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def home_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path))


def _origin() -> Origin:
    values: dict[str, Any] = {
        "prompt": "apple:: (tart:1.2)::0.5",
        "no": ("fog",),
        "seed": 7,
        "until": "80%",
        "finish": "clean,upscale:2",
        "stages": [{"name": "a", "share": 1, "lr": 0.2}, {"name": "b", "share": 2}],
    }
    return Origin(make_recipe(values), {"tiny": "ab" * 32}, versions())


def _with_recipe(folder: Path) -> dict[str, bytes]:
    texts, files = tags(_origin()), {}
    for suffix in KINDS:
        save_picture(IMAGE, folder / f"r{suffix}", texts)
        files[f"r{suffix}"] = (folder / f"r{suffix}").read_bytes()
    with Recorder(folder / "trajectory.mkv", 16, 16) as recorder:
        for step in range(3):
            recorder.add(IMAGE, step, last=step == 2)
    for kind in FORMATS:
        path = folder / f"r-film.{kind}"
        render(Trajectory([folder / "trajectory.mkv"]), path, Film(seconds=0.2), None, texts)
        files[path.name] = path.read_bytes()
    return files


def _recipe_toml() -> bytes:
    from clipart.presets import dump_recipe

    return dump_recipe(_origin().recipe).encode()


def _presets() -> dict[str, bytes]:
    folder = Path(__file__).parents[1] / "presets"
    return {path.name: path.read_bytes() for path in folder.glob("*.toml")}


def _films(folder: Path) -> dict[str, bytes]:
    with Recorder(folder / "film.mkv", 32, 16) as recorder:
        for step in range(6):
            recorder.add(torch.rand(3, 16, 32), step, last=step == 5)
    files = {"film.mkv": (folder / "film.mkv").read_bytes()}
    for kind in ("mp4", "webm", "gif", "apng"):
        path = folder / f"film.{kind}"
        render(Trajectory([folder / "film.mkv"]), path, Film(seconds=0.2))
        files[path.name] = path.read_bytes()
    packed = io.BytesIO()
    with av.open(packed, "w", format="avi") as container:
        stream = container.add_stream("mpeg4", 25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for packet in (*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode()):
            container.mux(packet)
    return files | {"film.avi": packed.getvalue()}


def _film(path: Path) -> None:
    for frame in Trajectory([path]).frames():
        frame.to_ndarray()


def _configs(random_clip: str) -> dict[str, bytes]:
    full = json.loads((Path(random_clip.removeprefix("local-dir:")) / "open_clip_config.json").read_text())
    full["model_cfg"]["text_cfg"] |= {"tokenizer_kwargs": {"clean": "lower"}, "pool_type": "argmax"}
    full["preprocess_cfg"] |= {"interpolation": "bicubic", "size": [32, 32]}
    return {"open_clip_config.json": json.dumps(full).encode()}


def _config(path: Path, random_clip: str) -> None:
    weights = path.with_name("open_clip_model.safetensors")
    if not weights.exists():
        weights.symlink_to(Path(random_clip.removeprefix("local-dir:")) / weights.name)
    name = f"local-dir:{path.parent}"
    find_source(name).identity()
    find_tokenizer(name)
    side(name)


def _ledger() -> bytes:
    record = {"name": "a", "sha256": "ab" * 32, "size": 3, "commit": "c"}
    return json.dumps({"version": 1, "files": {"o/r@main/f": record, "o/r@main/g": record}}).encode()


def _models(folder: Path) -> dict[str, Case]:
    yaml_file, zipped = taming_checkpoint.write(folder)
    whole_yaml = yaml_file.read_bytes()
    old = folder / "old"
    old.mkdir()
    _, legacy = taming_checkpoint.write(old, legacy=True)
    state = {"a": torch.ones(3, 4), "b": torch.arange(5), "c": torch.ones(2, dtype=torch.float16)}
    torch.save({"state_dict": state, "epoch": 3}, folder / "w.pt")
    torch.save(state, folder / "w.bin", _use_new_zipfile_serialization=False)
    save_file(state, folder / "w.safetensors")
    tensors, about = convert(yaml_file, zipped)
    save_file(tensors, folder / "v.safetensors", {METADATA: about[METADATA]})
    weights = ("w.pt", "w.bin", "w.safetensors")
    return {
        "yaml": ({"config.yaml": whole_yaml}, read_config),
        "checkpoint of taming's": (
            {"new.ckpt": zipped.read_bytes(), "old.ckpt": legacy.read_bytes()},
            lambda path: convert(yaml_file, path),
        ),
        "weights": ({name: (folder / name).read_bytes() for name in weights}, read_tensors),
        "vqgan": (
            {"v.safetensors": (folder / "v.safetensors").read_bytes()},
            lambda path: load_vqgan(str(path), CPU),
        ),
    }
