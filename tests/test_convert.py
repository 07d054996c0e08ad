"""Published checkpoints: read right, in every form that people have them, and never run."""

from __future__ import annotations

import pickle
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from clipart.cli import main
from clipart.errors import ModelError
from clipart.models import convert as module
from clipart.models.convert import convert, read_config
from clipart.models.vqgan import METADATA, load_vqgan
from tests.attacks import taming_checkpoint as made

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made.write(tmp_path_factory.mktemp("honest"))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", ["vqgan", "gumbel", "transformer"])
def test_weights_arrive_unchanged(tmp_path: Path, kind: str, legacy: bool) -> None:
    tensors, metadata = convert(*made.write(tmp_path, kind, legacy=legacy))
    prefix = "first_stage_model." if kind == "transformer" else ""
    expected = {
        name.removeprefix(prefix): value
        for name, value in made.weights(kind).items()
        if not name.startswith("loss.")
    }
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    save_file(tensors, tmp_path / "out.safetensors", metadata)
    vqgan = load_vqgan(str(tmp_path / "out.safetensors"), CPU)
    assert vqgan.config.gumbel == (kind == "gumbel")
    assert vqgan.decode(vqgan.encode(torch.rand(1, 3, 16, 16))).shape == (1, 3, 16, 16)


def test_nothing_of_the_checkpoint_is_imported(honest: tuple[Path, Path]) -> None:
    before = set(sys.modules)
    convert(*honest)
    assert not {m for m in set(sys.modules) - before if "lightning" in m}
    with pytest.raises(pickle.UnpicklingError):  # what makes all this necessary
        torch.load(honest[1], weights_only=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_other_precisions_and_layouts(honest: tuple[Path, Path], tmp_path: Path, dtype: torch.dtype) -> None:
    state = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in made.weights().items()
    }
    name = "encoder.mid.block_1.conv1.weight"
    state[name] = torch.nn.Parameter(state[name].to(memory_format=torch.channels_last))
    torch.save({"state_dict": state}, tmp_path / "plain.pt")
    tensors, _ = convert(honest[0], tmp_path / "plain.pt")
    assert {value.dtype for value in tensors.values()} == {torch.float32}
    assert torch.equal(tensors[name], state[name].detach().float())
    assert tensors[name].is_contiguous()


def attack_names() -> list[str]:
    extra = [*(f"{name}_{where}" for name in ("os_system", "eval") for where in ("in_state_dict", "bare"))]
    files = [
        "compressed",
        "bomb",
        "truncated_pickle",
        "empty_pickle",
        "not_a_dictionary",
        "truncated",
        "nothing",
        "text",
    ]
    return [*made.programs(Path("x")), *extra, *files, "torchscript"]


@pytest.fixture(scope="module")
def attacks(honest: tuple[Path, Path]) -> dict[str, Path]:
    return made.write_attacks(honest[1], honest[1].with_name("pwned"))


@pytest.mark.parametrize("name", attack_names())
def test_attacks_and_ruins_are_refused(
    honest: tuple[Path, Path], attacks: dict[str, Path], name: str
) -> None:
    with pytest.raises(ModelError, match=f"{attacks[name].name}: (refused|not a checkpoint)"):
        convert(honest[0], attacks[name])
    assert not honest[1].with_name("pwned").exists()


def test_every_attack_file_is_tested(attacks: dict[str, Path]) -> None:
    assert sorted(attacks) == sorted(attack_names())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".png", ""])
def test_a_new_name_makes_no_difference(
    honest: tuple[Path, Path], attacks: dict[str, Path], suffix: str
) -> None:
    renamed = attacks["os_system"].with_name(f"renamed{suffix}")
    renamed.write_bytes(attacks["os_system"].read_bytes())
    with pytest.raises(ModelError, match=r"os\.system"):
        convert(honest[0], renamed)
    with pytest.raises(ModelError, match="clipart models convert"):
        load_vqgan(str(renamed), CPU)
    assert not honest[1].with_name("pwned").exists()


@pytest.mark.parametrize("name", list(made.harmless_programs(Path("x"))))
def test_what_is_not_refused_has_no_effect(honest: tuple[Path, Path], name: str) -> None:
    marker = honest[1].with_name("pwned")
    program = made.harmless_programs(marker)[name]
    before = {
        kind: dict(vars(kind)) for kind in (module._Inert, module._Dict, module._Tensor, module._Parameter)
    }
    expected, _ = convert(*honest)
    for place in (made.first_runs, made.instead_of_a_weight):
        tensors, _ = convert(honest[0], made.with_pickle(honest[1], place(program), name="harmless.ckpt"))
        assert all(torch.equal(tensors[key], expected[key]) for key in expected)
    assert not marker.exists()
    assert all(dict(vars(kind)) == kept for kind, kept in before.items())


def test_an_old_file_with_an_attack_is_refused(tmp_path: Path) -> None:
    config, checkpoint = made.write(tmp_path, legacy=True)
    attack = made.legacy_attack(checkpoint, tmp_path / "pwned")
    with pytest.raises(ModelError, match=r"os\.system"):
        convert(config, attack)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", ["os_system", "eval", "getattr_chain", "instance", "object", "dotted_name"])
def test_the_attacks_are_real(tmp_path: Path, name: str) -> None:
    program = b"\x80\x04" + made.programs(tmp_path / "pwned")[name] + b"."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that are not closed
        pickle.loads(program)  # noqa: S301 (that is the point)
    assert (tmp_path / "pwned").exists()


def record(**changes: Any) -> module._Tensor:
    found = module._Tensor(module._Storage("0", torch.float32, 6), 0, (2, 3), (3, 1))
    for name, value in changes.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 1},
        {"first": -1},
        {"first": "0"},
        {"strides": (4, 1)},
        {"strides": (-1, 1)},
        {"strides": (1,)},
        {"strides": (0.5, 1)},
        {"storage": None},
        {"storage": module._Storage("0", torch.int64, 6)},
        {"storage": module._Storage("0", torch.float32, 99), "strides": (90, 1)},
        {"storage": module._Storage("0", torch.float32, 6, first=3)},
    ],
)
def test_a_tensor_stays_within_its_numbers(changes: dict[str, Any]) -> None:
    numbers = torch.arange(6, dtype=torch.float32)
    plain = module._rebuild("x", record(), lambda _: numbers.numpy().tobytes())
    assert torch.equal(plain, numbers.view(2, 3))
    with pytest.raises((ModelError, TypeError)):
        module._rebuild("x", record(**changes), lambda _: numbers.numpy().tobytes())


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ModelError, match="finite"):
        module._rebuild("x", record(), lambda _: torch.full((6,), torch.nan).numpy().tobytes())


def test_files_that_do_not_belong_together(honest: tuple[Path, Path], tmp_path: Path) -> None:
    gumbel, _ = made.write(tmp_path, "gumbel")
    with pytest.raises(ModelError, match=r"quantize|quant_conv"):
        convert(gumbel, honest[1])
    for path in (honest[0], honest[1]):
        missing = path.with_name(f"missing{path.suffix}")
        with pytest.raises(ModelError, match="no such file"):
            convert(missing if path == honest[0] else honest[0], missing if path == honest[1] else honest[1])


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\n"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "just text",
        "[1, 2",
        BOMB,
        "model: !!python/object/apply:os.system ['touch pwned']",
        "x" * 100_000,
        "\x00",
        "model: {target: taming.models.vqgan.VQModel}",
        "model: {target: os.system, params: {}}",
        yaml.safe_dump(made.settings(ddconfig=made.DDCONFIG | {"ch": 33})),
        yaml.safe_dump(made.settings(ddconfig=made.DDCONFIG | {"ch": 10**9})),
        yaml.safe_dump(made.settings(ddconfig=made.DDCONFIG | {"num_res_blocks": 10**6})),
        yaml.safe_dump(made.settings(ddconfig=made.DDCONFIG | {"in_channels": 1})),
    ],
)
def test_a_bad_configuration_is_one_clear_message(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.yaml"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"model\.yaml"):
        read_config(path)
    assert not (tmp_path / "pwned").exists()


def test_published_configurations_are_understood(tmp_path: Path) -> None:
    published = made.DDCONFIG | {
        "z_channels": 256,
        "resolution": 256,
        "ch": 128,
        "num_res_blocks": 2,
        "attn_resolutions": [16],
    }
    (tmp_path / "f16.yaml").write_text(
        yaml.safe_dump(made.settings(ddconfig=published | {"ch_mult": [1, 1, 2, 2, 4]}))
    )
    (tmp_path / "f8.yaml").write_text(
        yaml.safe_dump(
            made.settings("gumbel", published | {"ch_mult": [1, 1, 2, 4], "attn_resolutions": [32]})
        )
    )
    assert read_config(tmp_path / "f16.yaml")[0].factor == 16
    assert read_config(tmp_path / "f8.yaml")[0].factor == 8
    assert read_config(tmp_path / "f8.yaml")[0].gumbel


def test_two_copies_of_an_entry_are_refused(honest: tuple[Path, Path], tmp_path: Path) -> None:
    twice = tmp_path / "twice.ckpt"
    with zipfile.ZipFile(honest[1]) as old, zipfile.ZipFile(twice, "w") as new:
        entries = old.namelist()
        for entry in entries:
            new.writestr(entry, old.read(entry))
        with pytest.warns(UserWarning, match="Duplicate"):
            new.writestr(entries[0], b"")
    with pytest.raises(ModelError, match="twice"):
        convert(honest[0], twice)


def test_the_metadata_are_the_configuration(honest: tuple[Path, Path]) -> None:
    _, metadata = convert(*honest)
    shape, prefix = read_config(honest[0])
    assert metadata == {METADATA: shape.model_dump_json()}
    assert prefix == ""


def test_the_command(
    honest: tuple[Path, Path], attacks: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: object) -> int:
        return main(["models", "convert", *map(str, words)])

    out = tmp_path / "out.safetensors"
    assert run(*honest, "-o", out) == 0
    assert f"--vqgan {out}" in capsys.readouterr().out
    assert load_vqgan(str(out), CPU).factor == 2
    assert run(*honest) == 0
    assert honest[1].with_suffix(".safetensors").read_bytes() == out.read_bytes()
    assert run(honest[0], attacks["os_system"], "-o", tmp_path / "attack.safetensors") == 3
    assert "os.system" in capsys.readouterr().err
    assert run(honest[0]) == 2
    assert run(*honest, "-o", honest[1]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors"]
