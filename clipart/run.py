"""One run from recipe to files: the loop, its consumers, the clean-up and what is left on disk."""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.finish import finish
from clipart.iterates import Check, Iterate, StopReason
from clipart.loop import go_on
from clipart.presets import apply, dump_recipe, load_preset
from clipart.recipe import Recipe, make_recipe
from clipart.record.files import atomic, new_folder, require_space, require_writable, save_png, slug, to_pil
from clipart.record.log import StepLog
from clipart.record.video import Recorder, render_video, require_encoder
from clipart.session import Session

if TYPE_CHECKING:
    from PIL.Image import Image

Consumer = Callable[[Iterate], None]


@dataclass(frozen=True)
class Outputs:
    """Where a run leaves its files, and which.

    `file` set: only the picture, there. `folder` set: a new folder `<date>-<slug>-<seed>` in it, with
    picture, video (`video` "mp4" or "none", `fps` frames a second, `video_seconds` long), recipe and log.
    Neither: nothing is written.
    """

    folder: Path | None = Path("outputs")
    file: Path | None = None
    video: str = "mp4"
    fps: int = 30
    video_seconds: float = 10.0


@dataclass(frozen=True)
class Result:
    """A finished run.

    `image` is the picture after the clean-up; `paths` maps "picture", "video", "recipe" and "log" to what was
    written; `timings` maps "start" (models and start), "steps" and "finish" (clean-up, picture, video) to
    seconds. A notebook shows the picture.
    """

    image: Image
    check: Check
    recipe: Recipe
    paths: dict[str, Path]
    stop: StopReason
    steps: int
    seconds: float
    timings: dict[str, float] = field(default_factory=dict)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, "PNG")
        return buffer.getvalue()


def generate(
    prompt: str,
    *,
    preset: str | None = None,
    outputs: Outputs | None = None,
    consumers: Sequence[Consumer] = (),
    **settings: Any,
) -> Result:
    """Make a picture of `prompt` and leave it, its video, recipe and log in a folder under `outputs/`.

    Args:
        prompt: what to draw, in the notation of docs/prompts.md.
        preset: a shipped preset's name, or the path of a preset file.
        outputs: where files go; `Outputs(folder=None)` writes none.
        consumers: called with every iterate, in order.
        settings: fields of `Recipe`; they go before the preset's.

    Raises:
        ClipartError: a setting is wrong, or the run cannot start or go on; the message says what to do.
    """
    given = settings | {"prompt": prompt}
    values = apply(load_preset(preset), given) if preset else given
    return run(make_recipe(values), outputs or Outputs(), consumers)


def run(
    recipe: Recipe,
    outputs: Outputs,
    consumers: Sequence[Consumer] = (),
    stop_now: Callable[[], bool] = lambda: False,
) -> Result:
    """Run `recipe` to its end, or until `stop_now()` says so between two steps, and save what there is.

    Everything that can be refused is refused before the first step. If the run fails on its way, the picture
    as it was after the last good step is saved before the error goes on.
    """
    recipe, began = recipe.resolve(), time.monotonic()
    _require(recipe, outputs)
    iterates = go_on(Session(recipe), stop_now)
    last = next(iterates)
    started = time.monotonic()
    with ExitStack() as stack:
        record = _open_record(recipe, outputs, stack)
        for consume in (*record.consumers, *consumers):
            consume(last)
        try:
            for last in iterates:
                for consume in (*record.consumers, *consumers):
                    consume(last)
        except BaseException:
            record.rescue(last)
            raise
    stepped = time.monotonic()
    image, paths = record.finish(last)
    assert last.stop is not None  # noqa: S101 (the loop's last iterate has it)
    return Result(
        image=image,
        check=last.check,
        recipe=recipe,
        paths=paths,
        stop=last.stop,
        steps=last.step,
        seconds=time.monotonic() - began,
        timings={
            "start": started - began,
            "steps": stepped - started,
            "finish": time.monotonic() - stepped,
        },
    )


@dataclass
class _Record:
    """What a run writes while it goes on and at its end; empty paths where it writes nothing."""

    recipe: Recipe
    outputs: Outputs
    paths: dict[str, Path] = field(default_factory=dict)
    recorder: Recorder | None = None
    consumers: list[Consumer] = field(default_factory=list)

    def finish(self, last: Iterate) -> tuple[Image, dict[str, Path]]:
        """Clean the last image up and write the picture and the video."""
        cleaned = finish(last.image, self.recipe.finish, self.recipe.upscale)
        if "picture" in self.paths:
            save_png(cleaned, self.paths["picture"])
        if self.recorder is not None:
            self.recorder.close()
            render_video(
                self.recorder.path,
                self.paths["video"],
                self.outputs.fps,
                self.outputs.video_seconds,
                last=cleaned,
            )
        return to_pil(cleaned), self.paths

    def rescue(self, last: Iterate) -> None:
        """Save the picture as it is, after something went wrong."""
        if "picture" in self.paths and last.step > 0:
            save_png(last.image, self.paths["picture"])


def _require(recipe: Recipe, outputs: Outputs) -> None:
    """Refuse before the models are loaded what could not be written after the last step."""
    pixels = recipe.width * recipe.height
    if outputs.file is not None:
        require_writable(outputs.file)
        require_space(outputs.file, 4 * pixels * recipe.upscale**2)
    elif outputs.folder is not None:
        # A picture hardly compresses at worst; a film takes about two bits a pixel and frame.
        frames = min(recipe.steps, 2000) if outputs.video != "none" else 0
        require_space(
            outputs.folder, 4 * pixels * recipe.upscale**2 + pixels * frames // 4 + 500 * recipe.steps
        )
        if outputs.video != "none":
            require_encoder()


def _open_record(recipe: Recipe, outputs: Outputs, stack: ExitStack) -> _Record:
    """Make the folder with the recipe in it, and open the log and the trajectory."""
    record = _Record(recipe, outputs)
    if outputs.file is not None:
        record.paths["picture"] = outputs.file
        return record
    if outputs.folder is None:
        return record
    name = slug(recipe.prompt)
    folder = new_folder(outputs.folder, datetime.date.today(), name, recipe.seed or 0)
    record.paths["picture"] = folder / "picture.png"
    if outputs.video != "none":
        record.paths["video"] = folder / "video.mp4"
        record.recorder = stack.enter_context(
            Recorder(folder / "trajectory.mkv", recipe.width, recipe.height)
        )
        record.consumers.append(record.recorder)
    record.paths["recipe"] = folder / "recipe.toml"
    with atomic(record.paths["recipe"]) as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")
    record.paths["log"] = folder / "log.jsonl"
    record.consumers.append(stack.enter_context(StepLog(record.paths["log"])))
    return record
