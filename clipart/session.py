"""Everything that a run is made of, built from a recipe: models, objective, judge, canvas and process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.canvas import CANVASES
from clipart.canvas.base import Canvas, over
from clipart.canvas.camera import moved
from clipart.canvas.mapped import MappedCanvas, mapped, read_held
from clipart.canvas.size import at_most_small, canvas_size, whole_size
from clipart.canvas.start import make_kept, make_start, paper_colour
from clipart.critic.clip import Clip, load_clip
from clipart.critic.held import parts_with_concepts, read_pictures, styles_of
from clipart.critic.judge import Judge
from clipart.critic.objective import Objective
from clipart.critic.views import sample_views
from clipart.device import pick_device
from clipart.errors import ClipartError
from clipart.finish.chain import leaves, make_chain
from clipart.iterates import Check
from clipart.layout import lay_out, require_room
from clipart.memory import require_memory
from clipart.models.needed import load_needed, needed_by
from clipart.models.source import require_here
from clipart.process import PROCESSES
from clipart.process.base import Process, Step, branch
from clipart.recipe import Recipe
from clipart.rng import Streams
from clipart.shelf import once
from clipart.stages import Stage
from clipart.steering import steered
from clipart.surroundings import as_needed

_MUCH = 0.1  # of what is shown
_OF_A_START = ("start", "streams", "shown", "kept", "process", "_built")


def shared_clip(name: str, device: torch.device, precision: str) -> Clip:
    """Return the CLIP called `name`, that of an earlier run where models are shared (`clipart.shelf`)."""
    return once(("clip", name, str(device), precision), partial(load_clip, name, device, precision))


class StateError(ClipartError):
    """A saved state that is not one of this recipe's session; the message is the reason alone."""


@contextmanager
def _fitting() -> Iterator[None]:
    """Turn what torch and Python say about tensors that do not fit into one error."""
    try:
        yield
    except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise StateError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


class Session:
    """Everything that a run is made of, and how far it is.

    A new session is ready for its first step; `restore` makes one that goes on where another was saved.

    Args:
        recipe: open settings are settled; `session.recipe` has every value as used.

    Raises:
        UsageError, ModelError: the recipe does not fit this machine, or a model is missing.
    """

    @as_needed()
    def __init__(self, recipe: Recipe) -> None:
        self._prepare(recipe)
        held = read_held(self.recipe) | read_pictures(self.recipe)
        self.held = {name: each.to(self.device) for name, each in held.items()}
        self._place(0)  # before the models: a bad file fails at once
        self._load_models()
        self.process = self._begin()
        self._show_mapped()

    @classmethod
    @as_needed()
    def restore(cls, saved: dict[str, Tensor], recipe: Recipe, before: Recipe | None = None) -> Self:
        """Return the session of `recipe` in the state `saved`, which another's `state` returned.

        `before` is the recipe of that other, where `recipe` has more steps. The picture that `init` names is
        not read again: what became of it is in the state.

        Raises:
            StateError: the tensors are not those of such a session.
        """
        saved = {name: each.clone() if each.is_inference() else each for name, each in saved.items()}
        session = cls.__new__(cls)
        session._prepare(recipe)
        with _fitting():
            session._place_as(saved)
        session._load_models()
        with _fitting():
            session._load(saved, (before or recipe).resolve())
        return session

    def _prepare(self, recipe: Recipe) -> None:
        self.recipe = recipe = recipe.resolve()
        self.prompt = recipe.parts
        self.layout = lay_out(self.prompt, apart=recipe.layout == "apart", boxes=recipe.place)
        require_room(self.layout, *recipe.shape)
        self.device = pick_device(recipe.device)
        if self.device.type == "cpu":
            require_memory(recipe)
        self.step, self.seconds = 0, 0.0
        self.born = time.monotonic()
        self.stage: Stage | None = None

    def _load_models(self) -> None:
        recipe = self.recipe
        where = str(self.device), recipe.precision
        self.models = {
            name: once(
                (name, str(getattr(recipe, name, "")), *where),
                partial(load_needed, name, recipe, self.device),
            )
            for name in needed_by(recipe)
        }
        require_here([*recipe.critics, str(recipe.judge)])
        clips: dict[str, Clip] = {}

        def clip(name: str) -> Clip:
            if name not in clips:
                clips[name] = shared_clip(name, self.device, recipe.precision)
            return clips[name]

        every, judge = [clip(name) for name in recipe.critics], clip(str(recipe.judge))
        self.held |= parts_with_concepts([*every, judge], self.prompt, self.held)
        self._clips = clips
        self._climb(recipe.at(max(1, self.step)))
        self.judge = Judge(judge, self.prompt, self.layout, self.held)

    def _climb(self, settings: Recipe) -> None:
        """Take the critics of `settings`, those of a step, for the objective."""
        recipe, self._climbed = self.recipe, settings.clip
        critics = [(self._clips[spec.name], spec.weight) for spec in settings.clip]
        styles = styles_of(recipe, self.held)
        self.objective = Objective(
            critics, self.prompt, recipe.distance, self.layout, self.kept, self.held, styles, recipe.aim
        )

    @property
    def canvas(self) -> Canvas:
        """The canvas as it is now; a stage may put another in its place."""
        return self.process.canvas

    # --- the start ---

    def begin_at(self, start: int, *, small: bool = False) -> None:
        """Go back to before the first step, at `start` (from 0) of the recipe's starts.

        With `small` the canvas is no larger than is needed to try the start.
        """
        self._place(start)
        self.process = self._begin(small)
        self._show_mapped()

    @torch.no_grad()
    def _show_mapped(self) -> None:
        """Show the start as the maps of the canvas have it."""
        if isinstance(self.canvas, MappedCanvas):
            self.shown = self._picture()

    def aside(self) -> dict[str, Any]:
        """Return a start that is being tried as it is now, so that another can be tried before it goes on."""
        return {name: getattr(self, name) for name in _OF_A_START}

    def take_up(self, aside: dict[str, Any]) -> None:
        """Go on with a start that `aside` returned."""
        for name in _OF_A_START:
            setattr(self, name, aside[name])

    def _begin(self, small: bool = False) -> Process:
        """Return the process of the first step, on a canvas of what is shown."""
        fresh = self.streams.init if self.recipe.picture is None else None
        settings = self.recipe.at(1)
        size = canvas_size(settings, 1)
        return self._build(settings, at_most_small(size) if small else size, fresh, None)

    def _place(self, start: int) -> None:
        """Put the streams, and what is shown, at the beginning of one of the starts."""
        self.start, self.streams = start, Streams(self.recipe.seed or 0, start)
        self.shown = make_start(self.recipe, self.streams.init).to(self.device)
        self.kept = make_kept(self.recipe, self.shown)

    def _place_as(self, saved: dict[str, Tensor]) -> None:
        self.start = int(saved["start"])
        self.streams = Streams(self.recipe.seed or 0, self.start)
        self.shown = saved["shown"].to(self.device)
        self.kept = saved["kept"].to(self.device) if "kept" in saved else None
        self.held = {name: each.to(self.device) for name, each in branch(saved, "held").items()}

    # --- a step ---

    def enter_stage(self, step: int) -> None:
        """Begin the stage of `step` if it is another, with a canvas and process of its kind and size.

        Without stages the canvas may be due to grow.
        """
        settings, stage = self.recipe.at(step), self.recipe.stage_at(step)
        size = canvas_size(settings, step)
        is_new = stage is not self.stage and self._kind(settings, size) != self._built
        if is_new or (stage is None and size > self.canvas.size):
            self.process = self._build(settings, size, None, self.process)
        self.stage = stage

    @torch.no_grad()
    def move_camera(self, step: int) -> None:
        """Show canvas and average as the camera of `step` sees them; nothing moves before the first step."""
        settings = self.recipe.at(step)
        if settings.moves and step > 1:
            self.process.move(settings)
            self.shown = moved(self.shown, settings)

    def take_step(self, step: int, settings: Recipe) -> Step:
        """Let the process take `step` with `settings`, those of a step, in views that are drawn now.

        Raises:
            DivergedError: it cannot go on; the canvas is at its last good state.
        """
        if settings.clip != self._climbed:  # a stage has critics of its own
            self._climb(settings)
        if self.recipe.steer:
            self.objective.weigh(steered(self.prompt, self.recipe.steer, step))
        done = step / self.recipe.steps
        views = sample_views(settings, *self.canvas.size, done, self.streams, self.layout)
        return self.process.step(self.objective, views, settings, step)

    @torch.no_grad()
    def show(self, step: int, seconds: float) -> None:
        """Fold the canvas after `step`, `seconds` into the run, into the moving average that is shown."""
        self.shown = torch.lerp(self._picture(), self.shown, self.recipe.ema)
        self.step, self.seconds = step, seconds

    @torch.no_grad()
    def show_at_once(self) -> None:
        """Show the canvas itself, where the average still has much of the start in it: after few steps."""
        if self.recipe.ema**self.step > _MUCH:
            self.shown = self._picture()

    def _picture(self) -> Tensor:
        """Return the canvas at the size of the picture, (1, 3 or 4, height, width) in [0, 1]."""
        image = self.process.image().clamp(0, 1)
        if image.shape[-2:] != self.shown.shape[-2:]:
            height, width = self.shown.shape[-2:]
            image = self.canvas.enlarged(image, height, width).clamp(0, 1)
        return image

    @property
    def visible(self) -> Tensor:
        """What is shown, (1, 3, height, width); with an alpha channel, as it lies on the paper."""
        return over(self.shown, paper_colour(self.recipe).to(self.shown))

    @torch.no_grad()
    def finished(self) -> Tensor:
        """Return the finished picture, (3 or 4, H, W) in [0, 1] on the CPU, `upscale` as large.

        A canvas that renders itself larger is not enlarged.
        """
        recipe = self.recipe
        height, width = recipe.shape
        own = self.canvas.final(height * recipe.upscale, width * recipe.upscale)
        chain = make_chain(recipe.chain if own is None else recipe.finish or ())
        image = self.shown if own is None else own
        finished = chain(image[0].cpu())[None].to(image)
        return self.canvas.finished(finished)[0].clamp(0, 1).float().cpu()

    def leaves(self, finished: Tensor) -> dict[str, bytes]:
        """Return the files beside the picture `finished`, (3 or 4, H, W), by the ending of their name.

        What a canvas has itself, such as an exact SVG, goes before what a finish step has.
        """
        height, width = (side * self.recipe.upscale for side in self.recipe.shape)
        return leaves(self.recipe.chain, finished) | dict(self.canvas.leaves(height, width))

    def check(self) -> Check:
        """Let the judge look at what is shown; the weights are those of the step to come."""
        self.judge.prompt = steered(self.prompt, self.recipe.steer, self.step + 1)
        return self.judge.check(self.visible, self.step)

    # --- canvas and process ---

    def _kind(self, settings: Recipe, size: tuple[int, int]) -> tuple[Any, ...]:
        """Return what a canvas and its process are built anew for, where a stage has another."""
        return settings.canvas, settings.process, settings.optimizer, size

    def _build(
        self,
        settings: Recipe,
        size: tuple[int, int],
        generator: torch.Generator | None,
        before: Process | None,
    ) -> Process:
        self._built = self._kind(settings, size)
        start = F.interpolate(self.shown, size=size, mode="bicubic", antialias=True)
        canvas = CANVASES[settings.canvas].build(start[:, :3], settings, self.models, generator)
        canvas = mapped(canvas, start, settings, self.held)
        return PROCESSES[settings.process].build(canvas, settings, self.streams, before)

    # --- its state ---

    @as_needed()
    def state(self) -> dict[str, Tensor]:
        """Return everything that the rest of the run depends on, besides the recipe, as tensors by name."""
        tensors = {f"process/{name}": value for name, value in self.process.state().items()}
        tensors |= {f"stream/{name}": value for name, value in self.streams.state().items()}
        tensors |= {"kept": self.kept} if self.kept is not None else {}
        tensors |= {f"held/{name}": value for name, value in self.held.items()}
        return tensors | {
            "shown": self.shown,
            "start": torch.tensor(self.start),
            "step": torch.tensor(self.step),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }

    def _load(self, saved: dict[str, Tensor], before: Recipe) -> None:
        self.step, self.seconds = int(saved["step"]), float(saved["seconds"])
        if self.step > 0:
            self.stage = before.stage_at(self.step)
        settings = before.at(max(1, self.step))
        size = canvas_size(settings, max(1, self.step))
        start = saved.get("process/canvas/start")
        if start is not None and start.shape[-2:] == whole_size(
            settings
        ):  # of a version that did not grow it
            size = whole_size(settings)
        self.process = self._build(settings, size, None, None)
        self.streams.load(branch(saved, "stream"))
        self.process.load(branch(saved, "process"))
