"""The log of a run: one line of JSON a step, on the disk as soon as the step is done.

A log is written under its own name and grows. After a crash it has fewer lines, and the last one may be
incomplete: `read_log` leaves that out, and a `StepLog` that goes on removes it. Each line says in "v" which
version of this format it has.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TextIO

from clipart.errors import ClipartError
from clipart.files import explain
from clipart.iterates import Reading
from clipart.record.folder import Place, as_slot

if TYPE_CHECKING:
    from clipart.iterates import Iterate

VERSION = 1
MAX_LINE = 4 * 1024 * 1024  # bytes of a line
MAX_STEP = 1_000_000  # as `steps` of a recipe
MAX_LINES = MAX_STEP + 1
MAX_VALUE = 3.5e38  # of a number in a line, either way: what float32 has; a larger one is read as NaN


@dataclass(frozen=True)
class LogLine:
    """One step, as the log has it.

    `seconds` since the run began. `losses` is the flattened tree of the objective; NaN where the number was
    not finite. `readings` is None on the steps where the judge did not look. `stop` says on the last line why
    there are no more. `start` says on the first one which of the starts was kept, from 1.
    """

    step: int
    seconds: float
    lr: float
    stage: str
    losses: Mapping[str, float] = field(default_factory=dict)
    readings: tuple[Reading, ...] | None = None
    stop: str | None = None
    start: int | None = None


class StepLog:
    """Writes each `Iterate` that it is called with as one line of `path`; goes on at the end of an old log.

    `go_on` is the command that goes on with the run; the last line of one that was interrupted has it.

    Raises:
        UsageError, ResourceError, ClipartError: `path` cannot be written; also on each call.
    """

    def __init__(self, path: Place, go_on: str = "") -> None:
        slot = as_slot(path)
        self.path, self._go_on = slot.path, go_on
        opened = slot.folder.open_file(slot.name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            _cut_torn_line(opened)
            self._file: TextIO = os.fdopen(opened, "a", encoding="utf-8", buffering=1, newline="\n")
        except OSError as error:
            raise explain(error, self.path) from error

    def __call__(self, it: Iterate) -> None:
        """Write the line of `it`."""
        try:
            line = _line(it) | ({"go_on": self._go_on} if it.stop == "interrupted" and self._go_on else {})
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            raise explain(error, self.path) from error

    def close(self) -> None:
        """End the log."""
        try:
            self._file.close()
        except OSError as error:
            raise explain(error, self.path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:  # what went wrong first is what a person has to know
            with suppress(ClipartError):
                self.close()


def _line(it: Iterate) -> dict[str, Any]:
    line: dict[str, Any] = {
        "v": VERSION,
        "step": it.step,
        "seconds": round(it.seconds, 4),
        "lr": _number(it.lr),
        "stage": it.stage,
        "losses": {name: _number(value) for name, value in it.losses.items()},
    }
    if it.check.step == it.step:
        line["readings"] = [
            {"text": r.text, "weight": r.weight, "cosine": _number(r.cosine), "match": _number(r.match)}
            for r in it.check.readings
        ]
    if it.step == 0:
        line["start"] = it.start
    if it.stop is not None:
        line["stop"] = it.stop
    return line


def _number(value: float) -> float | None:
    """Return `value` with the digits that float32 has; JSON knows no NaN and no infinity: None."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _cut_torn_line(opened: int) -> None:
    end = os.lseek(opened, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65_536)
        os.lseek(opened, start, os.SEEK_SET)
        newline = os.read(opened, end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    os.ftruncate(opened, end)


def cut_log(path: Place, step: int, tell: Callable[[str], None] = lambda notice: None) -> None:
    """Take the lines after `step` out of a log, and its end if it has one, so that the run can go on.

    A line that is no line of a log is taken out with all that follow it; `tell` says so.

    Raises:
        UsageError, ResourceError, ClipartError: `path` cannot be written.
    """
    slot = as_slot(path)
    if not slot.folder.has(slot.name):
        return
    with slot.folder.atomic(slot.name) as temporary, temporary.open("wb") as new:
        try:
            for raw, line in _lines(path):
                if line.step > step:
                    break
                if line.stop is not None:
                    values = json.loads(raw)
                    kept = {key: value for key, value in values.items() if key not in ("stop", "go_on")}
                    raw = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                new.write(raw)
        except ClipartError as error:
            tell(f"{error} The log goes on from before it.")


def read_log(path: Place) -> list[LogLine]:
    """Read a log that `StepLog` wrote, also one that a crash cut short.

    Raises:
        UsageError: it is a link or no ordinary file.
        ClipartError: no such file, or a line that is no line of a log, named by its number.
    """
    return [line for _, line in _lines(path)]


def _lines(path: Place) -> Iterator[tuple[bytes, LogLine]]:
    """Yield each whole line of a log as it is and as it is read."""
    slot = as_slot(path)
    if not slot.folder.has(slot.name):
        raise ClipartError(f"{path}: could not be read (there is no such file).")
    with os.fdopen(slot.folder.open_file(slot.name, os.O_RDONLY), "rb") as file:
        try:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
                if number > MAX_LINES or len(raw) > MAX_LINE:
                    most = f"{MAX_LINES} lines" if number > MAX_LINES else f"{MAX_LINE} bytes in a line"
                    raise ClipartError(f"{path}, line {number}: a log has at most {most}.")
                if raw.endswith(b"\n"):
                    yield raw, _parse(slot.path, number, raw)
        except OSError as error:
            raise ClipartError(f"{path}: could not be read ({error.strerror or error}).") from error


def _parse(path: object, number: int, raw: bytes) -> LogLine:
    try:
        line = json.loads(raw)
        if line["v"] != VERSION:
            raise ClipartError(
                f"{path}, line {number}: format {str(line['v'])[:20]}; this clipart reads {VERSION}."
            )
        readings = line.get("readings")
        return LogLine(
            step=_step(line["step"]),
            seconds=_read(line["seconds"]),
            lr=_read(line["lr"]),
            stage=str(line["stage"]),
            losses={str(name): _read(value) for name, value in line["losses"].items()},
            readings=None if readings is None else tuple(_reading(reading) for reading in readings),
            stop=line.get("stop"),
            start=line.get("start"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ClipartError(f"{path}, line {number}: not a line of a clipart log.") from error


def _step(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_STEP:
        raise ValueError(f"step {value!r}")
    return value


def _read(value: float | None) -> float:
    number = math.nan if value is None else float(value)
    return number if abs(number) <= MAX_VALUE else math.nan


def _reading(reading: Mapping[str, Any]) -> Reading:
    return Reading(
        str(reading["text"]), _read(reading["weight"]), _read(reading["cosine"]), _read(reading["match"])
    )
