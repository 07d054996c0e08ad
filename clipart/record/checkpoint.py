"""Checkpoints: everything that the rest of a run depends on, so that it goes on to the bit.

One safetensors file each, with the recipe and the circumstances as JSON in its metadata; written whole or
not at all, the last two kept. Nothing in one can run: it is tensors and data.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipart.canvas import CANVASES
from clipart.canvas.pixel import PixelCanvas
from clipart.errors import ClipartError, UsageError
from clipart.files import atomic, explain
from clipart.iterates import StopReason
from clipart.recipe import Recipe, make_recipe
from clipart.record.metadata import versions

if TYPE_CHECKING:
    from clipart.iterates import Iterate
    from clipart.session import Session

FORMAT = 3
READS = (2, 3)  # docs/formats.md says what changed
FOLDER = "checkpoints"
KEPT = 2
GAP = 5.0  # seconds from one checkpoint to the next, at least
PATIENCE = 60.0  # seconds after which one is written even if few steps were taken
SHARE = 0.005  # of a run's time that goes into checkpoints, at most
_KEY = "clipart.checkpoint"
_NAME = re.compile(r"step-(\d{7})\.safetensors")
_LEFT_BEHIND = re.compile(r"\..*-[0-9a-f]{8}\.\w+")  # what `atomic` had begun when the process was killed


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps, and under which circumstances it came there.

    `stop` is why it had ended there, None if it was on its way; `outputs` are those of the run, as plain
    values.
    """

    path: Path
    step: int
    recipe: Recipe
    stop: StopReason | None
    outputs: Mapping[str, Any]
    models: Mapping[str, str]
    versions: Mapping[str, str]
    device: str
    threads: int
    tensors: Mapping[str, Tensor]

    @property
    def ended(self) -> bool:
        """Whether the run had come to its own end, and was not cut off or interrupted."""
        return self.stop not in (None, "interrupted")

    def notices(self, device: torch.device, models: Mapping[str, str]) -> list[str]:
        """Return in words what is not as it was, so that the picture may not be the same to the bit."""
        now, threads = versions(), torch.get_num_threads()
        found = [
            f"{name} was {self.versions[name]} and is {now[name]}"
            for name in now
            if name in self.versions and self.versions[name] != now[name]
        ]
        found += [
            f"the weights of {name} are others than they were"
            for name, digest in self.models.items()
            if models.get(name, digest) != digest
        ]
        if self.device != str(device):
            found.append(f"the device was {self.device} and is {device}")
        if self.threads != threads and device.type == "cpu":
            found.append(f"it ran in {self.threads} threads and now runs in {threads}")
        return found


class Checkpointer:
    """Writes a checkpoint of `session` now and then when called with its iterates, and at the end.

    That is after `every` steps, or a minute, but never sooner than `gap` seconds after the last one, and so
    seldom that it takes at most half a percent of the time.
    """

    def __init__(
        self, folder: Path, session: Session, about: Mapping[str, Any], every: int = 50, gap: float = GAP
    ) -> None:
        self.folder, self.seconds = folder / FOLDER, 0.0
        self._session, self._about, self._every, self._gap = session, about, every, gap
        self._step, self._last, self._cost = session.step, time.monotonic(), 0.0

    def __call__(self, it: Iterate) -> None:
        """Write one, if it is time."""
        waited = time.monotonic() - self._last
        is_due = it.step - self._step >= self._every or waited >= PATIENCE
        may = waited >= max(self._gap, self._cost / SHARE if self._gap else 0.0)
        if it.stop is None and not (is_due and may and it.step > self._step):
            return
        began = time.monotonic()
        save(self.folder, self._session, it.stop, self._about)
        self._step, self._last = it.step, time.monotonic()
        self._cost = self._last - began
        self.seconds += self._cost


def save(folder: Path, session: Session, stop: str | None, about: Mapping[str, Any]) -> Path:
    """Write the state of `session` into `folder`, remove all but the last two, and return the path.

    Raises:
        ResourceError, ClipartError: the disk is full, or the place cannot be written.
    """
    header = dict(about) | {
        "format": FORMAT,
        "step": session.step,
        "stop": stop,
        "recipe": session.recipe.model_dump(mode="json", exclude_none=True),
        "versions": versions(),
        "device": str(session.device),
        "threads": torch.get_num_threads(),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in session.state().items()}
    path = folder / f"step-{session.step:07}.safetensors"
    try:
        folder.mkdir(exist_ok=True)
        with atomic(path) as temporary:
            mode = temporary.stat().st_mode
            save_file(tensors, temporary, metadata={_KEY: json.dumps(header)})
            temporary.chmod(mode)  # safetensors makes a file of its own, for the owner only
    except SafetensorError as error:
        raise ClipartError(f"{path}: could not be written ({error}).") from error
    except OSError as error:
        raise explain(error, path) from error
    for old in checkpoints(folder)[:-KEPT]:
        with suppress(OSError):
            old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the oldest first."""
    return sorted(path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name))


def step_of(checkpoint: Path) -> int:
    """Return the step that the name of a checkpoint says."""
    return int(checkpoint.stem.removeprefix("step-"))


def clear_away(folder: Path) -> None:
    """Remove what a killed process had begun to write in a run's folder."""
    begun = [path for path in folder.iterdir() if _LEFT_BEHIND.fullmatch(path.name)]
    for path in (*begun, *(folder / FOLDER).glob(".*")):
        if path.is_file():
            with suppress(OSError):
                path.unlink()


def latest(folder: Path, tell: Callable[[str], None] = lambda text: None) -> Checkpoint:
    """Return the last checkpoint of a run's folder; if it cannot be read, `tell` so and take the one before.

    Raises:
        UsageError: no such folder, or no checkpoint in it.
        ClipartError: none can be read, or they are of another format.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such folder. Give the folder of a run, such as outputs/<date>-apple-7"
        )
    found = checkpoints(folder / FOLDER)
    if not found:
        raise UsageError(
            f"{folder}: no checkpoint in it, so the run cannot go on; the first is written after a few "
            f"seconds. From the beginning: clipart replay '{folder}'"
        )
    for path in found[:0:-1]:
        try:
            return load(path)
        except ClipartError as error:
            tell(f"{error} Taking the one before.")
    return load(found[0])


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ClipartError: it is damaged, or of another format; the message says what to do.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            if header["format"] not in READS:
                wrote = header.get("versions", {}).get("clipart", "unknown")
                raise ClipartError(
                    f"{path}: a checkpoint of format {header['format']!r}; "
                    f"this clipart reads {READS[0]} to {FORMAT}. "
                    f"Go on with the version that wrote it: {wrote}."
                )
            recipe, step = make_recipe(header["recipe"]), int(header["step"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            return Checkpoint(
                path=path,
                step=step,
                recipe=recipe,
                stop=_stop(header["stop"]),
                outputs=_outputs(header.get("outputs", {})),
                models=dict(header.get("models", {})),
                versions=dict(header["versions"]),
                device=str(header["device"]),
                threads=int(header["threads"]),
                tensors=_of_2(tensors, recipe.at(max(1, step))) if header["format"] == 2 else tensors,
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise ClipartError(f"{path}: a checkpoint that cannot be read ({error}).") from error


def _stop(value: Any) -> StopReason | None:
    reasons: tuple[StopReason, ...] = get_args(StopReason)
    if value is not None and value not in reasons:
        raise ValueError(f"stop = {value!r}")
    return next((reason for reason in reasons if reason == value), None)


def _outputs(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a run's outputs that are what they should be; the others have their defaults."""
    kinds = {
        "video": str,
        "fps": int,
        "video_seconds": (int, float),
        "metadata": bool,
        "checkpoint_every": int,
        "checkpoint_gap": (int, float),
    }
    return {name: values[name] for name, kind in kinds.items() if isinstance(values.get(name), kind)}  # type: ignore[arg-type]


def _of_2(tensors: Mapping[str, Tensor], settings: Recipe) -> dict[str, Tensor]:
    """Return the tensors of format 2 by the names of format 3, without what canvases no longer have."""
    renamed = {re.sub(r"^proposer/", "process/", name): value for name, value in tensors.items()}
    if not issubclass(CANVASES[settings.canvas], PixelCanvas):
        renamed.pop("process/canvas/to_rgb", None)
    return renamed


def restore(checkpoint: Checkpoint, recipe: Recipe) -> Session:
    """Return the session of `recipe`, the checkpoint's own or one with more steps, in the checkpoint's state.

    Raises:
        UsageError, ModelError: the recipe does not fit this machine.
        ClipartError: the tensors are not those of such a session.
    """
    from clipart.session import Session, StateError

    try:
        session = Session.restore(dict(checkpoint.tensors), recipe, checkpoint.recipe)
    except StateError as error:
        raise ClipartError(f"{checkpoint.path}: it does not fit its own recipe ({error}).") from error
    if session.step != checkpoint.step or not 0 <= session.step <= checkpoint.recipe.steps:
        raise ClipartError(f"{checkpoint.path}: it does not fit its own recipe (step {session.step}).")
    return session
