"""The settings of a recipe as keywords, for type checkers. Made by docs/make_settings.py from the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from PIL.Image import Image

    from clipart.models.spec import ModelSpec
    from clipart.stages import Stage
    from clipart.target import Target


class Settings(TypedDict, total=False):
    """Keywords of `clipart.generate`: the fields of `clipart.Recipe`, and `size` for `width` and `height`."""

    size: int | str | tuple[int, int]
    no: str | Sequence[str]
    template: str
    layout: Literal["auto", "apart", "blend"]
    image_prompt: str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image]
    style: str | PathLike[str] | Image | Sequence[str | PathLike[str] | Image]
    place: str | Sequence[str]
    steer: str | Sequence[str]
    width: int | None
    height: int | None
    seed: int | None
    init: str | PathLike[str] | Image | None
    init_strength: float
    mask: str | PathLike[str] | Image | None
    transparent: bool
    opacity: float
    paper: str | None
    static: float
    starts: int | None
    grain: float
    finish: str | Sequence[str]
    upscale: int
    steps: int
    until: str | float | Target | None
    seconds: float | None
    check_every: int
    clip: str | ModelSpec | Sequence[str | ModelSpec]
    judge: str | ModelSpec | None
    device: str
    precision: Literal["auto", "float32", "bfloat16"]
    aim: Literal["text", "centred", "bridged"]
    distance: Literal["auto", "contrast", "cosine", "spherical"]
    process: str
    canvas: str
    vqgan: str | PathLike[str] | ModelSpec | None
    codes: float
    pull: float
    shapes: int
    strokes: int
    palette: str | Sequence[str]
    colours: int
    grid: int
    mutants: int
    symmetry: str
    tile: bool
    colour: Literal["decorrelated", "rgb"]
    falloff: float
    scale: float | None
    zoom: float
    spin: float
    pan_x: float
    pan_y: float
    optimizer: Literal["auto", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd"]
    lr: float
    momentum: float
    schedule: Literal["constant", "cosine", "linear"]
    warmup: float
    ema: float
    low_pass: float | None
    views: int
    share_views: bool | None
    chunk: int
    overview: float
    detail: float
    largest: float
    shift: float
    rotate: float
    perspective: float
    flip: float
    jitter: float
    noise: float
    erase: float
    tv: float
    range: float
    saturation: float
    ink: float
    margin: float
    keep: float | None
    stages: Sequence[Stage | Mapping[str, Any]]
    extras: Mapping[str, bool | int | float | str]
