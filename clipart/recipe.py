"""The recipe: one schema behind the API, the presets, the command line and what a run leaves behind.

A `Recipe` is everything that decides a picture, and nothing else: no output folder, no progress bar.
Each field is one keyword of `clipart.generate`, one key of a preset and one option of the command
line, under one name.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from clipart import limits
from clipart.around import require_fitting
from clipart.fields import (
    AimKind,
    CanvasName,
    Chain,
    Colour,
    Critics,
    DeviceName,
    Distance,
    Extra,
    JudgeSpec,
    LayoutKind,
    Names,
    OptimizerKind,
    Palette,
    PaletteColour,
    PictureName,
    Precision,
    ProcessName,
    Schedule,
    Shown,
    Steers,
    Styles,
    SymmetryKind,
    Template,
    Texts,
    Until,
    VqganSpec,
    knob,
    listed,
    refusing,
)
from clipart.finish.chain import enlarged, enlargement, name_of
from clipart.keeping import keeping
from clipart.layout import SIDE, lay_out
from clipart.models.registry import critics
from clipart.palettes import is_file
from clipart.prompt import Prompt, parse
from clipart.rng import MAX_SEED
from clipart.schema import Schema
from clipart.shown import parts_of, read_shown
from clipart.stages import Stage, stage_at
from clipart.steering import require_steerable
from clipart.template import MARK
from clipart.values import sized

SHOWN = ("image_prompt", "style")
GROUPS = ("Prompt", "Picture", "Stopping", "Model", "Canvas", "Optimiser", "Views", "Regularisers")


class Recipe(Schema):
    """Everything that decides a picture. Frozen; unknown keys are refused.

    `size` may be given in place of `width` and `height`: 512, (512, 384) or "512x384".
    A setting that is None or "auto" is left open: `resolve` gives it the value that it has in a run, and
    notes in `left` that nobody chose it. A resolved recipe on one machine, one set of versions and one thread
    count gives one picture.
    """

    inner: ClassVar[dict[str, type[Schema]]] = {"stages": Stage}

    prompt: str = knob(..., "Prompt", "what to draw: parts, each followed by :: and its weight")
    no: Texts = knob((), "Prompt", "text to avoid, with weight -0.5 (repeatable)", max_length=limits.AVOIDED)
    template: Template = knob(MARK, "Prompt", "words around each part, which is {prompt} in it")
    layout: LayoutKind = knob("auto", "Prompt", "heaviest parts side by side, or as one blend")
    image_prompt: Shown = knob((), "Prompt", "picture as a part, FILE or FILE::WEIGHT (repeatable)", "FILE")
    style: Styles = knob((), "Prompt", "picture whose look is wanted, FILE or FILE::WEIGHT", "FILE")
    place: Texts = knob(
        (), "Prompt", "box of a part: PART=left, PART=X%,Y%,W%,H% (repeatable)", max_length=16
    )
    steer: Steers = knob((), "Prompt", "weights of the parts from a step on: STEP=W,W (repeatable)", "TEXT")

    width: int | None = knob(None, "Picture", "width; default: by what is drawn", "pixels", ge=16, le=8192)
    height: int | None = knob(None, "Picture", "height; default: by what is drawn", "pixels", ge=16, le=8192)
    seed: int | None = knob(
        None, "Picture", "seed of all random choices; default: drawn anew", ge=0, le=MAX_SEED
    )
    init: PictureName | None = knob(None, "Picture", "picture to start from", "file")
    init_strength: float = knob(
        0.6, "Picture", "how far --init is kept: 0 it is ignored, 1 it hardly changes", "0 to 1", ge=0, le=1
    )
    mask: PictureName | None = knob(
        None, "Picture", "what of --init may change: white may, black stays", "file"
    )
    transparent: bool = knob(False, "Picture", "the thing alone, on a transparent ground")
    opacity: float = knob(
        0.3, "Picture", "part of a --transparent picture that is opaque", "0 to 1", gt=0, le=1
    )
    paper: PaletteColour | None = knob(None, "Picture", "colour of the paper; default white, or --style's")
    static: float = knob(0.1, "Picture", "contrast of the random static at the start", "0 to 1", ge=0, le=1)
    starts: int | None = knob(
        None, "Picture", "starts to try; default 6, with a fetched CLIP 1", "starts", ge=1, le=100
    )
    grain: float = knob(0.1, "Picture", "grain of the static: 0 broad clouds, 1 specks", "0 to 1", ge=0, le=1)
    finish: Chain | None = knob(
        None, "Picture", "last steps, or none (default clean,paper,crisp)", joined=True
    )
    upscale: int = knob(1, "Picture", "enlarge the finished picture 1 to 4 times", "times", ge=1, le=4)

    steps: int = knob(500, "Stopping", "largest number of steps", "steps", ge=1, le=1_000_000)
    until: Until | None = knob(None, "Stopping", "stop when all parts match: 80%, or cosine 0.31")
    seconds: float | None = knob(None, "Stopping", "stop after this many seconds", "seconds", gt=0)
    check_every: int = knob(25, "Stopping", "steps between two checks by the judge", "steps", ge=1, le=10_000)

    clip: Critics = knob(
        critics(),
        "Model",
        "CLIP that the picture is optimised for (repeatable)",
        "NAME[::WEIGHT]",
        min_length=1,
        max_length=limits.CRITICS,
    )
    judge: JudgeSpec | None = knob(None, "Model", "CLIP whose match --until and the summary use", "NAME")
    device: DeviceName = knob("auto", "Model", "where to compute: auto, cpu, mps, cuda or cuda:N")
    precision: Precision = knob("auto", "Model", "number format of the CLIP")
    aim: AimKind = knob("text", "Model", "what a view comes near: the text, or one nearer to pictures")
    distance: Distance = knob("auto", "Model", "distance from a view to a text")

    process: ProcessName = knob("gradient", "Canvas", "how a step changes the canvas")
    canvas: CanvasName = knob("multires", "Canvas", "what the picture is made of")
    vqgan: VqganSpec | None = knob(
        None, "Canvas", "VQGAN for --canvas vqgan; default: the embedded one", "FILE"
    )
    codes: float = knob(0.5, "Canvas", "share of random codes at a VQGAN's start", "0 to 1", ge=0, le=1)
    pull: float = knob(
        0.0,
        "Canvas",
        "VQGAN latents: part of the way to the mean per step",
        "part a step",
        ge=0,
        le=1,
    )
    shapes: int = knob(32, "Canvas", "number of pieces on --canvas shapes", "pieces", ge=1, le=512)
    strokes: int = knob(48, "Canvas", "number of strokes on --canvas strokes", "pieces", ge=1, le=512)
    palette: Palette = knob(
        (),
        "Canvas",
        "colours of --canvas palette and pixelart, or a FILE that has them; default: learned",
        "COLOURS",
        joined=True,
        max_length=64,
    )
    colours: int = knob(8, "Canvas", "number of colours that are learned", "colours", ge=2, le=64)
    grid: int = knob(32, "Canvas", "short side of --canvas pixelart in cells", "cells", ge=4, le=256)
    mutants: int = knob(8, "Canvas", "changes tried per step of --process mutate", "changes", ge=1, le=512)
    symmetry: SymmetryKind = knob(
        "none", "Canvas", "none, mirror, quarter, or kaleidoscope:N for N-fold", "KIND"
    )
    tile: bool = knob(False, "Canvas", "a tile that is repeated without a seam, as wallpaper")
    colour: Colour = knob("rgb", "Canvas", "colour space that is optimised")
    falloff: float = knob(1.0, "Canvas", "how much slower fine detail changes", "0 to 2", ge=0, le=2)
    scale: float | None = knob(
        None, "Canvas", "canvas pixels per picture pixel; default 1, shapes less", "0 to 1", gt=0, le=1
    )
    zoom: float = knob(
        1.0, "Canvas", "times that the camera enlarges the picture per step", "times a step", ge=0.5, le=2
    )
    spin: float = knob(
        0.0, "Canvas", "degrees that the picture turns clockwise per step", "degrees a step", ge=-180, le=180
    )
    pan_x: float = knob(
        0.0, "Canvas", "pixels that the camera moves right per step", "pixels a step", ge=-512, le=512
    )
    pan_y: float = knob(
        0.0, "Canvas", "pixels that the camera moves down per step", "pixels a step", ge=-512, le=512
    )

    optimizer: OptimizerKind = knob("auto", "Optimiser", "gradient method; auto is adam for shapes, else sgd")
    lr: float = knob(
        0.1, "Optimiser", "learning rate, colour per step; 1: black to white", "colour a step", gt=0, le=10
    )
    momentum: float = knob(0.9, "Optimiser", "momentum; of Adam, beta 1", "0 to 1", ge=0, lt=1)
    schedule: Schedule = knob("cosine", "Optimiser", "how the learning rate falls over the steps")
    warmup: float = knob(0.02, "Optimiser", "part of the steps in which the rate rises", "0 to 1", ge=0, le=1)
    ema: float = knob(0.9, "Optimiser", "weight of the past in the shown average", "0 to 1", ge=0, lt=1)
    low_pass: float | None = knob(
        None, "Optimiser", "blur of the gradient; default by the CLIP", "part of short side", ge=0, le=0.25
    )

    views: int = knob(
        8, "Views", "views scored per step; at least one for each place", "views", ge=1, le=1024
    )
    share_views: bool | None = knob(
        None, "Views", "each of several CLIPs sees its share of the views; default if embedded"
    )
    chunk: int = knob(0, "Views", "views in memory at once; 0: chosen for the model", "views", ge=0, le=1024)
    overview: float = knob(
        0.95, "Views", "smallest view at the first step, part of its place", "part of place", gt=0, le=1
    )
    detail: float = knob(
        0.84, "Views", "smallest view at the last step, part of its place", "part of place", gt=0, le=1
    )
    largest: float = knob(
        1.29,
        "Views",
        "largest view, part of its place; above 1: beyond it",
        "part of place",
        gt=0,
        le=2,
    )
    shift: float = knob(
        0.0, "Views", "part of a view that may lie outside the picture", "part of view", ge=0, le=1
    )
    rotate: float = knob(
        7.0, "Views", "largest turn of a view, either way, in degrees", "degrees", ge=0, le=180
    )
    perspective: float = knob(
        0.03, "Views", "largest shift of a view's corners, part of the view", "part of view", ge=0, le=0.4
    )
    flip: float = knob(0.0, "Views", "part of the views that are mirrored", "part of views", ge=0, le=1)
    jitter: float = knob(0.2, "Views", "change of brightness, contrast, saturation", "0 to 1", ge=0, le=1)
    noise: float = knob(0.06, "Views", "standard deviation of noise on the views", "0 to 1", ge=0, le=1)
    erase: float = knob(
        0.0, "Views", "part of the views in which a box is blanked out", "part of views", ge=0, le=1
    )

    tv: float = knob(
        0.0, "Regularisers", "weight of total variation; more is smoother", "weight", ge=0, le=1000
    )
    range: float = knob(
        1.0, "Regularisers", "weight against colours that a screen cannot show", "weight", ge=0, le=1000
    )
    saturation: float = knob(0.1, "Regularisers", "weight against strong colours", "weight", ge=0, le=1000)
    ink: float = knob(
        0.06, "Regularisers", "weight against colours other than the paper's", "weight", ge=0, le=1000
    )
    margin: float = knob(
        6.0,
        "Regularisers",
        "weight against drawing near the edge of a place; 0 under a camera",
        "weight",
        ge=0,
        le=1000,
    )
    keep: float | None = knob(
        None,
        "Regularisers",
        "weight against leaving --init; default by its strength",
        "weight",
        ge=0,
        le=1000,
    )

    stages: tuple[Stage, ...] = listed("stretches with settings of their own", 20)
    extras: dict[str, Extra] = Field(
        default={}, max_length=100, description="settings of parts of other packages"
    )
    left: Names = listed("settings that were left open when the run began", limits.NAMES_LEFT)

    @field_validator("no")
    @classmethod
    def _prompt_reads(cls, no: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("prompt", "").strip():  # without it, a picture may stand in its place
            refusing(lambda text: parse(text, no=no))(info.data.get("prompt", ""))
        return no

    @model_validator(mode="after")
    def _stages_are_in_range(self) -> Self:
        for stage in self.stages:
            # not by `model_validate`: pydantic adds what is wrong here to what is wrong elsewhere
            Recipe.__pydantic_validator__.validate_python(
                self.model_dump(exclude={"stages"}) | stage.overrides
            )
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        refusing(require_fitting)(self)
        refusing(require_steerable)(self)
        refusing(lambda recipe: lay_out(recipe.parts, apart=True, boxes=recipe.place))(self)
        return self

    @cached_property
    def parts(self) -> Prompt:
        """`prompt` within `template`, `no` and `image_prompt` as the parts that they say."""
        return parts_of(self.prompt, self.no, self.image_prompt, self.template)

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """The pictures of the user's that are read, by the setting that names them, as names of files."""
        single = {name: (kept,) for name in ("init", "mask") if (kept := getattr(self, name)) is not None}
        several = {name: tuple(read_shown(each)[0] for each in getattr(self, name)) for name in SHOWN}
        colours = tuple(each for each in self.palette if is_file(each))
        return {name: found for name, found in (single | several | {"palette": colours}).items() if found}

    @property
    def title(self) -> str:
        """The prompt, or the names of the pictures that stand in its place."""
        return self.prompt or ", ".join(part.text for part in self.parts.parts)

    @property
    def canvases(self) -> tuple[str, ...]:
        """The names of all canvases that the run has, each once, its own first."""
        return tuple(dict.fromkeys([self.canvas, *(stage.canvas for stage in self.stages if stage.canvas)]))

    @property
    def critics(self) -> tuple[str, ...]:
        """The names of all CLIPs that the run climbs, each once, its own first."""
        every = [*self.clip, *(spec for stage in self.stages for spec in stage.clip or ())]
        return tuple(dict.fromkeys(spec.name for spec in every))

    @property
    def chain(self) -> tuple[str, ...]:
        """The finish steps with `upscale` among them."""
        return enlarged(self.finish or (), self.upscale)

    @property
    def has_alpha(self) -> bool:
        """Whether the finished picture may be transparent."""
        return self.transparent or any(name_of(step) == "cutout" for step in self.finish or ())

    @property
    def picture(self) -> str | None:
        """The picture to start from, `init` unless its strength is 0."""
        return self.init if self.init_strength > 0 else None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels; those of one thing where they are open yet."""
        return self.height or SIDE, self.width or SIDE

    @property
    def longest(self) -> int:
        """The longer side of the finished picture, in pixels."""
        return max(self.shape) * enlargement(self.chain)

    @property
    def shares(self) -> int:
        """Among how many CLIPs the views are divided."""
        return len(self.clip) if self.share_views else 1

    @property
    def moves(self) -> bool:
        """Whether the camera moves between steps."""
        return (self.zoom, self.spin, self.pan_x, self.pan_y) != (1, 0, 0, 0)

    def resolve(self) -> Recipe:
        """Return this recipe with every value as used; what was open is named in `left` (`clipart.settle`).

        Raises:
            UsageError, ModelError: a device, or a model whose configuration is needed, is not on this
                machine.
        """
        from clipart.settle import settle

        return settle(self)

    def with_(self, **changes: Any) -> Recipe:
        """Return a validated copy with `changes`; what was left open and follows from them is open again.

        Raises:
            UsageError: a key is unknown or a value out of range.
        """
        from clipart.settle import reopen

        changes = sized(changes)
        return make_recipe(reopen(self, changes) | changes)

    def at(self, step: int) -> Recipe:
        """Return the settings in force at `step` (1 to `steps`): the recipe with its stage laid over it.

        Where a picture is kept they are those that keep it (`clipart.keeping`). Under a moving camera the
        edge has no price: everything crosses it, and a price would leave the paper empty.
        """
        stage = self.stage_at(step)
        settings = self if stage is None else self.model_copy(update=stage.overrides)
        if self.moves:
            settings = settings.model_copy(update={"margin": 0.0})
        return keeping(settings) if settings.keep and settings.picture is not None else settings

    def stage_at(self, step: int) -> Stage | None:
        """Return the stage that `step` (1 to `steps`) falls in, None where there are no stages."""
        return stage_at(self.stages, step, self.steps)


def make_recipe(values: dict[str, Any]) -> Recipe:
    """Build a recipe from plain values, as a preset, a file or the command line gives them.

    Raises:
        UsageError: naming every wrong key with its allowed range, the nearest known key if unknown.
    """
    return Recipe(**values)
