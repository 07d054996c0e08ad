"""The log of a run: one line of JSON a step, on the disk as soon as the step is done.

A log is written under its own name and grows. After a crash it has fewer lines, and the last one may be
incomplete: `read_log` leaves that out, and a `StepLog` that goes on removes it. Each line says in "v" which
version of this format it has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from clipart.errors import ClipartError
from clipart.files import atomic, explain
from clipart.iterates import Reading

if TYPE_CHECKING:
    from clipart.iterates import Iterate

VERSION = 1


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

    Raises:
        UsageError, ResourceError, ClipartError: `path` cannot be written; also on each call.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _cut_torn_line(path)
            self._file: TextIO = path.open("a", encoding="utf-8", buffering=1, newline="\n")
        except OSError as error:
            raise explain(error, path) from error

    def __call__(self, it: Iterate) -> None:
        """Write the line of `it`."""
        try:
            self._file.write(json.dumps(_line(it), ensure_ascii=False, separators=(",", ":")) + "\n")
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

    def __exit__(self, *_: object) -> None:
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


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        file.truncate(end)


def cut_log(path: Path, step: int) -> None:
    """Take the lines after `step` out of a log, and its end if it has one, so that the run can go on.

    Raises:
        UsageError, ResourceError, ClipartError: `path` cannot be written; a line that is no line of a log.
    """
    if not path.exists():
        return
    with atomic(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        for number, raw in enumerate(old, 1):
            if not raw.endswith(b"\n") or _parse(path, number, raw).step > step:
                break
            line = json.loads(raw)
            if line.pop("stop", None) is not None:
                raw = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            new.write(raw)


def read_log(path: Path) -> list[LogLine]:
    """Read a log that `StepLog` wrote, also one that a crash cut short.

    Raises:
        ClipartError: no such file, or a line that is no line of a log, named by its number.
    """
    try:
        with path.open("rb") as file:
            return [_parse(path, number, raw) for number, raw in enumerate(file, 1) if raw.endswith(b"\n")]
    except OSError as error:
        raise ClipartError(f"{path}: could not be read ({error.strerror or error}).") from error


def _parse(path: Path, number: int, raw: bytes) -> LogLine:
    try:
        line = json.loads(raw)
        if line["v"] != VERSION:
            raise ClipartError(f"{path}, line {number}: format {line['v']}; this clipart reads {VERSION}.")
        readings = line.get("readings")
        return LogLine(
            step=int(line["step"]),
            seconds=float(line["seconds"]),
            lr=_read(line["lr"]),
            stage=str(line["stage"]),
            losses={str(name): _read(value) for name, value in line["losses"].items()},
            readings=None if readings is None else tuple(_reading(reading) for reading in readings),
            stop=line.get("stop"),
            start=line.get("start"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ClipartError(f"{path}, line {number}: not a line of a clipart log.") from error


def _read(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _reading(reading: Mapping[str, Any]) -> Reading:
    return Reading(
        str(reading["text"]), float(reading["weight"]), _read(reading["cosine"]), _read(reading["match"])
    )
