"""Checkpoints: everything that the rest of a run depends on, so that it goes on to the bit.

One safetensors file each, with the recipe and the circumstances as JSON in its metadata; written whole or
not at all, the last two kept. Nothing in one can run: it is tensors and data. A SHA-256 over all of it tells
one that is damaged, the id of its run one that was laid there, and a seal (`clipart.record.seal`) one that
came from another machine.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipart.canvas import CANVASES
from clipart.canvas.pixel import PixelCanvas
from clipart.errors import ClipartError, UsageError
from clipart.files import size_text
from clipart.iterates import StopReason
from clipart.models.needed import FILES
from clipart.models.spec import read_critic
from clipart.recipe import SHOWN, Recipe, make_recipe
from clipart.record.folder import CHECKPOINTS, Folder, Place, Slot, as_slot
from clipart.record.header import KEY, Header, require_whole, stamped
from clipart.record.metadata import require_harmless, versions

if TYPE_CHECKING:
    from clipart.iterates import Iterate
    from clipart.session import Session

FORMAT = 4
READS = (2, 3, 4)  # docs/formats.md says what changed
KEPT = 2
GAP = 5.0  # seconds from one checkpoint to the next, at least
PATIENCE = 60.0  # seconds after which one is written even if few steps were taken
SHARE = 0.005  # of a run's time that goes into checkpoints, at most
MAX_BASE_BYTES = 2**30  # of a file, besides
MAX_PIXEL_BYTES = 1024  # for each pixel of the picture: 256 numbers
_NAME = re.compile(r"step-(\d{7})\.safetensors")
_RUN = re.compile(r"^# Run ([0-9a-f]{32})\b", re.MULTILINE)
_HEAD = 4096  # bytes of a recipe.toml in which the id of its run is looked for


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps, and under which circumstances it came there.

    `stop` is why it had ended there, None if it was on its way; `outputs` are those of the run, as plain
    values. `run` is the id of the run, empty before format 4. `is_ours` says that this machine wrote it.
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
    run: str = ""
    is_ours: bool = False

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
    """Writes a checkpoint now and then when called with the iterates of a run, and at the end.

    That is after `every` steps, or a minute, but never sooner than `gap` seconds after the last one, and so
    seldom that it takes at most half a percent of the time.

    Args:
        folder: of the run.
        state: returns what is written: the tensors of the run as it is now, by name.
        about: what the header says besides, as plain values: `recipe`, `device` and what `Checkpoint` has.
        first: the step that the run goes on from.
        every, gap: as above.
    """

    def __init__(
        self,
        folder: Folder,
        state: Callable[[], Mapping[str, Tensor]],
        about: Mapping[str, Any],
        first: int = 0,
        every: int = 50,
        gap: float = GAP,
    ) -> None:
        self.folder, self.seconds = folder, 0.0
        self._state, self._about, self._every, self._gap = state, about, every, gap
        self._step, self._last, self._cost = first, time.monotonic(), 0.0

    def __call__(self, it: Iterate) -> None:
        """Write one, if it is time."""
        waited = time.monotonic() - self._last
        is_due = it.step - self._step >= self._every or waited >= PATIENCE
        may = waited >= max(self._gap, self._cost / SHARE if self._gap else 0.0)
        if it.stop is None and not (is_due and may and it.step > self._step):
            return
        began = time.monotonic()
        with self.folder.sub(CHECKPOINTS, make=True) as inner:
            save(inner, self._state(), it.step, it.stop, self._about)
        self._step, self._last = it.step, time.monotonic()
        self._cost = self._last - began
        self.seconds += self._cost


def save(
    folder: Folder, tensors: Mapping[str, Tensor], step: int, stop: str | None, about: Mapping[str, Any]
) -> Path:
    """Write the state after `step` into `folder`, remove all before it but the last; return the path.

    Raises:
        UsageError: something that is no file has its name.
        ResourceError, ClipartError: the disk is full, or the place cannot be written.
    """
    header = dict(about) | {
        "format": FORMAT,
        "step": step,
        "stop": stop,
        "versions": versions(),
        "threads": torch.get_num_threads(),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    name = f"step-{step:07}.safetensors"
    with folder.atomic(name) as temporary:
        mode = temporary.stat().st_mode
        with _plain_errors():
            save_file(tensors, temporary, metadata=stamped(json.dumps(header), tensors))
        temporary.chmod(mode)  # safetensors makes a file of its own, for the owner only
    # Later ones are not of this run as it goes now, and are left to a person.
    written = [old for old in folder.names() if _NAME.fullmatch(old) and old <= name]
    for old in written[:-KEPT]:
        with suppress(ClipartError):
            folder.remove(old)
    return folder.path / name


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what safetensors says into the error of the system that it came from."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d{1,5})", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the oldest first; what is no file, too."""
    return sorted(path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name))


def step_of(checkpoint: Path) -> int:
    """Return the step that the name of a checkpoint says."""
    return int(checkpoint.stem.removeprefix("step-"))


def latest(run: Path | Folder, tell: Callable[[str], None] = lambda text: None) -> Checkpoint:
    """Return the last checkpoint of a run's folder; if it cannot be used, `tell` so and take the one before.

    One that cannot be used is damaged, of an unknown format, of another run, or has NaN in it.

    Raises:
        UsageError: no such folder, no checkpoint in it, or it is a link.
        ClipartError: none can be used.
    """
    with ExitStack() as stack:
        folder = run if isinstance(run, Folder) else stack.enter_context(Folder.open(run))
        expected, found = run_of(folder), list[Slot]()
        if folder.has(CHECKPOINTS, "folder"):
            inner = stack.enter_context(folder.sub(CHECKPOINTS))
            found = [inner.slot(name) for name in inner.names() if _NAME.fullmatch(name)]
        if not found:
            raise UsageError(
                f"{folder.path}: no checkpoint in it, so the run cannot go on; the first is written after a "
                f"few seconds. From the beginning: {shlex.join(['clipart', 'replay', str(folder.path)])}"
            )
        for slot in found[:0:-1]:
            try:
                return _of_run(load(slot), expected)
            except ClipartError as error:
                tell(f"{error} Taking the one before.")
        return _of_run(load(found[0]), expected)


def require_newest(saved: Checkpoint, folder: Folder) -> Checkpoint:
    """Return `saved` if the run has not gone on since it was read.

    Raises:
        UsageError: it has.
    """
    if folder.has(CHECKPOINTS, "folder"):
        with folder.sub(CHECKPOINTS) as inner:
            if inner.has(saved.path.name):
                return saved
    raise UsageError(f"{folder.path}: the run has gone on since its checkpoint was read. Type it again.")


def run_of(folder: Folder) -> str:
    """Return the id of the run that a folder is of, as its recipe.toml has it; empty if it has none."""
    if not folder.has("recipe.toml"):
        return ""
    with os.fdopen(folder.open_file("recipe.toml", os.O_RDONLY), "rb") as file:
        match = _RUN.search(file.read(_HEAD).decode("utf-8", "replace"))
    return match[1] if match else ""


def _of_run(saved: Checkpoint, expected: str) -> Checkpoint:
    if expected and saved.run and saved.run != expected:
        raise ClipartError(
            f"{saved.path}: a checkpoint of another run ({saved.run[:8]}, and the folder is of "
            f"{expected[:8]}). Put it back into its own folder."
        )
    return saved


def load(place: Place) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ClipartError: it is damaged, no file, or of another format; the message says what to do.
    """
    slot = as_slot(place)
    path = slot.path
    if not slot.folder.has(slot.name):
        raise ClipartError(f"{path}: a checkpoint that cannot be read (there is no such file).")
    try:
        with safe_open(slot.reach, "pt") as file:
            found = file.metadata() or {}
            values = json.loads(found[KEY])
            _require_known(path, values)
            header = Header.model_validate(values)
            recipe = make_recipe(header.recipe)
            _require_small(slot, recipe)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        is_ours = require_whole(found, tensors, is_stamped=header.format >= 4)
        return _checkpoint(path, header, recipe, tensors, is_ours)
    except _WRONG as error:
        reason = str(error).replace("\n", "; ")[:300]
        raise ClipartError(f"{path}: a checkpoint that cannot be read ({reason}).") from error


_WRONG = (
    *(OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError, UsageError),
    *(ArithmeticError, RecursionError, RuntimeError),
)


def _require_known(path: Path, values: dict[str, Any]) -> None:
    number = values["format"]
    if type(number) is not int or number not in READS:
        wrote = values.get("versions", {}).get("clipart", "unknown")
        raise ClipartError(
            f"{path}: a checkpoint of format {str(number)[:20]}; this clipart reads {READS[0]} to {FORMAT}. "
            f"Go on with the version that wrote it: {str(wrote)[:40]}."
        )


def _require_small(slot: Slot, recipe: Recipe) -> None:
    """Refuse a file that is larger than any state of `recipe`, before its tensors are read."""
    most = MAX_BASE_BYTES + MAX_PIXEL_BYTES * math.prod(recipe.shape)
    if slot.reach.stat().st_size > most:
        raise ValueError(f"it is larger than {size_text(most)}, which no run of this size needs")


def _checkpoint(
    path: Path, header: Header, recipe: Recipe, tensors: dict[str, Tensor], is_ours: bool
) -> Checkpoint:
    for name, value in tensors.items():
        if value.is_floating_point() and bool(torch.isnan(value).any()):
            raise ValueError(f"NaN in {name[:80]}")
    if header.format == 2:
        tensors = _of_2(tensors, recipe.at(max(1, header.step)))
    return Checkpoint(
        path=path,
        step=header.step,
        recipe=recipe,
        stop=header.stop,
        outputs=header.outputs.model_dump(exclude_none=True),
        models=header.models,
        versions=header.versions,
        device=header.device,
        threads=header.threads,
        tensors=tensors,
        run=header.run or "",
        is_ours=is_ours,
    )


# Pictures that a run reads once, and has in its checkpoint.
_UNREAD: dict[str, Any] = {"init": None, "mask": None, **dict.fromkeys(SHOWN, ())}


def require_allowed(saved: Checkpoint, allowed: Mapping[str, Any]) -> None:
    """Refuse a checkpoint from elsewhere whose recipe would read a file, unless a person has `allowed` it.

    `allowed` are models in files as they were typed, by the name of their setting. The picture that `init`
    names is not read again.

    Raises:
        UsageError: a model in a file that is not allowed, or one is allowed that the run does not have.
    """
    recipe = saved.recipe
    has = {"clip": {spec.name for spec in recipe.clip}, "judge": {str(recipe.judge)}}
    has |= {key: {str(getattr(recipe, key))} for key in FILES}
    for key, typed in allowed.items():
        for text in [typed] if isinstance(typed, str) else typed or ():
            if read_critic(text).name not in has[key]:
                there = " ".join(sorted(has[key]))
                raise UsageError(f"--{key} {text}: a run goes on with its own models. It has: {there}")
    if not saved.is_ours:
        require_harmless(recipe.model_copy(update=_UNREAD), allowed)


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
