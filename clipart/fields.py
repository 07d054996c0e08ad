"""Types of a recipe's fields: what is typed as text is read once, here, to a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from clipart.canvas import CANVASES
from clipart.errors import UsageError
from clipart.finish.chain import read_chain
from clipart.models.spec import ModelSpec, read_critic, read_judge, read_vqgan
from clipart.process import PROCESSES
from clipart.tables import Table
from clipart.target import Target, parse_target

OptimizerKind = Literal["auto", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd"]
Schedule = Literal["constant", "cosine", "linear"]
Distance = Literal["auto", "contrast", "cosine", "spherical"]
LayoutKind = Literal["auto", "apart", "blend"]
Precision = Literal["auto", "float32", "bfloat16"]
Colour = Literal["decorrelated", "rgb"]
GPUS = ("gpu", "nvidia", "amd", "rocm", "hip", "xpu", "metal", "apple", "tpu", "vulkan", "opencl")
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:\d+)?)$"


class RefusedError(ValueError):
    """What one of our own readers says of a value, for pydantic to carry; the message is complete."""


def refusing(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `read` as a validator: what it refuses becomes a message of the recipe's."""

    def validator(value: Any) -> Any:
        try:
            return read(value)
        except UsageError as error:
            raise RefusedError(str(error)) from None

    return validator


def read_device(text: str) -> str:
    """Read the name of a device, whether this machine has it or not.

    Raises:
        UsageError: it is none; of words that others have for a GPU, it says ours.
    """
    if not re.fullmatch(DEVICE_PATTERN, text):
        hint = " For a GPU of NVIDIA's or AMD's type cuda, for Apple's mps." if text.lower() in GPUS else ""
        raise UsageError(
            f"--device {text[:40]}: there is auto, cpu, mps, cuda, and cuda:0, cuda:1 and so on.{hint}"
        )
    return text


def _typed(kind: type, read: Callable[[str], Any]) -> PlainValidator:
    """Return the validator of a field that is typed as text and is a `kind`."""
    return PlainValidator(refusing(lambda value: value if isinstance(value, kind) else read(str(value))))


_AS_TEXT = PlainSerializer(str, return_type=str)
Critic = Annotated[ModelSpec, _typed(ModelSpec, read_critic), _AS_TEXT]
JudgeSpec = Annotated[ModelSpec, _typed(ModelSpec, read_judge), _AS_TEXT]
VqganSpec = Annotated[ModelSpec, _typed(ModelSpec, read_vqgan), _AS_TEXT]
Until = Annotated[Target, _typed(Target, parse_target), _AS_TEXT]
DeviceName = Annotated[str, AfterValidator(refusing(read_device))]
CanvasName = Annotated[str, AfterValidator(refusing(CANVASES.check))]
ProcessName = Annotated[str, AfterValidator(refusing(PROCESSES.check))]
Chain = Annotated[
    tuple[str, ...],
    BeforeValidator(refusing(lambda v: read_chain(v if isinstance(v, str) else ",".join(map(str, v))))),
]
Extra = bool | int | float | str


def knob(default: Any, group: str, about: str, unit: str = "", *, joined: bool = False, **bounds: Any) -> Any:
    """Describe a field that the command line offers: its panel, what it does, its unit and range.

    A `joined` one has several values that are typed as one text, by commas.
    """
    extra: dict[str, Any] = {"group": group, "unit": unit, "joined": joined}
    return Field(default, description=about, json_schema_extra=extra, **bounds)


TABLES: dict[str, Table[Any]] = {"canvas": CANVASES, "process": PROCESSES}  # of fields that name a part
