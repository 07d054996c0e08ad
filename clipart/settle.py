"""Settling: a setting that a recipe leaves open gets its value once, before the run, and keeps it.

So what a run leaves behind holds every value as used, and a picture replays the same when a default changes.
The recipe notes in `left` which values nobody chose: when another critic or canvas takes the place of the old
one, those that follow from it are settled anew (`reopen`), and those that somebody chose stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clipart.canvas import CANVASES
from clipart.errors import UsageError
from clipart.keeping import pull
from clipart.layout import SIDE, lay_out, sheet, smallest
from clipart.models import registry, source
from clipart.models.needed import LOADERS, needed_by
from clipart.palettes import edge_colour, taken
from clipart.process import PROCESSES
from clipart.recipe import Recipe, make_recipe
from clipart.rng import draw_seed
from clipart.stages import Stage


@dataclass(frozen=True)
class Open:
    """A setting that may be left open.

    Attributes:
        follows: the settings that its value follows from; when one of them changes, it is settled anew.
        value: its value in a recipe whose settings before it in `OPEN` are settled.
    """

    follows: tuple[str, ...]
    value: Callable[[Recipe], Any]


def _traits(recipe: Recipe) -> registry.Traits:
    return registry.traits(spec.name for spec in recipe.clip)


def _layout(recipe: Recipe) -> str:
    if recipe.place:
        return "apart"
    return "blend" if recipe.symmetry != "none" else _traits(recipe).layout


def _paper(recipe: Recipe) -> str:
    """Return the colour of the edge of the style's picture, so that the price on ink is one on leaving it."""
    return edge_colour(recipe.files["style"][0], "--style") if recipe.style else "white"


def _width(recipe: Recipe) -> int:
    return SIDE if recipe.height is not None else _sheet(recipe)[1]


def _height(recipe: Recipe) -> int:
    return _sheet(recipe)[0] if "width" in recipe.left else SIDE


def _sheet(recipe: Recipe) -> tuple[int, int]:
    """Return height and width that suit the number of things; a picture to begin with is cut to a square."""
    if recipe.picture is not None:
        return SIDE, SIDE
    return sheet(lay_out(recipe.parts, apart=recipe.layout == "apart", boxes=recipe.place))


def _starts(recipe: Recipe) -> int:
    return 1 if recipe.picture is not None else _traits(recipe.at(1)).starts


def _keep(recipe: Recipe) -> float | None:
    return None if recipe.init is None else pull(recipe.init_strength)


def _judge(recipe: Recipe) -> str:
    return registry.judge_of([spec.name for spec in recipe.clip])


def _device(recipe: Recipe) -> str:
    from clipart.device import pick_device

    return str(pick_device("auto"))


def _precision(recipe: Recipe) -> str:
    from clipart.device import pick_device, pick_dtype

    return str(pick_dtype("auto", pick_device(recipe.device))).removeprefix("torch.")


def _needed(name: str) -> Open:
    """Return the setting that names the model `name`, which is open where a canvas needs that model."""

    def value(recipe: Recipe) -> str | None:
        return registry.default(name) if name in needed_by(recipe) else None

    return Open(("canvas", "stages"), value)


def _optimizer(recipe: Recipe) -> str:
    return CANVASES[recipe.canvas].optimizer


def _finish(recipe: Recipe) -> tuple[str, ...]:
    last = recipe.stages[-1].canvas if recipe.stages else None
    own = CANVASES[last or recipe.canvas].finish
    return (*own, *_traits(recipe).finish) if own else own


def _scale(recipe: Recipe) -> float:
    """Return the canvas's resolution against the picture's, by the canvas's own policy."""
    fineness = CANVASES[recipe.canvas].fineness
    if fineness is None:
        return 1.0
    layout = lay_out(recipe.parts, apart=recipe.layout == "apart", boxes=recipe.place)
    view = max(source.side(spec.name) for spec in recipe.clip)
    return min(1.0, fineness * view / smallest(layout, *recipe.shape))


# In the order in which they are settled: each may follow from those above it.
OPEN: dict[str, Open] = {
    "seed": Open((), lambda recipe: draw_seed()),
    "device": Open((), _device),
    "precision": Open(("device",), _precision),
    "layout": Open(("clip", "place", "symmetry"), _layout),
    "paper": Open(("style",), _paper),
    "width": Open((), _width),
    "height": Open((), _height),
    "distance": Open(("clip",), lambda recipe: _traits(recipe).distance),
    "starts": Open(("clip", "stages", "init", "init_strength"), _starts),
    "low_pass": Open(("clip",), lambda recipe: _traits(recipe).low_pass),
    "share_views": Open(("clip",), lambda recipe: _traits(recipe).share_views),
    "keep": Open(("init", "init_strength"), _keep),
    "judge": Open(("clip",), _judge),
    **{name: _needed(name) for name in LOADERS},
    "optimizer": Open(("canvas",), _optimizer),
    "finish": Open(("canvas", "stages", "clip"), _finish),
    "scale": Open(
        ("canvas", "clip", "layout", "place", "prompt", "no", "image_prompt", "width", "height"), _scale
    ),
}
_OF_STAGES = ("optimizer", "scale")  # what a stage with a canvas of its own settles for itself
_LEFT_OPEN = (None, "auto")
_EXTRA = "extras."  # before the name of a part's own setting, in `left`


def settle(recipe: Recipe) -> Recipe:
    """Return `recipe` with every value as used, those that were open named in `left`.

    Raises:
        UsageError: this machine has no such device; a setting in `extras` that no part has; a palette's file
            that is no picture.
        ModelError: the configuration of a model that a value follows from is not on this machine.
    """
    recipe = make_recipe(recipe.model_dump() | {"palette": taken(recipe.palette, recipe.colours)})
    given = recipe
    for name, open_ in OPEN.items():
        if getattr(recipe, name) in _LEFT_OPEN and (value := open_.value(recipe)) is not None:
            left = tuple(dict.fromkeys([*recipe.left, name]))
            recipe = make_recipe(recipe.model_dump() | {name: value, "left": left})
    stages = tuple(_settle_stage(given, recipe, stage) for stage in recipe.stages)
    return make_recipe(recipe.model_dump() | _settle_extras(recipe) | {"stages": stages})


def _settle_stage(given: Recipe, recipe: Recipe, stage: Stage) -> Stage:
    """Return `stage` with what is open in it and in the recipe `given`, where it has a canvas of its own."""
    if stage.canvas is None:
        return stage
    there, left, found = recipe.model_copy(update={"canvas": stage.canvas}), list(stage.left), {}
    for name in _OF_STAGES:
        was_open = getattr(given, name) in _LEFT_OPEN or name in given.left
        if getattr(stage, name) in _LEFT_OPEN and was_open:
            found[name] = OPEN[name].value(there)
            left.append(name)
    return stage.model_copy(update={**found, "left": tuple(dict.fromkeys(left))})


def _own_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of their own that the parts of `recipe` have, with their defaults."""
    found: dict[str, Any] = {}
    for canvas in recipe.canvases:
        found |= CANVASES[canvas].extras
    for process in (recipe.process, *(stage.process for stage in recipe.stages if stage.process is not None)):
        found |= PROCESSES[process].extras
    return found


def _settle_extras(recipe: Recipe) -> dict[str, Any]:
    """Return `extras` with the defaults of what is not given, and `left` with their names.

    Raises:
        UsageError: no part of this recipe has a setting of that name, or it is of another type.
    """
    known = _own_settings(recipe)
    for name, value in recipe.extras.items():
        if name not in known:
            there = f"There is: {', '.join(known)}." if known else "They have none."
            raise UsageError(f"extras.{name}: no such setting of this canvas and process. {there}")
        kind = (int, float) if isinstance(known[name], float) else type(known[name])
        if not isinstance(value, kind):
            raise UsageError(f"extras.{name} = {value!r}: type a value such as {known[name]!r}.")
    left = (f"{_EXTRA}{name}" for name in known if name not in recipe.extras)
    return {"extras": known | recipe.extras, "left": tuple(dict.fromkeys([*recipe.left, *left]))}


def on_this_machine(recipe: Recipe) -> Recipe:
    """Return `recipe` with device and precision open again if nobody chose them and they are not here."""
    from clipart.device import has_bfloat16, pick_device

    if "device" in recipe.left:
        try:
            pick_device(recipe.device)
        except UsageError:
            return recipe.with_(device="auto")
    if (
        "precision" in recipe.left
        and recipe.precision == "bfloat16"
        and not has_bfloat16(pick_device(recipe.device))
    ):
        return recipe.with_(precision="auto")
    return recipe


def reopen(recipe: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `recipe`, open again where they had been left open and follow from `changes`.

    A setting among `changes` counts as chosen from now on. Settings of a part that is no longer used are
    dropped.
    """
    values = recipe.model_dump()
    moved = {name for name, value in changes.items() if values.get(name) != value}
    for name, open_ in OPEN.items():
        if name in recipe.left and name not in changes and moved & {*open_.follows}:
            values[name] = Recipe.model_fields[name].default
            moved.add(name)
    if "stages" not in changes:
        values["stages"] = [_reopen_stage(stage, moved) for stage in values["stages"]]
    values["left"] = tuple(name for name in recipe.left if name not in moved and name not in changes)
    if recipe.extras and moved & {"canvas", "process", "stages"}:
        bare = {**values, **changes, "extras": {}}
        values["extras"] = {k: v for k, v in recipe.extras.items() if k in _own_settings(make_recipe(bare))}
        gone = {f"{_EXTRA}{name}" for name in recipe.extras if name not in values["extras"]}
        values["left"] = tuple(name for name in values["left"] if name not in gone)
    return values


def _reopen_stage(stage: dict[str, Any], moved: set[str]) -> dict[str, Any]:
    again = {name for name in stage["left"] if moved & {name, *OPEN[name].follows}}
    left = tuple(name for name in stage["left"] if name not in again)
    return stage | dict.fromkeys(again) | {"left": left}
