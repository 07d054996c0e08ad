"""Everything that a run is made of, built from a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart import prompt as prompts
from clipart.canvas import Canvas, build_canvas, make_start
from clipart.canvas.camera import moved
from clipart.critic.clip import Clip, load_clip, split_weight
from clipart.critic.judge import Judge
from clipart.critic.layout import lay_out, places, require_room
from clipart.critic.objective import Objective
from clipart.critic.views import Views, sample_views
from clipart.device import pick_device
from clipart.errors import DivergedError
from clipart.models.vqgan import Vqgan, load_vqgan
from clipart.propose.gradient import GradientProposer, branch
from clipart.recipe import Recipe, Stage
from clipart.rng import Streams

_TRIED = 20  # steps of a start that is tried
_HARD = {"views": 48, "overview": 0.5, "detail": 0.5, "rotate": 20.0, "perspective": 0.1, "jitter": 0.4}
_HARD |= {"noise": 0.2, "erase": 0.5}
_FINENESS = 1.5  # pixels of a canvas of shapes for each of a view, along a side


class Session:
    """Everything that a run is made of, built from a recipe and ready for its first step."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe = recipe.resolve()
        self.prompt = prompts.parse(recipe.prompt, no=recipe.no)
        self.layout = lay_out(self.prompt, apart=recipe.parts_apart)
        require_room(self.layout.count, recipe.height, recipe.width)
        self.device = pick_device(recipe.device)
        self._take(start=0)  # before the models: a bad file fails at once
        self.vqgan: Vqgan | None = None
        if "vqgan" in {recipe.canvas, *(stage.canvas for stage in recipe.stages)}:
            self.vqgan = load_vqgan(recipe.vqgan, self.device, recipe.precision)
        models: dict[str, Clip] = {}

        def clip(name: str) -> Clip:
            if name not in models:
                models[name] = load_clip(name, self.device, recipe.precision)
            return models[name]

        critics = [(clip(name), weight) for name, weight in map(split_weight, recipe.clip)]
        self.objective = Objective(critics, self.prompt, recipe.metric, self.layout)
        self._side = max(model.side for model, _ in critics)
        self.judge = Judge(clip(recipe.judged_by), self.prompt, self.layout)
        self.stage: Stage | None = None
        self.step, self.seconds = 0, 0.0
        self.proposer = self._propose()

    def choose_start(self, stop_now: Callable[[], bool], trying: Callable[[int], None]) -> None:
        """Take a few steps from each of the recipe's starts, and begin with what the critics are surest of.

        They are asked about harder views than those that were climbed; the judge is not asked. `trying` is
        told the number of each start, from 1. Once `stop_now()`, no more starts are tried.
        """
        if self.recipe.tries == 1:
            return
        found: dict[int, float] = {}
        for start in range(self.recipe.tries):
            trying(start + 1)
            self._take(start)
            found[start] = self._try()
            if stop_now():
                break
        self._take(min(found, key=found.__getitem__))
        self.proposer = self._propose()

    def _take(self, start: int) -> None:
        """Put the session's streams, and what is shown, at the beginning of one of the starts."""
        self.start, self.streams = start, Streams(self.recipe.seed or 0, start)
        self.shown = make_start(self.recipe, self.streams.init).to(self.device)

    def _propose(self) -> GradientProposer:
        fresh, settings = self.streams.init if self.recipe.init is None else None, self.recipe.at(1)
        return GradientProposer(self._canvas(settings, fresh), settings)

    def _try(self) -> float:
        """Return the critics' loss after the first steps from here, in hard views: the less, the surer."""
        settings, proposer, places = self.recipe.at(1), self._propose(), self.layout.count
        size = proposer.canvas.size

        def views(settings: Recipe, step: int) -> Views:
            return sample_views(settings, *size, step / self.recipe.steps, self.streams, places)

        try:
            for step in range(1, min(_TRIED, self.recipe.steps) + 1):
                proposer.step(self.objective, views(settings, step), settings, step)
        except DivergedError:
            return math.inf
        hard = views(settings.model_copy(update=_HARD), 1)
        return self.objective.loss(proposer.image().clamp(0, 1), hard, settings.chunk)

    @property
    def canvas(self) -> Canvas:
        """The canvas as it is now; a stage may put another in its place."""
        return self.proposer.canvas

    def state(self) -> dict[str, Tensor]:
        """Return everything that the rest of the run depends on, besides the recipe, as tensors by name."""
        tensors = {f"proposer/{name}": value for name, value in self.proposer.state().items()}
        tensors |= {f"stream/{name}": value for name, value in self.streams.state().items()}
        return tensors | {
            "shown": self.shown,
            "start": torch.tensor(self.start),
            "step": torch.tensor(self.step),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put a fresh session of the same recipe into a state taken by `state`, on whatever device."""
        self.step, self.seconds = int(tensors["step"]), float(tensors["seconds"])
        if self.step > 0:
            self.enter(self.step)
        self.start = int(tensors["start"])
        self.shown = tensors["shown"].to(self.device)
        self.streams.load(branch(tensors, "stream"))
        self.proposer.load(branch(tensors, "proposer"))

    def enter(self, step: int) -> Recipe:
        """Return the settings of `step`, having put the canvas at their kind and resolution."""
        settings, stage = self.recipe.at(step), self.recipe.stage_at(step)
        as_now = self.kind, self.canvas.size
        if stage is not self.stage and (settings.canvas, self._size(settings)) != as_now:
            self.proposer = GradientProposer(self._canvas(settings), settings, self.proposer.retries)
        self.stage = stage
        if settings.moves and step > 1:
            self._move(settings)
        return settings

    def _size(self, settings: Recipe) -> tuple[int, int]:
        """Return (height, width) of the canvas; shapes are climbed as fine as views, and shown in full."""
        scale = settings.scale or 1.0
        if settings.scale is None and settings.canvas == "shapes":
            there = places(self.layout.count, settings.height, settings.width)
            scale = min(1.0, _FINENESS * self._side / there.side)
        return max(8, round(settings.height * scale)), max(8, round(settings.width * scale))

    def _canvas(self, settings: Recipe, fresh: torch.Generator | None = None) -> Canvas:
        self.kind = settings.canvas
        start = F.interpolate(self.shown, size=self._size(settings), mode="bicubic", antialias=True)
        return build_canvas(settings, start, self.vqgan, fresh)

    @torch.no_grad()
    def _move(self, settings: Recipe) -> None:
        """Show the canvas, and what is shown, as the camera sees them now."""
        self.proposer.move(settings)
        self.shown = moved(self.shown, settings)

    @torch.no_grad()
    def show(self) -> None:
        """Fold the canvas into the moving average that is shown and kept."""
        image = self.proposer.image().clamp(0, 1)
        if image.shape != self.shown.shape:
            height, width = self.shown.shape[-2:]
            image = self.canvas.enlarged(image, height, width).clamp(0, 1)
        self.shown = torch.lerp(image, self.shown, self.recipe.ema)
