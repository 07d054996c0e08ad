"""Small files that ask for much: each is refused by a bound that is named, at once and in little memory."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from attacks import large, taming_checkpoint

from clipart.critic.clip import load_clip
from clipart.errors import ClipartError, ModelError, UsageError
from clipart.models.convert import convert, read_config
from clipart.models.pickles import LEGACY
from clipart.models.source import find_source, find_tokenizer
from clipart.models.weights import read_tensors
from clipart.presets import load_preset, load_recipe
from clipart.recipe import Recipe
from clipart.record.metadata import Origin, read_origin, tags
from clipart.record.recorder import Recorder
from clipart.record.render import Film, render
from clipart.record.trajectory import Trajectory, open_trajectory

SECONDS, MEGABYTES = 4, 600  # on a busy machine, and above what was in use; an RN50 takes 400


@pytest.fixture(autouse=True)
def cheap() -> Iterator[None]:
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - began < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024


@pytest.mark.parametrize("name", ["same.png", "others.png", "long.png"])
def test_pictures_full_of_texts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(large.texts()[name])
    with pytest.raises(UsageError, match="more than 1000 texts, or 16 MiB"):
        read_origin(tmp_path / name)


def test_the_first_text_of_a_keyword_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(large.texts()["honest-and-same.png"])
    assert read_origin(tmp_path / "a.png").recipe.prompt == "apple"


@pytest.mark.parametrize("name", large.toml())
def test_recipes_and_presets_that_are_long(tmp_path: Path, name: str) -> None:
    text = large.toml()[name]
    (tmp_path / name).write_text(text)
    (tmp_path / f"r-{name}").write_text(f'prompt = "apple"\n{text}')
    for read in (lambda: load_preset(str(tmp_path / name)), lambda: load_recipe(tmp_path / f"r-{name}")):
        with pytest.raises(UsageError) as error:
            read()
        assert len(str(error.value)) < 4000


def test_presets_that_extend_one_another(tmp_path: Path) -> None:
    assert load_preset(str(large.chained(tmp_path, 10))).settings == {"steps": 5}
    with pytest.raises(UsageError, match="more than 20 presets extend"):
        load_preset(str(large.chained(tmp_path, 3000)))


@pytest.mark.parametrize("name", large.yaml())
def test_configurations_that_are_deep(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(large.yaml()[name])
    with pytest.raises(ModelError, match=r"16 levels deep|not a YAML file|describes no VQGAN"):
        read_config(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "form"),
    [*((name, "zip") for name in large.pickles()), ("tuples-as-key", "legacy"), ("equal-hashes", "legacy")],
)
def test_pickles_that_end_python_or_keep_it_busy(tmp_path: Path, name: str, form: str) -> None:
    config, _ = taming_checkpoint.write(tmp_path)
    program = large.pickles()[name]
    data = large.archive(program) if form == "zip" else LEGACY + program
    for path, read in (
        (tmp_path / "a.ckpt", lambda path: convert(config, path)),
        (tmp_path / "a.pt", read_tensors),
        (tmp_path / "a.bin", read_tensors),
    ):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"refused|cannot be read|can be read"):
            read(path)


def test_weights_by_another_spelling_are_no_pickle(tmp_path: Path, random_clip: str) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "e.SAFETENSORS")
    with pytest.raises(ModelError, match="not readable as safetensors"):
        load_clip(f"RN50@{tmp_path / 'e.SAFETENSORS'}", torch.device("cpu"))


@pytest.mark.parametrize("kind", ["apng", "gif"])
@pytest.mark.parametrize("side", [9000, 16_000, 65_000])
def test_films_of_large_frames(tmp_path: Path, kind: str, side: int) -> None:
    (tmp_path / f"a.{kind}").write_bytes(large.big_film(kind, side))
    with pytest.raises(ClipartError, match=r"frames are too large|could not be read"):
        list(Trajectory([tmp_path / f"a.{kind}"]).frames())


@pytest.mark.parametrize(
    "data",
    [
        b"ffconcat version 1.0\nfile secret.mp4\n",
        b"#EXTM3U\n#EXTINF:1\nsecret.mp4\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 1 RTP/AVP 96\r\n",
        b"<?xml version='1.0'?><MPD/>",
        b"",
    ],
)
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_lists_of_other_films_are_no_films(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=r"could not be read as a film\. It has to be Matroska"):
        open_trajectory(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "pipe:0", "data:x", "/dev/zero"]
)
def test_names_are_no_protocols(name: str) -> None:
    with pytest.raises(UsageError, match=r"no such file|no ordinary file"):
        open_trajectory(Path(name))


def filmed(path: Path, **texts: str) -> Path:
    with Recorder(path.with_suffix(".mkv"), 32, 16) as recorder:
        for step in range(3):
            recorder.add(torch.rand(3, 16, 32), step, last=step == 2)
    if path.suffix != ".mkv":
        render(Trajectory([path.with_suffix(".mkv")]), path, Film(seconds=0.2), None, texts)
    return path


def test_a_film_in_a_folder_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b", "http:", os.fsdecode(b"caf\xe9")):
        Path(name).mkdir()
        for kind in ("mp4", "webm", "gif", "apng", "webp"):
            assert filmed(Path(name, f"c.{kind}")).stat().st_size > 0
        assert open_trajectory(Path(name, "c.mp4")).steps


def test_tags_that_are_no_utf_8(tmp_path: Path) -> None:
    texts = tags(Origin(Recipe(prompt="marker", seed=1)))
    path = filmed(tmp_path / "a.mp4", **texts)
    path.write_bytes(path.read_bytes().replace(b"marker", b"mark\xe9\xff"))
    assert open_trajectory(path).steps
    assert "mark" in read_origin(path).recipe.prompt


def test_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    path = filmed(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))
    with pytest.raises(ClipartError, match=r"a\.mkv: (nothing here decodes|its frames|could not|no film)"):
        list(open_trajectory(path).frames())


def configured(folder: Path, random_clip: str, change: Any) -> str:
    whole = Path(random_clip.removeprefix("local-dir:"))
    values = json.loads((whole / "open_clip_config.json").read_text())
    change(values["model_cfg"])
    (folder / "open_clip_config.json").write_text(json.dumps(values))
    (folder / "open_clip_model.safetensors").symlink_to(whole / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


@pytest.mark.parametrize(
    ("part", "key", "value", "says"),
    [
        ("text_cfg", "tokenizer_kwargs", {"bpe_path": "/etc/passwd"}, "bpe_path is no key"),
        ("text_cfg", "tokenizer_kwargs", None, "tokenizer_kwargs"),
        ("text_cfg", "hf_model_pretrained", True, "hf_model_pretrained is no key"),
        ("text_cfg", "layers", 100_000, "layers"),
        ("text_cfg", "layers", "2", "layers"),
        ("text_cfg", "width", 16_384, "cannot be loaded"),
        ("text_cfg", "vocab_size", 900_000, "cannot be loaded"),
        ("vision_cfg", "width", 4096, "cannot be loaded"),
        ("vision_cfg", "image_size", 10**9, "image_size"),
        ("vision_cfg", "patch_size", 0, "patch_size"),
        ("vision_cfg", "timm_model_pretrained", True, "timm_model_pretrained"),
        ("vision_cfg", "timm_model_name", "../../x", "timm_model_name"),
        ("vision_cfg", "layers", [3, 4, 6], "layers"),
        ("vision_cfg", "mlp_ratio", 1e308, "mlp_ratio"),
        ("vision_cfg", "act_kwargs", {"inplace": 1}, "act_kwargs"),
        (None, "vision_cfg", 3, "vision_cfg"),
        (None, "embed_dim", None, "embed_dim"),
        (None, "import", "os", "import is no key"),
    ],
)
def test_a_configuration_has_allowed_keys_only(
    tmp_path: Path, random_clip: str, part: str | None, key: str, value: Any, says: str
) -> None:
    name = configured(
        tmp_path, random_clip, lambda model: (model[part] if part else model).update({key: value})
    )
    with pytest.raises(ModelError, match=says):
        find_source(name)


@pytest.mark.skipif(os.name != "posix", reason="a pipe with a name")
def test_a_pipe_for_a_configuration_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "open_clip_config.json")
    with pytest.raises(ModelError, match=r"no open_clip_config\.json|no ordinary file"):
        find_tokenizer(f"local-dir:{tmp_path}")


@pytest.mark.parametrize("device", ["cuda:" + "9" * 20, "cuda:0x1", "cuda:-1", "cuda:٣", "cuda:"])
def test_an_index_of_a_device_is_a_small_number(device: str) -> None:
    with pytest.raises(UsageError, match="device"):
        Recipe(prompt="apple", device=device)
