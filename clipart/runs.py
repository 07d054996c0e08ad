"""One run from recipe to files: the loop, its consumers, the clean-up and what is left on disk."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from clipart.errors import ClipartError, UsageError
from clipart.finish.chain import make_chain
from clipart.iterates import Check, Iterate, StopReason
from clipart.loop import go_on
from clipart.notebook import Live, contact_sheet, is_notebook, plot
from clipart.notebook import result as shown
from clipart.pictures import from_pil
from clipart.presets import apply, load_preset
from clipart.recipe import Recipe, make_recipe
from clipart.record.checkpoint import Checkpoint, latest, require_allowed, require_newest, restore
from clipart.record.keep import Consumer, Outputs, Record, begin, go_on_in, new_id, reopen, require
from clipart.record.metadata import model_hashes, read_origin, require_harmless, tags
from clipart.record.owner import RunFolder
from clipart.record.render import Film, render
from clipart.record.trajectory import open_trajectory
from clipart.session import Session
from clipart.settings import Settings
from clipart.steering import steered_on
from clipart.surroundings import as_needed, mind_forks
from clipart.values import sized

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Consumer", "Outputs", "Result", "generate", "resume", "run"]


@dataclass(frozen=True)
class Result:
    """A finished run.

    `image` is the picture after the clean-up; `paths` maps "picture", "video", "recipe" and "log" to what was
    written; `timings` maps "start" (models, choice of a start), "steps", "record" (the part of them that went
    into trajectory and checkpoints) and "finish" (clean-up, picture, video) to seconds. `first` is the step
    that a resumed run went on from. A notebook shows picture, film, matches, and the command that repeats it.
    """

    image: Image
    check: Check
    recipe: Recipe
    paths: dict[str, Path]
    stop: StopReason
    steps: int
    seconds: float
    timings: dict[str, float] = field(default_factory=dict)
    first: int = 0

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, "PNG")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        recipe = self.paths.get("recipe")
        return shown(self.image, self.check.readings, recipe.parent if recipe else None)

    @property
    def folder(self) -> Path:
        """The folder of the run.

        Raises:
            UsageError: it has none, since `outputs` said so.
        """
        if "recipe" not in self.paths:
            raise UsageError("This run has no folder. Leave outputs out, or give Outputs(folder=...).")
        return self.paths["recipe"].parent

    def film(self, kind: str = "mp4", **film: Any) -> Path:
        """Write another film of the run into its folder and return its path.

        `kind` is mp4, webm, gif, apng or webp; `film` are fields of `clipart.record.render.Film`.

        Raises:
            UsageError, ClipartError: no folder, no trajectory, no such format, or it cannot be written.
        """
        try:
            made = Film(**film)
        except TypeError:
            known = ", ".join(Film.__dataclass_fields__)
            raise UsageError(f"film({', '.join(film)}): a film has {known}.") from None
        with RunFolder.open(self.folder) as folder:
            texts: dict[str, str] = {}
            with suppress(ClipartError):  # the picture carries no recipe, so the film does not either
                texts = tags(read_origin(self.paths["picture"]))
            last = from_pil(self.image).contiguous()
            render(open_trajectory(folder), folder.slot(f"video.{kind}"), made, last, texts)
        return self.folder / f"video.{kind}"

    def sheet(self, count: int = 12, size: int = 192) -> Image:
        """Return `count` moments of the run on one sheet, each at most `size` pixels a side, as a PIL image.

        Raises:
            UsageError: no folder, or no trajectory in it.
        """
        return contact_sheet(self.folder, count, size)

    def plot(self) -> Image:
        """Return the matches, losses and rates over the steps as a PIL image.

        Raises:
            UsageError: no folder, or no log in it.
        """
        return plot(self.folder)


def generate(
    prompt: str,
    *,
    preset: str | os.PathLike[str] | None = None,
    outputs: Outputs | None = None,
    consumers: Sequence[Consumer] = (),
    live: bool | None = None,
    **settings: Unpack[Settings],
) -> Result:
    """Make a picture of `prompt` and leave it, its video, recipe and log in a folder under `outputs/`.

    Args:
        prompt: what to draw, in the notation of docs/prompts.md.
        preset: a shipped preset's name, or the path of a preset file.
        outputs: where files go; `Outputs(folder=None)` writes none.
        consumers: called with every iterate, in order.
        live: show the picture while it is made, in the output of a notebook's cell; None: if this is one.
        settings: fields of `Recipe`; they go before the preset's. `size` is `width` and `height` in one, as
            512, (512, 384) or "512x384"; `init` may be a PIL image; one `clip` or `no` needs no list.

    Raises:
        ClipartError: a setting is wrong, or the run cannot start or go on; the message says what to do.
    """
    given = sized(settings) | {"prompt": prompt}
    recipe = make_recipe(apply(load_preset(os.fspath(preset)), given) if preset else given)
    require_harmless(recipe, given)
    showing = [Live()] if (is_notebook() if live is None else live) else []
    return run(recipe, outputs or Outputs(), [*showing, *consumers])


def run(
    recipe: Recipe,
    outputs: Outputs,
    consumers: Sequence[Consumer] = (),
    stop_now: Callable[[], bool] = lambda: False,
    trying: Callable[[int, int], None] = lambda start, starts: None,
) -> Result:
    """Run `recipe` to its end, or until `stop_now()` says so between two steps, and save what there is.

    `trying` is told the number of each start that is tried, from 1, and how many there are, where there are
    several. Everything that can be refused is refused before the first step. If the run fails on its way, the
    picture as it was after the last good step is saved before the error goes on.
    """
    began = time.monotonic()
    recipe = recipe.resolve()
    make_chain(recipe.chain)  # refuses what does not fit now, and not after the last step
    require(recipe, outputs)
    session = Session(recipe)
    iterates = go_on(session, stop_now, trying)
    first = next(iterates)
    with ExitStack() as stack:
        record = begin(session, outputs, stack)
        return _complete(session, first, iterates, record, consumers, began)


def resume(
    run: str | os.PathLike[str] | Checkpoint,
    steps: int | None = None,
    device: str | None = None,
    consumers: Sequence[Consumer] = (),
    stop_now: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda notice: None,
    allowed: Mapping[str, Any] | None = None,
    weights: Sequence[float] | None = None,
) -> Result:
    """Go on with `run`, a folder or a checkpoint of one, from there, as if it had never stopped.

    On one machine, versions and thread count the picture is the same to the bit; what differs is passed to
    `tell`. A run that has ended gets its picture and video written again, unless it is given more `steps`:
    from there on it goes as a run of so many steps goes, with the rates that those have at that point.
    `allowed` are models in files that a run from another machine may read: `{"clip": ("local-dir:x",)}`.
    `weights`, one for each part of the prompt, count from the next step on; the recipe keeps them in `steer`.

    Raises:
        UsageError: no run there, it still goes on, a link in it, a model not allowed, too few `steps`, or
            `weights` that do not fit (`clipart.steering`).
        ClipartError: no checkpoint can be used; or as `run`.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        place = run.path.parents[1] if isinstance(run, Checkpoint) else Path(run)
        folder = stack.enter_context(RunFolder.open(place))
        stack.enter_context(folder.held())
        saved = require_newest(run, folder) if isinstance(run, Checkpoint) else latest(folder, tell)
        require_allowed(saved, allowed or {})
        recipe = extended(saved, steps, device, weights)
        folder.clear_away()
        session = restore(saved, recipe)
        record, iterates = _take_up(saved, session, folder, stop_now, tell, stack)
        return _complete(session, next(iterates), iterates, record, consumers, began)


def _take_up(
    saved: Checkpoint,
    session: Session,
    folder: RunFolder,
    stop_now: Callable[[], bool],
    tell: Callable[[str], None],
    stack: ExitStack,
) -> tuple[Record, Iterator[Iterate]]:
    """Return what `saved` goes on to write, and its iterates; of a run that has ended, the last one."""
    recipe = session.recipe
    models = model_hashes(recipe, saved.models)
    for notice in saved.notices(session.device, models):
        tell(notice)
    iterates = go_on(session, stop_now)
    first = next(iterates)
    outputs = Outputs(folder=folder.path, **saved.outputs)
    record = Record(session.recipe, outputs, models, folder, saved.run or new_id())
    if saved.ended and recipe.steps == saved.recipe.steps:
        reopen(record)
        return record, iter((replace(first, stop=saved.stop),))
    go_on_in(record, session, stack, tell)
    return record, chain((first,), iterates)


def extended(
    saved: Checkpoint,
    steps: int | None = None,
    device: str | None = None,
    weights: Sequence[float] | None = None,
) -> Recipe:
    """Return the recipe of a run that goes on from `saved` to `steps` steps, with other `weights` if given.

    Raises:
        UsageError: as many steps are done already, or the weights do not fit the prompt.
    """
    recipe = saved.recipe
    if weights is not None:
        if saved.ended and steps is None:
            raise UsageError(
                f"--weights: the run has ended after {saved.step} steps. Add --steps N, with N above that."
            )
        recipe = steered_on(recipe, saved.step, weights)
    if steps is not None and steps <= saved.step and steps != recipe.steps:
        raise UsageError(f"--steps {steps}: {saved.step} steps are done already. Give more, or leave it out.")
    changes = {"steps": steps, "device": device}
    return recipe.with_(**{name: value for name, value in changes.items() if value is not None})


def _timings(began: float, started: float, stepped: float, record: Record) -> dict[str, float]:
    return {
        "start": started - began,
        "steps": stepped - started,
        "record": record.seconds,
        "finish": time.monotonic() - stepped,
    }


def _complete(
    session: Session,
    last: Iterate,
    iterates: Iterable[Iterate],
    record: Record,
    consumers: Sequence[Consumer],
    began: float,
) -> Result:
    """Show and save `last` and the rest of `iterates`, then finish."""
    started, first = time.monotonic(), last.step
    try:
        for it in chain((last,), iterates):
            last = it
            for consume in (*record.consumers, *consumers):
                consume(it)
        stepped = time.monotonic()
        with as_needed():
            finished = session.finished()
            leaves = session.leaves(finished)
        mind_forks()
        image, paths = record.complete(finished, leaves)
    except BaseException as error:
        _rescue(session, last, record, error)
        raise
    assert last.stop is not None  # noqa: S101 (the loop's last iterate has it)
    return Result(
        image=image,
        check=last.check,
        recipe=record.recipe,
        paths=paths,
        stop=last.stop,
        steps=last.step,
        seconds=time.monotonic() - began,
        timings=_timings(began, started, stepped, record),
        first=first,
    )


def _rescue(session: Session, last: Iterate, record: Record, error: BaseException) -> None:
    """Save the picture as `last` has it, cleaned up if it can be; notes of `error` say what is there."""
    if last.step == 0:
        return
    image = last.image
    if isinstance(error, ClipartError):
        with suppress(Exception), as_needed():
            image = session.finished()
    for line in record.kept(last, record.rescue(image)):
        error.add_note(line)
