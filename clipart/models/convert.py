"""Published VQGANs: taming-transformers' checkpoints, read without running anything that is in them.

A `.ckpt` is a pickle, which is a program: it may call any function by name. Here its names never become
functions. What describes a tensor becomes an inert record, everything else an object that swallows whatever
is done to it; tensors are made afterwards, by us, of the records in `state_dict` that the configuration asks
for. A name from Python's standard library that no checkpoint needs is taken as an attack, and the file is
refused.

This is the one module of the package that may unpickle; `weights_only` of `torch.load` refuses these files,
since they hold Lightning's classes.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError
from torch import Tensor

from clipart import limits
from clipart.errors import ModelError, UsageError
from clipart.inputs import opened, read_bytes
from clipart.models.pickles import LEGACY, LEGACY_PICKLES, ZIP, check_pickle, open_archive
from clipart.models.vqgan import METADATA, VqganConfig, build_network, reason

_LITTLE = b"little"

_OPENING = (
    *(yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken),
    *(yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken),
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)

_FIRST_STAGE = "first_stage_model."  # where a transformer's checkpoint keeps its VQGAN
_TARGETS = {"taming.models.vqgan.VQModel": False, "taming.models.vqgan.GumbelVQ": True}

# Of the standard library, what an honest checkpoint may name. All of it becomes inert.
_MODULES = {
    "argparse", "collections", "copyreg", "copy_reg", "datetime", "enum", "pathlib", "typing", "_codecs",
}  # fmt: skip
_BUILTINS = {
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "long", "object",
    "range", "set", "slice", "str", "tuple", "unicode",
}  # fmt: skip
# What a broken pickle or archive may raise.
_BROKEN = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError, TypeError),
    *(AttributeError, LookupError, ArithmeticError, RuntimeError, MemoryError),
)
_DETAILS = {
    "z_channels", "ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution", "resamp_with_conv",
}  # fmt: skip
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


# --- what a pickle may become ----------------------------------------------------------------------------


class _Inert:
    """Swallows whatever a pickle does to it, and keeps nothing."""

    __slots__ = ()

    def __new__(cls, *_: object, **__: object) -> Any:
        return object.__new__(cls)

    def __call__(self, *_: object, **__: object) -> Any:
        return _Inert()

    def __setstate__(self, *_: object) -> None: ...
    def __setitem__(self, *_: object) -> None: ...
    def append(self, *_: object) -> None: ...
    def extend(self, *_: object) -> None: ...
    def add(self, *_: object) -> None: ...


class _Dict(dict[Any, Any]):
    """An OrderedDict that takes no attributes."""

    __slots__ = ()

    def __setstate__(self, *_: object) -> None: ...


class _Storage(NamedTuple):
    """A row of numbers in the file: its name, their type, how many, and where a view of it begins."""

    key: str
    dtype: torch.dtype
    length: int
    first: int = 0


class _StorageType:
    """Stands for torch.FloatStorage and its like in the name of a storage."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __setstate__(self, *_: object) -> None: ...


class _Tensor(_Inert):
    """The arguments of torch's function that would rebuild a tensor."""

    __slots__ = ("first", "shape", "storage", "strides")

    def __init__(
        self, storage: object = None, first: object = 0, shape: object = (), strides: object = (), *_: object
    ) -> None:
        self.storage, self.first, self.shape, self.strides = storage, first, shape, strides


class _Parameter(_Inert):
    """Stands for torch's function that rebuilds a parameter: the tensor it is given."""

    __slots__ = ()

    def __new__(cls, data: object = None, *_: object) -> Any:
        return data


# No function and no class with attributes of its own: a pickle can set those, also on a class.
_KNOWN: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
}


class _Reader(pickle.Unpickler):
    """Reads the pickle of a checkpoint into dictionaries, lists, numbers, texts and the classes above."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.widths: dict[str, int] = {}  # bytes of a number, by storage

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for `module.name`, which is never looked up."""
        if module == "torch" and name.endswith("Storage"):
            return _StorageType(name)
        known = _KNOWN.get((module, name))
        if known is None:
            _refuse_attack(module, name)
        return known or _Inert

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage that `pid` names."""
        match pid:
            case ("storage", _StorageType(name=kind), str(key), _, int(length), *view) if kind in _DTYPES:
                dtype, first = _DTYPES[kind], 0
                self.widths[key] = dtype.itemsize
                if view and view[0] is not None:  # torch before 1.6
                    _, first, length = view[0]
                return _Storage(key, dtype, length, first)
            case ("module", *_):  # the source of a pickled model, in torch before 1.6
                return _Inert()
        raise ModelError("a tensor's numbers lie somewhere unknown")


def _refuse_attack(module: str, name: str) -> None:
    root, *_ = module.split(".")
    if root in ("builtins", "__builtin__"):
        harmless = name in _BUILTINS
    else:
        # Through a dot in the name a pickle reaches what another module has imported.
        reached = {root if module not in _MODULES else "", *name.split(".")[:-1]}
        harmless = not reached & (sys.stdlib_module_names | {"commands"})
    if not harmless:
        raise ModelError(
            f"it asks for {f'{module}.{name}'[:80]!r}, as an attack would and no checkpoint needs to. "
            "Nothing of it was run"
        )


def _unpickle(stream: io.BytesIO) -> tuple[Any, dict[str, int]]:
    """Read one pickle, having looked through it; see `_Reader.widths`."""
    begin = stream.tell()
    check_pickle(stream)
    stream.seek(begin)
    reader = _Reader(stream)
    return reader.load(), reader.widths


# --- the two forms of file ------------------------------------------------------------------------------


Read = Callable[[_Storage], bytes]


def _open_zip(file: BinaryIO) -> tuple[Any, Read]:
    """Return the pickle's contents, and how to read a storage, of torch's archive since 1.6."""
    archive, root = open_archive(file)
    entries = set(archive.namelist())
    if f"{root}/constants.pkl" in entries or any(name.startswith(f"{root}/code/") for name in entries):
        raise ModelError("it is TorchScript, which is a program. Only checkpoints of weights are read")
    if f"{root}/byteorder" in entries and archive.read(f"{root}/byteorder").strip() != _LITTLE:
        raise ModelError("it was written on a big-endian machine")

    def read(storage: _Storage) -> bytes:
        return archive.read(f"{root}/data/{storage.key}")

    return _unpickle(io.BytesIO(archive.read(f"{root}/data.pkl")))[0], read


def _open_legacy(file: BinaryIO) -> tuple[Any, Read]:
    """Return the pickle's contents, and how to read a storage, of a file of torch before 1.6.

    That is five pickles (magic number, version, machine, contents, names of the storages) and then, for
    each name, a count of eight bytes and the numbers.
    """
    head = io.BytesIO(file.read(limits.PICKLE_BYTES))
    _magic, _version, (machine, _), (contents, widths), (keys, _) = (
        _unpickle(head) for _ in range(LEGACY_PICKLES)
    )
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise ModelError("it was written on a big-endian machine")
    places: dict[str, tuple[int, int]] = {}
    file.seek(head.tell())
    for key in keys:
        (count,) = struct.unpack("<Q", file.read(8))
        places[key] = (file.tell(), count * widths[key])
        file.seek(count * widths[key], io.SEEK_CUR)

    def read(storage: _Storage) -> bytes:
        start, length = places[storage.key]
        file.seek(start)
        return file.read(length)

    return contents, read


# --- from the file to a VQGAN ---------------------------------------------------------------------------


def convert(config: Path, checkpoint: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a published VQGAN; return its weights in float32, and the metadata that belong in their file.

    `config` is taming's YAML, of a VQGAN or of a transformer over one, and `checkpoint` the `.ckpt` to it.

    Raises:
        ModelError: one of the files is missing, is not what it should be, would run something, or they do
            not fit each other.
    """
    shape, prefix = read_config(config)
    try:
        with opened(checkpoint) as file:
            tensors = _read_tensors(file, shape, prefix)
    except UsageError as error:  # no such file
        raise ModelError(str(error)) from None
    except ModelError as error:
        raise ModelError(f"{checkpoint}: refused: {error}.") from None
    except _BROKEN as error:
        raise ModelError(
            f"{checkpoint}: not a checkpoint that can be read ({type(error).__name__})."
        ) from error
    return tensors, {METADATA: shape.model_dump_json()}


def read_config(path: Path) -> tuple[VqganConfig, str]:
    """Return the shape of the VQGAN that a configuration of taming describes, and the prefix of its weights.

    Raises:
        ModelError: there is no such file, or it describes no VQGAN.
    """
    try:
        text = read_bytes(path, limits.CONFIG_BYTES).decode()
        _require_shallow(path, text)
        content = yaml.safe_load(text)
    except UsageError as error:
        raise ModelError(str(error)) from None
    except (OSError, UnicodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a YAML file that can be read ({type(error).__name__}).") from error
    try:
        model, prefix = content["model"], ""
        if model["target"].endswith(".Net2NetTransformer"):
            model, prefix = model["params"]["first_stage_config"], _FIRST_STAGE
        gumbel, params = _TARGETS[model["target"]], model["params"]
        own = {"n_embed": params["n_embed"], "embed_dim": params["embed_dim"], "gumbel": gumbel}
        details = params["ddconfig"]
        if details.get("in_channels", 3) != 3 or details.get("out_ch", 3) != 3 or details.get("double_z"):
            raise ModelError(f"{path}: a VQGAN, but not of RGB pictures.")
        return VqganConfig.model_validate({k: details[k] for k in _DETAILS & details.keys()} | own), prefix
    except ValidationError as error:
        raise ModelError(f"{path}: a VQGAN that cannot be: {reason(error)}.") from error
    except (KeyError, TypeError, AttributeError):
        raise ModelError(
            f"{path}: this configuration describes no VQGAN of taming's. It needs model.target "
            f"({', '.join(_TARGETS)}) and model.params with n_embed, embed_dim and ddconfig."
        ) from None


def _require_shallow(path: Path, text: str) -> None:
    """Look through a YAML file before it is read: PyYAML's time grows with the square of the depth."""
    depth = 0
    for token in yaml.scan(text):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > limits.CONFIG_DEPTH or isinstance(token, yaml.AliasToken):
            raise ModelError(
                f"{path}: not a configuration of taming's: with references, or more than "
                f"{limits.CONFIG_DEPTH} levels deep."
            )


def _read_tensors(file: BinaryIO, shape: VqganConfig, prefix: str) -> dict[str, Tensor]:
    start = file.read(len(LEGACY))
    file.seek(0)
    if start.startswith(ZIP):
        contents, read = _open_zip(file)
    elif start == LEGACY:
        contents, read = _open_legacy(file)
    else:
        raise ModelError("it is no checkpoint of torch's")
    state = contents.get("state_dict", contents) if isinstance(contents, dict) else None
    if not isinstance(state, dict):
        raise ModelError("it holds no state_dict")

    with torch.device("meta"):
        wanted = build_network(shape).state_dict()
    tensors = {}
    for name, like in wanted.items():
        record = state.get(prefix + name)
        if not isinstance(record, _Tensor):
            raise ModelError(f"it has no {prefix + name}, which the configuration asks for")
        if record.shape != tuple(like.shape):
            raise ModelError(
                f"{prefix + name} is {record.shape}, and {tuple(like.shape)} by the configuration"
            )
        tensors[name] = _rebuild(prefix + name, record, read)
    return tensors


def _rebuild(name: str, record: _Tensor, read: Read) -> Tensor:
    """Make the tensor that `record` describes, whose shape is known to be right, in float32."""
    storage, first, strides = record.storage, record.first, record.strides
    if not isinstance(storage, _Storage) or not storage.dtype.is_floating_point:
        raise ModelError(f"{name} is not of floating-point numbers")
    shape: Any = record.shape
    if not isinstance(strides, tuple) or len(strides) != len(shape) or not isinstance(first, int):
        raise ModelError(f"{name} is described in a way that torch does not")
    begin = storage.first + first
    end = begin + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True)) + 1
    if begin < 0 or min((storage.length, *strides)) < 0 or end > storage.first + storage.length:
        raise ModelError(f"{name} reaches beyond its own numbers")
    row = torch.frombuffer(bytearray(read(storage)), dtype=storage.dtype)
    if end > len(row):
        raise ModelError(f"{name} reaches beyond its own numbers")
    tensor = row.as_strided(shape, strides, begin).to(torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(tensor).all()):
        raise ModelError(f"{name} is not all finite numbers")
    return tensor
