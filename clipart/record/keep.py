"""What a run keeps on disk: which files, opened before the first step and completed after the last."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.files import atomic, require_file_size, require_folder, require_space, write_whole
from clipart.iterates import Iterate
from clipart.pictures import to_pil
from clipart.presets import dump_recipe
from clipart.recipe import Recipe
from clipart.record.checkpoint import Checkpointer
from clipart.record.files import new_folder, slug
from clipart.record.log import StepLog, cut_log
from clipart.record.metadata import Origin, model_hashes, tags, versions
from clipart.record.recorder import Recorder
from clipart.record.render import EASE, Film, render
from clipart.record.trajectory import next_segment, open_trajectory
from clipart.record.video import require_encoder
from clipart.record.writers import require_picture, save_picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from clipart.session import Session

Consumer = Callable[[Iterate], None]
_FLOAT = 4  # bytes


@dataclass(frozen=True)
class Outputs:
    """Where a run leaves its files, and which.

    `file` set: only the picture, there. `folder` set: a new folder `<date>-<slug>-<seed>` in it, with
    picture, video (`video` "mp4" or "none", `fps` frames a second, `video_seconds` long), trajectory, recipe,
    log and checkpoints. Neither: nothing is written.

    `metadata`: picture and video carry the recipe. `checkpoint_every` steps the state is written, 0 never,
    but not sooner than `checkpoint_gap` seconds after the last time.
    """

    folder: Path | None = Path("outputs")
    file: Path | None = None
    video: str = "mp4"
    fps: int = 30
    video_seconds: float = 10.0
    metadata: bool = True
    checkpoint_every: int = 50
    checkpoint_gap: float = 5.0

    if TYPE_CHECKING:  # a path may be given as text too, and is a Path from then on

        def __init__(
            self,
            folder: str | os.PathLike[str] | None = ...,
            file: str | os.PathLike[str] | None = ...,
            video: str = ...,
            fps: int = ...,
            video_seconds: float = ...,
            metadata: bool = ...,
            checkpoint_every: int = ...,
            checkpoint_gap: float = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("folder", "file"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(path))

    def kept(self) -> dict[str, Any]:
        """Return what a run that goes on needs to know of them."""
        names = ("video", "fps", "video_seconds", "metadata", "checkpoint_every", "checkpoint_gap")
        return {name: getattr(self, name) for name in names}


@dataclass
class Record:
    """What a run writes while it goes on and at its end; empty paths where it writes nothing."""

    recipe: Recipe
    outputs: Outputs
    models: Mapping[str, str]
    paths: dict[str, Path] = field(default_factory=dict)
    recorder: Recorder | None = None
    checkpointer: Checkpointer | None = None
    consumers: list[Consumer] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds spent on trajectory and checkpoints so far."""
        return sum(each.seconds for each in (self.recorder, self.checkpointer) if each is not None)

    def complete(self, finished: Tensor, leaves: Mapping[str, bytes]) -> tuple[Image, dict[str, Path]]:
        """Write the picture `finished`, (3, H, W) RGB in [0, 1], what lies beside it, and the video."""
        texts = tags(Origin(self.recipe, self.models, versions())) if self.outputs.metadata else {}
        if "picture" in self.paths:
            picture = self.paths["picture"]
            save_picture(finished, picture, texts)
            for ending, data in leaves.items():
                name = ending.strip(".-").partition(".")[0]
                self.paths[name] = picture.with_name(f"{picture.stem}{ending}")
                write_whole(self.paths[name], data)
        if "video" in self.paths:
            if self.recorder is not None:
                self.recorder.close()
            ease = 1.0 if self.recipe.moves else EASE  # a camera goes evenly
            film = Film(self.outputs.fps, self.outputs.video_seconds, ease=ease)
            trajectory = open_trajectory(self.paths["video"].parent)
            render(trajectory, self.paths["video"], film, finished, texts)
        return to_pil(finished), self.paths

    def rescue(self, last: Iterate) -> None:
        """Save the picture as it is, after something went wrong."""
        if "picture" in self.paths and last.step > 0:
            save_picture(last.image, self.paths["picture"])


def require(recipe: Recipe, outputs: Outputs) -> None:
    """Refuse before the models are loaded what could not be written after the last step.

    Raises:
        UsageError, ResourceError, ClipartError: a place that cannot be written, a full disk, no encoder.
    """
    pixels = recipe.width * recipe.height
    if outputs.file is not None:
        texts = tags(Origin(recipe, {}, versions())) if outputs.metadata else {}
        require_picture(outputs.file, texts, recipe.longest)
        require_space(outputs.file, 4 * pixels * recipe.upscale**2)
        require_file_size(outputs.file, 4 * pixels * recipe.upscale**2)
    elif outputs.folder is not None:
        # A picture hardly compresses at worst; a film takes about two bits a pixel and frame; a checkpoint
        # has three images and three tensors a third larger than one, and there are at most three.
        frames = min(recipe.steps, 2000) if outputs.video != "none" else 0
        states = 3 * 7 * 3 * _FLOAT * pixels if outputs.checkpoint_every else 0
        files = (4 * pixels * recipe.upscale**2, pixels * frames // 4, 500 * recipe.steps, states)
        require_folder(outputs.folder)
        require_space(outputs.folder, sum(files))
        require_file_size(outputs.folder, max(*files[:3], states // 3))
        if outputs.video != "none":
            require_encoder()


def begin(session: Session, outputs: Outputs, stack: ExitStack) -> Record:
    """Make the folder of a new run with the recipe in it, and open log and trajectory."""
    recipe = session.recipe
    writes = outputs.file is not None or outputs.folder is not None
    record = Record(recipe, outputs, model_hashes(recipe) if writes else {})
    if outputs.file is not None:
        record.paths["picture"] = outputs.file
    elif outputs.folder is not None:
        name = slug(recipe.prompt)
        folder = new_folder(outputs.folder, datetime.date.today(), name, recipe.seed or 0)
        _open(record, folder, folder / "trajectory.mkv", session, stack)
    return record


def go_on_in(
    folder: Path, session: Session, outputs: Outputs, models: Mapping[str, str], stack: ExitStack
) -> Record:
    """Open the files of an old run, the log cut back to the step that `session` is at."""
    record = Record(session.recipe, outputs, models)
    cut_log(folder / "log.jsonl", session.step)
    _open(record, folder, next_segment(folder), session, stack)
    return record


def reopen(folder: Path, recipe: Recipe, outputs: Outputs, models: Mapping[str, str]) -> Record:
    """Return the record of a run that has ended, to write its picture and video again."""
    next_segment(folder)  # names what a killed process left
    record = Record(recipe, outputs, models)
    _name(record, folder)
    return record


def _name(record: Record, folder: Path) -> None:
    record.paths["picture"] = folder / "picture.png"
    if record.outputs.video != "none":
        record.paths["video"] = folder / "video.mp4"
    record.paths["recipe"] = folder / "recipe.toml"
    record.paths["log"] = folder / "log.jsonl"


def _open(record: Record, folder: Path, segment: Path, session: Session, stack: ExitStack) -> None:
    recipe, outputs = record.recipe, record.outputs
    _name(record, folder)
    with atomic(record.paths["recipe"]) as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")
    if outputs.video != "none":
        record.recorder = stack.enter_context(Recorder(segment, recipe.width, recipe.height))
        record.consumers.append(record.recorder)
    record.consumers.append(_after(session.step, stack.enter_context(StepLog(record.paths["log"]))))
    if outputs.checkpoint_every:
        about = {"outputs": outputs.kept(), "models": dict(record.models)}
        record.checkpointer = Checkpointer(
            folder, session, about, outputs.checkpoint_every, outputs.checkpoint_gap
        )
        record.consumers.append(record.checkpointer)


def _after(step: int, log: StepLog) -> Consumer:
    """Return `log` as a consumer that leaves out the step that a run goes on from: it is logged already."""
    return log if step == 0 else lambda it: log(it) if it.step > step else None
