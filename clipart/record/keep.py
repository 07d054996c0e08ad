"""What a run keeps on disk: which files, opened before the first step and completed after the last."""

from __future__ import annotations

import datetime
import math
import os
import secrets
import shlex
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.canvas.base import over
from clipart.canvas.start import paper_colour
from clipart.errors import ClipartError
from clipart.files import require_file_size, require_folder, require_space
from clipart.iterates import Iterate
from clipart.pictures import to_pil
from clipart.presets import dump_recipe
from clipart.recipe import Recipe
from clipart.record.checkpoint import Checkpointer, checkpoints, step_of
from clipart.record.files import named_folder, new_folder, slug
from clipart.record.folder import CHECKPOINTS, Place, Slot, written
from clipart.record.log import StepLog, cut_log
from clipart.record.metadata import Origin, model_hashes, tags, versions
from clipart.record.owner import RunFolder, resume_command
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

    `file` set: only the picture, there. `folder` set: a new folder `<date>-<slug>-<seed>` in it, or one
    called `name`, with picture, video (`video` "mp4" or "none", `fps` frames a second, `video_seconds` long),
    trajectory, recipe, log and checkpoints. Neither: nothing is written.

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
    name: str | None = None

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
            name: str | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("folder", "file"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(path))

    def kept(self) -> dict[str, Any]:
        """Return what a run that goes on needs to know of them."""
        names = ("video", "fps", "video_seconds", "metadata", "checkpoint_every", "checkpoint_gap")
        return {name: getattr(self, name) for name in names}


def new_id() -> str:
    """Draw the id of a run: 32 hexadecimal digits."""
    return secrets.token_hex(16)


@dataclass
class Record:
    """What a run writes while it goes on and at its end; empty paths where it writes nothing.

    `folder` is the open folder of the run, None where there is none; `run` its id.
    """

    recipe: Recipe
    outputs: Outputs
    models: Mapping[str, str]
    folder: RunFolder | None = None
    run: str = field(default_factory=new_id)
    paths: dict[str, Path] = field(default_factory=dict)
    recorder: Recorder | None = None
    checkpointer: Checkpointer | None = None
    consumers: list[Consumer] = field(default_factory=list)
    has_picture: bool = False

    @property
    def seconds(self) -> float:
        """Seconds spent on trajectory and checkpoints so far."""
        return sum(each.seconds for each in (self.recorder, self.checkpointer) if each is not None)

    def place(self, name: str) -> Place:
        """Return where the file of `paths` goes: in the open folder, or where a person named it."""
        path = self.paths[name]
        return path if self.folder is None else self.folder.slot(path.name)

    def _texts(self) -> dict[str, str]:
        return tags(Origin(self.recipe, self.models, versions())) if self.outputs.metadata else {}

    def complete(self, finished: Tensor, leaves: Mapping[str, bytes]) -> tuple[Image, dict[str, Path]]:
        """Write the picture `finished`, (3 or 4, H, W) in [0, 1], and in a run's folder the rest.

        That is what lies beside the picture, `leaves` by the ending of the name, and the video.
        """
        texts = self._texts()
        if "picture" in self.paths:
            save_picture(finished, self.place("picture"), texts)
            self.has_picture = True
            for ending, data in leaves.items() if self.folder is not None else ():
                name, picture = ending.strip(".-").partition(".")[0], self.paths["picture"]
                self.paths[name] = picture.with_name(f"{picture.stem}{ending}")
                with written(self.place(name)) as temporary:
                    temporary.write_bytes(data)
        if "video" in self.paths:
            if self.recorder is not None:
                self.recorder.close()
            ease = 1.0 if self.recipe.moves else EASE  # a camera goes evenly
            film = Film(self.outputs.fps, self.outputs.video_seconds, ease=ease)
            trajectory = open_trajectory(self.folder or self.paths["video"].parent)
            paper = paper_colour(self.recipe).to(finished)
            render(trajectory, self.place("video"), film, over(finished[None], paper)[0], texts)
        if self.folder is not None and (place := self.folder.now_at()) != self.folder.path:
            _name(self, place)
        return to_pil(finished), self.paths

    def rescue(self, image: Tensor) -> Path | None:
        """Save the picture as it is, after something went wrong, and return where; None if it could not be.

        That is in its own place, else beside the folder of the run, else in a new temporary folder.
        """
        if "picture" not in self.paths or self.has_picture:
            return None
        name = f"{self.folder.path.name}.png" if self.folder else self.paths["picture"].name
        places: list[Callable[[], Place]] = [
            lambda: self.place("picture"),
            *([lambda: _unused(folder.path.with_name(name))] if (folder := self.folder) else []),
            lambda: Path(tempfile.mkdtemp(prefix="clipart-")) / name,
        ]
        for find in places:
            with suppress(ClipartError, OSError):
                save_picture(image, place := find(), self._texts())
                self.has_picture = True
                return place.path if isinstance(place, Slot) else place
        return None

    def kept(self, last: Iterate, picture: Path | None) -> list[str]:
        """Return in words what is there of a run that ended on its way, and how to go on."""
        lines = [f"The picture of step {last.step} is in {picture}"] if picture else []
        if "log" in self.paths:
            folder = self.paths["log"].parent
            saved = checkpoints(folder / CHECKPOINTS)
            if saved:
                command = shlex.join(["clipart", "resume", str(folder)])
                lines.append(f"Everything up to step {step_of(saved[-1])} is saved. Go on: {command}")
            else:
                lines.append("No checkpoint is written yet, so the run cannot go on.")
        return lines


def _unused(path: Path) -> Path:
    """Return `path`, or the first of its name with a number that is not taken."""
    names = (path.with_name(f"{path.stem}-{count}{path.suffix}") for count in range(2, 10_000))
    return next((each for each in (path, *names) if not each.exists() and not each.is_symlink()), path)


def require(recipe: Recipe, outputs: Outputs) -> None:
    """Refuse before the models are loaded what could not be written after the last step.

    Raises:
        UsageError, ResourceError, ClipartError: a place that cannot be written, a full disk, no encoder.
    """
    pixels = math.prod(recipe.shape)
    if outputs.file is not None:
        texts = tags(Origin(recipe, {}, versions())) if outputs.metadata else {}
        require_picture(outputs.file, texts, recipe.longest, alpha=recipe.has_alpha)
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
    """Make the folder of a new run with the recipe in it, lock it, and open log and trajectory."""
    recipe = session.recipe
    writes = outputs.file is not None or outputs.folder is not None
    record = Record(recipe, outputs, model_hashes(recipe) if writes else {})
    if outputs.file is not None:
        record.paths["picture"] = outputs.file
    elif outputs.folder is not None:
        if outputs.name is not None:
            made = named_folder(outputs.folder, outputs.name)
        else:
            made = new_folder(outputs.folder, datetime.date.today(), slug(recipe.prompt), recipe.seed or 0)
        record.folder = stack.enter_context(RunFolder.open(made))
        stack.enter_context(record.folder.held())
        _open(record, record.folder, record.folder.slot("trajectory.mkv"), session, stack)
    return record


def go_on_in(record: Record, session: Session, stack: ExitStack, tell: Callable[[str], None]) -> None:
    """Open the files of an old run, the log cut back to the step that `session` is at."""
    assert record.folder is not None  # noqa: S101 (its caller has opened it)
    cut_log(record.folder.slot("log.jsonl"), session.step, tell)
    _open(record, record.folder, next_segment(record.folder), session, stack)


def reopen(record: Record) -> None:
    """Prepare for writing the picture and the video of a run that has ended again."""
    assert record.folder is not None  # noqa: S101 (its caller has opened it)
    next_segment(record.folder)  # names what a killed process left
    _name(record, record.folder.path)


def _name(record: Record, folder: Path) -> None:
    record.paths["picture"] = folder / "picture.png"
    if record.outputs.video != "none":
        record.paths["video"] = folder / "video.mp4"
    record.paths["recipe"] = folder / "recipe.toml"
    record.paths["log"] = folder / "log.jsonl"


def _open(record: Record, folder: RunFolder, segment: Slot, session: Session, stack: ExitStack) -> None:
    recipe, outputs = record.recipe, record.outputs
    _name(record, folder.path)
    with folder.atomic("recipe.toml") as temporary:
        first, rest = dump_recipe(recipe).split("\n", 1)
        number = f"# Run {record.run}: the checkpoints in this folder have the same number."
        temporary.write_text(f"{first}\n{number}\n{rest}", encoding="utf-8")
    if outputs.video != "none":
        record.recorder = stack.enter_context(Recorder(segment, *reversed(recipe.shape)))
        record.consumers.append(record.recorder)
    log = StepLog(folder.slot("log.jsonl"), resume_command(folder.path))
    record.consumers.append(_after(session.step, stack.enter_context(log)))
    if outputs.checkpoint_every:
        about = {
            "run": record.run,
            "recipe": recipe.model_dump(mode="json", exclude_none=True),
            "device": str(session.device),
            "outputs": outputs.kept(),
            "models": dict(record.models),
        }
        every, gap = outputs.checkpoint_every, outputs.checkpoint_gap
        record.checkpointer = Checkpointer(folder, session.state, about, session.step, every, gap)
        record.consumers.append(record.checkpointer)


def _after(step: int, log: StepLog) -> Consumer:
    """Return `log` as a consumer that leaves out the step that a run goes on from: it is logged already."""
    return log if step == 0 else lambda it: log(it) if it.step > step else None
