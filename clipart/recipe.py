"""The recipe: one schema behind the API, the presets, the command line and what a run leaves behind.

A `Recipe` is everything that decides a picture, and nothing else: no output folder, no progress bar.
Each field is one keyword of `clipart.generate`, one key of a preset and one option of the command
line, under one name.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from clipart.errors import UsageError
from clipart.models import embedded
from clipart.near import did_you_mean
from clipart.rng import MAX_SEED, draw_seed

GROUPS = ("Prompt", "Picture", "Stopping", "Model", "Canvas", "Optimiser", "Views", "Regularisers")

CanvasKind = Literal["multires", "plain", "fourier", "shapes", "vqgan"]
OptimizerKind = Literal["auto", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd"]
Schedule = Literal["constant", "cosine", "linear"]
Distance = Literal["auto", "contrast", "cosine", "spherical"]
LayoutKind = Literal["auto", "apart", "blend"]
FinishKind = Literal["clean", "flat", "none"]
Precision = Literal["auto", "float32", "bfloat16"]
Colour = Literal["decorrelated", "rgb"]
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:\d+)?)$"


def _knob(default: Any, group: str, about: str, unit: str = "", **bounds: Any) -> Any:
    """Describe a field that the command line offers: its panel, what it does, its unit and range."""
    return Field(default, description=about, json_schema_extra={"group": group, "unit": unit}, **bounds)


class Target(NamedTuple):
    """What `until` asks for: `value` as a match in [0, 1] (`percent`) or as a cosine in [-1, 1]."""

    value: float
    percent: bool


_TARGET = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(%?)\s*")


def parse_target(text: str) -> Target:
    """Read `80%` (match) or `0.31` (cosine).

    Raises:
        UsageError: `text` is neither, or out of range.
    """
    found = _TARGET.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--until {text!r} is not a number. Type a match such as 80%, or a cosine such as 0.31."
        )
    value, percent = float(found[1]), bool(found[2])
    if percent and not 0 < value <= 100:
        raise UsageError(f"--until {text} is out of range: a match lies above 0% and up to 100%. Try 80%.")
    if not percent and not -1 <= value <= 1:
        raise UsageError(
            f"--until {text} is out of range: a cosine lies from -1 to 1. "
            f"Try 0.31, or {text}% if you meant a match."
        )
    return Target(value / 100 if percent else value, percent)


class _Schema(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class Stage(_Schema):
    """A stretch of the run with settings of its own; whatever is not set stays as the recipe has it."""

    name: str = Field(min_length=1, max_length=40, description="what the stage is called")
    share: float = Field(gt=0, description="its part of the steps; shares are relative")
    scale: float | None = None
    canvas: CanvasKind | None = None
    lr: float | None = None
    views: int | None = None
    overview: float | None = None
    detail: float | None = None
    noise: float | None = None
    low_pass: float | None = None
    tv: float | None = None
    range: float | None = None
    saturation: float | None = None
    ink: float | None = None
    margin: float | None = None


# What is left to the critics: where only embedded ones climb, and where a fetched one does.
_TINY = {"layout": "apart", "distance": "contrast", "starts": 6}
_FETCHED = {"layout": "blend", "distance": "cosine", "starts": 1}


class Recipe(_Schema):
    """Everything that decides a picture. Frozen; unknown keys are refused.

    `seed` None means that `resolve` draws one; a resolved recipe on one machine, one set of versions
    and one thread count gives one picture.
    """

    prompt: str = _knob(
        ..., "Prompt", "what to draw: parts split by ::, each with a weight", max_length=20_000
    )
    no: tuple[str, ...] = _knob((), "Prompt", "text to keep away from, weight -0.5 (repeatable)")
    layout: LayoutKind = _knob(
        "auto",
        "Prompt",
        "heaviest parts, if several: a place each, or one blend",
    )

    width: int = _knob(256, "Picture", "width of the picture", "pixels", ge=16, le=8192)
    height: int = _knob(256, "Picture", "height of the picture", "pixels", ge=16, le=8192)
    seed: int | None = _knob(
        None, "Picture", "where all randomness comes from; else drawn", ge=0, le=MAX_SEED
    )
    init: str | None = _knob(None, "Picture", "picture to start from instead of plain paper", "file")
    init_strength: float = _knob(0.9, "Picture", "how much of it shows in the start", "0 to 1", ge=0, le=1)
    paper: str = _knob("white", "Picture", "colour under the static, a name or #rrggbb")
    static: float = _knob(0.1, "Picture", "contrast of the static at the start", "0 to 1", ge=0, le=1)
    starts: int | None = _knob(
        None, "Picture", "starts to try first; else 6, and 1 with a fetched CLIP", "starts", ge=1, le=100
    )
    grain: float = _knob(0.1, "Picture", "0 for broad clouds of static, 1 for specks", "0 to 1", ge=0, le=1)
    finish: FinishKind = _knob("clean", "Picture", "clean-up after the last step")
    upscale: int = _knob(1, "Picture", "enlarge the finished picture", "times", ge=1, le=4)

    steps: int = _knob(500, "Stopping", "steps to take at most", "steps", ge=1, le=1_000_000)
    until: str | None = _knob(None, "Stopping", "stop when every part is this sure: 80%, or cosine 0.31")
    seconds: float | None = _knob(None, "Stopping", "stop after this long", "seconds", gt=0)
    check_every: int = _knob(25, "Stopping", "steps between two looks of the judge", "steps", ge=1, le=10_000)

    clip: tuple[str, ...] = _knob(
        ("tiny",), "Model", "CLIP to climb (repeatable)", "NAME[::WEIGHT]", min_length=1
    )
    judge: str | None = _knob(None, "Model", "CLIP that --until and the summary believe", "NAME")
    device: str = _knob("auto", "Model", "auto, cpu, mps, cuda or cuda:N", pattern=DEVICE_PATTERN)
    precision: Precision = _knob("auto", "Model", "arithmetic of the CLIP")
    distance: Distance = _knob("auto", "Model", "how far a view is from a text")

    canvas: CanvasKind = _knob("multires", "Canvas", "what the steps change")
    vqgan: str | None = _knob(None, "Canvas", "VQGAN of that canvas, if not the embedded one", "FILE")
    codes: float = _knob(0.5, "Canvas", "random codes in the start of a VQGAN", "0 to 1", ge=0, le=1)
    pull: float = _knob(
        0.0, "Canvas", "pull of a VQGAN's latents to their middle, fading out", "part a step", ge=0, le=1
    )
    shapes: int = _knob(32, "Canvas", "shapes on the canvas of shapes", "shapes", ge=1, le=512)
    colour: Colour = _knob("rgb", "Canvas", "colour space of the changes")
    falloff: float = _knob(1.0, "Canvas", "how much less fine features move", "0 to 2", ge=0, le=2)
    scale: float | None = _knob(
        None, "Canvas", "its resolution against the picture; else 1, less on shapes", "0 to 1", gt=0, le=1
    )
    zoom: float = _knob(1.0, "Canvas", "how much nearer the camera comes", "times a step", ge=0.5, le=2)
    spin: float = _knob(0.0, "Canvas", "clockwise turn of the picture", "degrees a step", ge=-180, le=180)
    pan_x: float = _knob(0.0, "Canvas", "way of the camera to the right", "pixels a step", ge=-512, le=512)
    pan_y: float = _knob(0.0, "Canvas", "way of the camera downwards", "pixels a step", ge=-512, le=512)

    optimizer: OptimizerKind = _knob("auto", "Optimiser", "gradient method; auto: adam on shapes, else sgd")
    lr: float = _knob(0.1, "Optimiser", "learning rate; black to white is 1", "colour a step", gt=0, le=10)
    momentum: float = _knob(0.9, "Optimiser", "memory of the gradient (Adam's beta 1)", "0 to 1", ge=0, lt=1)
    schedule: Schedule = _knob("cosine", "Optimiser", "how the learning rate falls over the steps")
    warmup: float = _knob(
        0.02, "Optimiser", "part of the steps in which it rises first", "0 to 1", ge=0, le=1
    )
    ema: float = _knob(0.9, "Optimiser", "moving average that is shown", "0 to 1", ge=0, lt=1)
    low_pass: float = _knob(0.01, "Optimiser", "blur of the gradient", "part of short side", ge=0, le=0.25)

    views: int = _knob(8, "Views", "views scored in a step; one a place at least", "views", ge=1, le=1024)
    chunk: int = _knob(0, "Views", "views in memory at once; 0 fits the model", "views", ge=0, le=1024)
    overview: float = _knob(0.85, "Views", "smallest view at the first step", "part of place", gt=0, le=1)
    detail: float = _knob(0.75, "Views", "smallest view at the last step", "part of place", gt=0, le=1)
    largest: float = _knob(
        1.15, "Views", "largest view; above 1 it sees past the edge", "part of place", gt=0, le=2
    )
    shift: float = _knob(0.0, "Views", "overhang of a view at the edge", "part of view", ge=0, le=1)
    rotate: float = _knob(7.0, "Views", "turn of a view, either way, at most", "degrees", ge=0, le=180)
    perspective: float = _knob(0.03, "Views", "travel of a view's corners", "part of view", ge=0, le=0.4)
    flip: float = _knob(0.0, "Views", "mirrored views", "part of views", ge=0, le=1)
    jitter: float = _knob(0.2, "Views", "change of brightness, contrast, saturation", "0 to 1", ge=0, le=1)
    noise: float = _knob(0.06, "Views", "standard deviation of the noise", "0 to 1", ge=0, le=1)
    erase: float = _knob(0.0, "Views", "views with a box blotted out", "part of views", ge=0, le=1)

    tv: float = _knob(0.0, "Regularisers", "total variation: more is smoother", "weight", ge=0, le=1000)
    range: float = _knob(
        1.0, "Regularisers", "pull of colours into what a screen shows", "weight", ge=0, le=1000
    )
    saturation: float = _knob(0.1, "Regularisers", "pull of colours towards grey", "weight", ge=0, le=1000)
    ink: float = _knob(0.06, "Regularisers", "price of leaving the paper's colour", "weight", ge=0, le=1000)
    margin: float = _knob(
        6.0, "Regularisers", "price of drawing near a place's edge", "weight", ge=0, le=1000
    )

    stages: tuple[Stage, ...] = Field((), max_length=20, description="stretches with settings of their own")

    @field_validator("until")
    @classmethod
    def _until_reads(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_target(value)
            except UsageError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("paper")
    @classmethod
    def _paper_is_a_colour(cls, value: str) -> str:
        from PIL import ImageColor

        try:
            ImageColor.getrgb(value)
        except ValueError:
            raise ValueError(f"{value!r} is no colour. Type a name such as white, or #rrggbb") from None
        return value

    @model_validator(mode="after")
    def _stages_are_in_range(self) -> Self:
        for stage in self.stages:
            Recipe.model_validate(self.model_dump(exclude={"stages"}) | _overrides(stage))
        return self

    @property
    def target(self) -> Target | None:
        """`until` as a value, None where the run does not stop on a score."""
        return None if self.until is None else parse_target(self.until)

    @property
    def judged_by(self) -> str:
        """Name of the CLIP that judges: `judge`, else the first fetched of `clip`, else an embedded one.

        So a picture that climbed the embedded critic is seen by a model that had no part in it, and a picture
        of a large CLIP is not left to a small one.
        """
        climbed = [spec.split("::")[0] for spec in self.clip]
        fetched = [name for name in climbed if name not in embedded.NAMES]
        idle = [name for name in (embedded.JUDGE, embedded.CLIP) if name not in climbed]
        return self.judge or (fetched or idle or [embedded.JUDGE])[0]

    @property
    def parts_apart(self) -> bool:
        """Whether parts of one weight have a place each.

        A large CLIP can make one thing of two; a tiny one makes a muddle.
        """
        return bool(self._settled("layout") == "apart")

    @property
    def metric(self) -> Distance:
        """The distance in force.

        What a tiny CLIP asks for beyond being sure of its word, nobody else sees.
        """
        found: Distance = self._settled("distance")
        return found

    @property
    def tries(self) -> int:
        """How many starts are tried: one where a picture is the start.

        The steps of a tiny CLIP cost little, and from some starts it comes to a poorer picture.
        """
        return 1 if self.init is not None else int(self._settled("starts"))

    @property
    def method(self) -> str:
        """The optimiser of this canvas: on shapes Adam, so that small ones move as freely as large ones."""
        if self.optimizer != "auto":
            return self.optimizer
        return "adam" if self.canvas == "shapes" else "sgd"

    def _settled(self, name: str) -> Any:
        """Return the field `name`, or what it is by itself with the critics that climb."""
        given = getattr(self, name)
        tiny = all(spec.split("::")[0] in embedded.NAMES for spec in self.clip)
        return (_TINY if tiny else _FETCHED)[name] if given in ("auto", None) else given

    @property
    def moves(self) -> bool:
        """Whether the camera moves between steps."""
        return (self.zoom, self.spin, self.pan_x, self.pan_y) != (1, 0, 0, 0)

    def resolve(self) -> Recipe:
        """Return this recipe with a seed: its own, or one drawn now."""
        return self if self.seed is not None else self.with_(seed=draw_seed())

    def with_(self, **changes: Any) -> Recipe:
        """Return a validated copy with `changes`.

        Raises:
            UsageError: a key is unknown or a value out of range.
        """
        return make_recipe(self.model_dump() | changes)

    def at(self, step: int) -> Recipe:
        """Return the settings in force at `step` (1 to `steps`): the recipe with its stage laid over it."""
        stage = self.stage_at(step)
        if stage is None:
            return self
        return self.model_copy(update=_overrides(stage))

    def stage_at(self, step: int) -> Stage | None:
        """Return the stage that `step` (1 to `steps`) falls in, None where there are no stages."""
        total = sum(stage.share for stage in self.stages)
        end = 0.0
        for stage in self.stages:
            end += stage.share / total * self.steps
            if step <= math.floor(end + 1e-6) or stage is self.stages[-1]:
                return stage
        return None


def _overrides(stage: Stage) -> dict[str, Any]:
    return stage.model_dump(exclude={"name", "share"}, exclude_none=True)


def make_recipe(values: dict[str, Any]) -> Recipe:
    """Build a recipe from plain values, as a preset, a file or the command line gives them.

    Raises:
        UsageError: naming every wrong key with its allowed range, the nearest known key if unknown.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(dict(issue)) for issue in error.errors())) from None


def _explain(issue: dict[str, Any]) -> str:
    where = [str(part) for part in issue["loc"]]
    schema: type[_Schema] = Stage if where[:1] == ["stages"] else Recipe
    name = where[-1] if schema is Stage else (where[0] if where else "recipe")
    if issue["type"] == "extra_forbidden":
        hint = did_you_mean(name, schema.model_fields, quoted=True) or " `clipart --help` lists the options."
        return f"{'.'.join(where)}: no such setting.{hint}"
    if issue["type"] == "missing":
        return f"{'.'.join(where)}: is needed and not given."
    given = issue.get("input")
    message = str(issue["msg"]).removeprefix("Value error, ")
    field = schema.model_fields.get(name)
    about = f" ({field.description})" if field is not None and field.description else ""
    return f"{'.'.join(where) or 'recipe'} = {given!r}: {message[:1].lower()}{message[1:]}.{about}".replace(
        "..", "."
    )


def knobs() -> dict[str, FieldInfo]:
    """Return the fields that the command line offers, in schema order.

    `json_schema_extra` of each holds its panel ("group") and the unit of its value ("unit").
    """
    return {k: f for k, f in Recipe.model_fields.items() if isinstance(f.json_schema_extra, dict)}


def choices(annotation: Any) -> tuple[str, ...]:
    """Return the values of a `Literal` annotation, empty for any other."""
    return (
        tuple(str(value) for value in get_args(annotation))
        if getattr(annotation, "__origin__", None) is Literal
        else ()
    )
