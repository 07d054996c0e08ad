"""Every way of naming a CLIP, with random weights: how it is found, what it is then, how it is used."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import Conv2d

from clipart.critic.clip import Clip, load_clip
from clipart.critic.regularisers import REGULARISERS
from clipart.errors import ModelError, UsageError
from clipart.loop import iterate
from clipart.models import registry, store
from clipart.models.tokens import tokens
from clipart.models.weights import read_tensors
from clipart.recipe import make_recipe

CPU = torch.device("cpu")
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def vit_b_32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ViT-B-32 with random weights as a file of 300 MB, half a float each."""
    import open_clip

    path = tmp_path_factory.mktemp("checkpoints") / "random.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model("ViT-B-32", precision="pure_fp16")
    save_file(model.state_dict(), path)
    return path


@pytest.fixture
def another_clip(random_clip: str, tmp_path: Path) -> str:
    """The small CLIP with another input size and mean."""
    given = Path(random_clip.removeprefix("local-dir:"))
    config = json.loads((given / store.CONFIG).read_text())
    config["model_cfg"]["vision_cfg"]["image_size"] = 48
    config["preprocess_cfg"] = {"mean": [0.4, 0.4, 0.4], "std": [0.3, 0.3, 0.3]}
    weights = load_file(given / store.WEIGHTS[0])
    table = weights["visual.positional_embedding"]
    weights["visual.positional_embedding"] = torch.cat([table, table, table])[: 1 + 6 * 6].contiguous()
    folder = tmp_path / "another"
    folder.mkdir()
    save_file(weights, folder / store.WEIGHTS[0])
    (folder / store.CONFIG).write_text(json.dumps(config))
    return f"local-dir:{folder}"


def see(clip: Clip) -> torch.Tensor:
    picture = torch.linspace(0, 1, 3 * clip.side**2).view(1, 3, clip.side, clip.side)
    return clip.encode_images(picture)


def activations(clip: Clip) -> set[str]:
    return {type(module).__name__ for module in clip._model.modules() if "GELU" in type(module).__name__}


def test_vit_b_32_from_a_file_and_from_a_name(vit_b_32: Path) -> None:
    """One model three times: as safetensors, as a pickle, as open_clip's name for it put there by hand."""
    clip = load_clip(f"ViT-B-32@{vit_b_32}", CPU, "float32")
    assert (clip.side, clip.encode_texts(["apple"]).shape) == (224, (1, 512))
    assert torch.allclose(clip._mean.flatten(), torch.tensor(OPENAI_MEAN))
    assert activations(clip) == {"GELU"}
    given = load_file(vit_b_32)["visual.conv1.weight"].float()
    assert torch.equal(clip._model.visual.conv1.weight, given)
    seen = see(clip)
    del clip

    pickled = vit_b_32.with_suffix(".pt")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in load_file(vit_b_32).items()}}, pickled
    )
    assert torch.equal(see(load_clip(f"ViT-B-32@{pickled}", CPU, "float32")), seen)
    pickled.unlink()

    folder = store.by_hand(registry.find("ViT-B-32/openai"))
    folder.mkdir(parents=True)
    os.link(vit_b_32, folder / store.WEIGHTS[0])
    openai = load_clip("ViT-B-32/openai", CPU, "float32")
    assert activations(openai) == {"QuickGELU"}
    assert not torch.allclose(see(openai), seen)


def test_a_name_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(ModelError, match=r"599 MB[\s\S]*clipart models pull ViT-B-16") as caught:
        load_clip("ViT-B-16", CPU)
    assert str(store.by_hand(registry.find("ViT-B-16"))) in str(caught.value)


def test_an_ensemble_of_two_sizes(random_clip: str, another_clip: str, settings: dict[str, object]) -> None:
    clips = {name: load_clip(name, CPU, "float32") for name in (random_clip, another_clip)}
    assert [clip.side for clip in clips.values()] == [32, 48]
    assert float(clips[another_clip]._mean[0]) == pytest.approx(0.4)
    clip_and_judge = {"clip": (f"{random_clip}::3", another_clip), "judge": another_clip}
    recipe = make_recipe(settings | clip_and_judge | dict.fromkeys(REGULARISERS, 0.0))
    last = list(iterate(recipe))[-1]
    first, second = (last.losses[f"{name}/apple"] + last.losses[f"{name}/tart"] for name in clips)
    assert last.losses["total"] == pytest.approx((0.75 * first + 0.25 * second) / 2, abs=1e-5)
    assert last.check.readings[0].text == "apple"
    alone = list(iterate(make_recipe(settings)))[-1]
    assert not torch.equal(last.image, alone.image)


def test_a_repository_of_the_hub(random_clip: str) -> None:
    """As it lies in the cache of the hub's client; `test_store` fetches it there."""
    given = Path(random_clip.removeprefix("local-dir:"))
    name = "hf-hub:acme/random-clip"
    folder = store.by_hand(registry.find(name))
    folder.mkdir(parents=True)
    for file in (store.CONFIG, store.WEIGHTS[0]):
        (folder / file).write_bytes((given / file).read_bytes())
    assert torch.equal(see(load_clip(name, CPU)), see(load_clip(random_clip, CPU)))
    assert tokens(name, "an apple") == (["an</w>", "apple</w>"], 14)


@pytest.mark.parametrize("name", ["tiny", "ViT-B-32", "ViT-B-32/openai", "ViT-L-14@weights.pt"])
def test_tokens_need_no_weights(name: str) -> None:
    pieces, limit = tokens(name, "an apple")
    assert pieces == ["an</w>", "apple</w>"]
    assert limit > 10


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tinny", "Did you mean tiny"),
        ("ViT-B-33/openai", "Did you mean ViT-B-32/openai"),
        ("ViT-B-33@weights.pt", "Did you mean ViT-B-32"),
        ("ViT-B-32@/nowhere/weights.pt", "there is no file /nowhere"),
        ("ViT-B-32@", "ARCHITECTURE@FILE"),
        ("local-dir:/nowhere", r"there is no open_clip_config\.json"),
        ("ViT-B-16-SigLIP/webli", "clipart models pull ViT-B-16-SigLIP/webli"),
        ("roberta-ViT-B-32/laion2b_s12b_b32k", "text tower of transformers are not supported"),
        ("hf-hub:acme/nothing", "clipart models pull hf-hub:acme/nothing"),
    ],
)
def test_what_cannot_be_loaded_says_why(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_clip(name, CPU)


class Exploit:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pth", ".safetensors"])
def test_a_pickle_that_would_run_something_does_not(tmp_path: Path, suffix: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / f"evil{suffix}"
    torch.save({"visual.conv1.weight": torch.zeros(2), "more": Exploit(mark)}, path)
    with pytest.raises(ModelError, match=r"refused|not readable"):
        read_tensors(path)
    assert not mark.exists()


def test_nor_does_one_in_a_folder(random_clip: str, tmp_path: Path) -> None:
    config = Path(random_clip.removeprefix("local-dir:")) / store.CONFIG
    (tmp_path / store.CONFIG).write_bytes(config.read_bytes())
    for name in store.WEIGHTS:
        torch.save({"more": Exploit(tmp_path / "mark")}, tmp_path / name)
        with pytest.raises(ModelError, match=r"refused|cannot be loaded"):
            load_clip(f"local-dir:{tmp_path}", CPU)
        (tmp_path / name).unlink()
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"text_cfg": {"hf_model_name": "acme/text"}},
        {"vision_cfg": {"timm_model_name": "hf-hub:acme/tower"}},
    ],
)
def test_a_configuration_that_would_fetch_more_is_refused(
    another_clip: str, change: dict[str, dict[str, str]]
) -> None:
    path = Path(another_clip.removeprefix("local-dir:")) / store.CONFIG
    config = json.loads(path.read_text())
    for part, values in change.items():
        config["model_cfg"][part] |= values
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="acme/"):
        load_clip(another_clip, CPU)


@pytest.mark.parametrize("text", ["", "{}", '{"model_cfg": 3}', "[]"])
def test_a_broken_configuration_is_named(another_clip: str, text: str) -> None:
    path = Path(another_clip.removeprefix("local-dir:")) / store.CONFIG
    path.write_text(text)
    with pytest.raises(ModelError, match=r"open_clip_config\.json"):
        load_clip(another_clip, CPU)


def test_weights_that_do_not_fit(another_clip: str) -> None:
    path = Path(another_clip.removeprefix("local-dir:")) / store.WEIGHTS[0]
    weights = load_file(path)
    del weights["text_projection"]
    save_file(weights, path)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_clip(another_clip, CPU)


@pytest.mark.parametrize("name", ["ViT-B-32@{}", "local-dir:{}"])
def test_weights_without_a_tensor(another_clip: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / "empty.safetensors"
    if name.startswith("local-dir:"):
        path = Path(another_clip.removeprefix("local-dir:")) / store.WEIGHTS[0]
    save_file({}, path)
    with pytest.raises(ModelError, match="no tensors in it"):
        load_clip(name.format(path.parent if name.startswith("local-dir:") else path), CPU)
    with pytest.raises(ModelError, match="no tensors in it"):
        read_tensors(path)


def test_loading_leaves_no_trace(random_clip: str, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    handlers, disabled = list(logging.getLogger().handlers), logging.root.manager.disable
    load_clip(random_clip, CPU)
    assert torch.equal(torch.rand(4), expected)
    assert logging.getLogger().handlers == handlers
    assert logging.root.manager.disable == disabled
    assert not caplog.records


WORDS = [f"word {number}" for number in range(150)]


@pytest.fixture
def counted(random_clip: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Clip, list[int]]:
    """The small CLIP, and how many texts it was made to encode each time."""
    clip, counts = load_clip(random_clip, CPU, "float32"), []
    encode = clip._model.encode_text

    def counting(batch: torch.Tensor) -> torch.Tensor:
        counts.append(len(batch))
        return encode(batch)

    monkeypatch.setattr(clip._model, "encode_text", counting)
    return clip, counts


def test_features_of_a_long_list_are_kept(counted: tuple[Clip, list[int]], tmp_path: Path) -> None:
    clip, counts = counted
    first = clip.encode_texts(WORDS)
    assert sum(counts) == 150
    assert max(counts) <= 64
    assert torch.equal(clip.encode_texts(WORDS), first)
    assert sum(counts) == 150
    clip.encode_texts([*WORDS[1:], "other"])
    assert sum(counts) == 300
    assert len(list((tmp_path / "home" / "texts").iterdir())) == 2


def test_features_of_a_short_list_are_not(counted: tuple[Clip, list[int]], tmp_path: Path) -> None:
    counted[0].encode_texts(WORDS[:99])
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("damage", ["cut", "noise", "other"])
def test_damaged_features_are_computed_again(
    counted: tuple[Clip, list[int]], tmp_path: Path, damage: str
) -> None:
    clip, counts = counted
    first = clip.encode_texts(WORDS)
    (path,) = (tmp_path / "home" / "texts").iterdir()
    if damage == "other":
        save_file({"features": torch.zeros(150, 32)}, path)
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-7] if damage == "cut" else data[:9000] + b"\x7f" * 4 + data[9004:])
    assert torch.equal(clip.encode_texts(WORDS), first)
    assert sum(counts) == 300
    clip.encode_texts(WORDS)
    assert sum(counts) == 300


def test_features_belong_to_a_model(random_clip: str, another_clip: str) -> None:
    path = Path(another_clip.removeprefix("local-dir:")) / store.WEIGHTS[0]
    weights = load_file(path)
    weights["text_projection"] = weights["text_projection"].flip(0).contiguous()
    save_file(weights, path)
    first, second = (load_clip(name, CPU).encode_texts(WORDS) for name in (random_clip, another_clip))
    assert not torch.allclose(first, second)


def test_features_without_a_place_to_keep_them(
    counted: tuple[Clip, list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLIPART_HOME", str(tmp_path / "file"))
    assert counted[0].encode_texts(WORDS).shape == (150, 32)


def test_weights_that_are_cast_once_change_no_bit() -> None:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    clip, plain = load_clip("tiny", CPU, "bfloat16"), load_clip("tiny", CPU, "float32")
    vectors = {}
    for name, each in {"once": clip, "at every call": replace(plain, dtype=torch.bfloat16)}.items():
        seen = each.encode_images(images)
        vectors[name] = (seen, torch.autograd.grad(seen[:, 0].sum(), images)[0])
    assert {layer.weight.dtype for layer in clip._model.visual.modules() if isinstance(layer, Conv2d)} == {
        torch.bfloat16
    }
    for once, always in zip(*vectors.values(), strict=True):
        assert torch.equal(once, always)
    assert torch.equal(clip.encode_texts(["an apple"]), plain.encode_texts(["an apple"]))


def test_an_ensemble_is_as_if_each_had_been_typed() -> None:
    das = registry.ensembles()["das"].members
    assert len(das) == 3
    assert all(registry.find(name).architecture == "ViT-B-32" for name in das)
    recipe = make_recipe({"prompt": "apple", "clip": ("das::2", "tiny")})
    assert [str(spec) for spec in recipe.clip] == [*(f"{name}::2" for name in das), "tiny"]
    assert (
        make_recipe({"prompt": "apple", "clip": "das"}).clip == make_recipe({"prompt": "a", "clip": das}).clip
    )
    with pytest.raises(ModelError, match=r"several CLIPs.*one of: ViT-B-32/openai"):
        tokens("das", "apple")
    with pytest.raises(UsageError, match=r"^clip = 'das::x': --clip das::x: a weight"):
        make_recipe({"prompt": "apple", "clip": "das::x"})
    with pytest.raises(ModelError, match="Did you mean das"):
        registry.find("dass")
