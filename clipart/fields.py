"""Types of a recipe's fields: what is typed as text is read once, here, to a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from clipart import limits
from clipart.around import read_symmetry
from clipart.canvas import CANVASES
from clipart.errors import UsageError
from clipart.finish import FINISHES
from clipart.finish.chain import read_chain
from clipart.models.spec import ModelSpec, expanded, read_critic, read_judge, read_vqgan
from clipart.palettes import read_colour, read_palette
from clipart.process import PROCESSES
from clipart.shown import canonical, canonical_style
from clipart.steering import canonical_steer
from clipart.tables import Table
from clipart.target import Target, parse_target
from clipart.template import read_template
from clipart.text import code_point, first_forbidden, kept_name
from clipart.values import number, one_or_more, place

OptimizerKind = Literal["auto", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd"]
Schedule = Literal["constant", "cosine", "linear"]
Distance = Literal["auto", "contrast", "cosine", "spherical"]
AimKind = Literal["text", "centred", "bridged"]  # as in `clipart.critic.aims`
LayoutKind = Literal["auto", "apart", "blend"]
Precision = Literal["auto", "float32", "bfloat16"]
Colour = Literal["decorrelated", "rgb"]
GPUS = ("gpu", "nvidia", "amd", "rocm", "hip", "xpu", "metal", "apple", "tpu", "vulkan", "opencl")
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"


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
    return PlainValidator(
        refusing(lambda value: value if isinstance(value, kind) else read(number(place(value))))
    )


def require_allowed(value: Any) -> None:
    """Refuse a value with a text in it that is longer than a recipe's may be, or not allowed.

    Raises:
        RefusedError: saying which character it is (`clipart.text`).
    """
    for text in _texts(value):
        if len(text) > limits.CHARACTERS:
            raise RefusedError(f"it has {len(text):,} characters; at most {limits.CHARACTERS:,}.")
        if found := first_forbidden(text):
            raise RefusedError(f"{code_point(found[0])} in it is a control character or none; delete it.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, ModelSpec):
        yield value.name
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _texts(each)


def _picture(value: Any) -> Any:
    name = place(value)
    return kept_name(name) if isinstance(name, str) else name


def _critics(value: Any) -> Any:
    """Return one or more critics with those of an ensemble in its place."""
    found = one_or_more(value)
    if not isinstance(found, list | tuple):
        return found
    texts = [expanded(each) if isinstance(each, str) else [each] for each in found]
    return tuple(each for group in texts for each in group)


def _named(critics: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Refuse critics in files, which only a person may choose, and not a stage in a recipe."""
    for spec in critics:
        if spec.place != "name":
            raise UsageError(f"{spec.name}: a stage takes CLIPs with a name. `clipart models` lists them.")
    return critics


_AS_TEXT = PlainSerializer(str, return_type=str)
Critic = Annotated[ModelSpec, _typed(ModelSpec, read_critic), _AS_TEXT]
JudgeSpec = Annotated[ModelSpec, _typed(ModelSpec, read_judge), _AS_TEXT]
VqganSpec = Annotated[ModelSpec, _typed(ModelSpec, read_vqgan), _AS_TEXT]
Until = Annotated[Target, _typed(Target, parse_target), _AS_TEXT]
DeviceName = Annotated[str, AfterValidator(refusing(read_device))]
Critics = Annotated[tuple[Critic, ...], BeforeValidator(refusing(_critics))]
NamedCritics = Annotated[
    Critics, Field(min_length=1, max_length=limits.CRITICS), AfterValidator(refusing(_named))
]
Texts = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]
Template = Annotated[str, AfterValidator(refusing(read_template))]
PictureName = Annotated[str, BeforeValidator(_picture)]
Shown = Annotated[
    tuple[Annotated[str, BeforeValidator(place), AfterValidator(refusing(canonical))], ...],
    BeforeValidator(one_or_more),
    Field(max_length=limits.SHOWN),
]
Styles = Annotated[
    tuple[Annotated[str, BeforeValidator(place), AfterValidator(refusing(canonical_style))], ...],
    BeforeValidator(one_or_more),
    Field(max_length=limits.SHOWN),
]
Steers = Annotated[
    tuple[Annotated[str, AfterValidator(refusing(canonical_steer))], ...],
    BeforeValidator(one_or_more),
    Field(max_length=limits.STEERED),
]
SymmetryKind = Annotated[str, AfterValidator(refusing(read_symmetry))]
CanvasName = Annotated[str, AfterValidator(refusing(CANVASES.check))]
ProcessName = Annotated[str, AfterValidator(refusing(PROCESSES.check))]
Chain = Annotated[
    tuple[str, ...],
    BeforeValidator(refusing(lambda v: read_chain(v if isinstance(v, str) else _joined(v)))),
]


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


PaletteColour = Annotated[str, AfterValidator(refusing(read_colour))]
Palette = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(refusing(read_palette))]
Extra = bool | int | float | str


def _joined(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def knob(default: Any, group: str, about: str, unit: str = "", *, joined: bool = False, **bounds: Any) -> Any:
    """Describe a field that the command line offers: its panel, what it does, its unit and range.

    A `joined` one has several values that are typed as one text, by commas.
    """
    extra: dict[str, Any] = {"group": group, "unit": unit, "joined": joined}
    return Field(default, description=about, json_schema_extra=extra, **bounds)


Names = tuple[Annotated[str, Field(max_length=200)], ...]


def listed(about: str, most: int) -> Any:
    """Describe a field of at most `most` values, by default none, that the command line does not offer."""
    return Field(default=(), max_length=most, description=about)


TABLES: dict[str, Table[Any]] = {  # of fields that name a part
    "canvas": CANVASES,
    "process": PROCESSES,
    "finish": FINISHES,
}
