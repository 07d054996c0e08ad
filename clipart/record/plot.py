"""How a run went, drawn from its log: matches, losses and the learning rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipart.errors import ClipartError, UsageError
from clipart.prompt import numbered
from clipart.record.drawing import Line, Mark, Point, Words, to_picture, to_svg
from clipart.record.files import save_png
from clipart.record.folder import Folder, require_output, written
from clipart.record.log import LogLine, read_log

WIDTH, PANEL = 800, 200  # pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 176, 28, 24  # pixels around a panel's lines
MOST_POINTS = 800  # of a line; more are no wider than a pixel
MOST_SERIES = 8
# Okabe and Ito, "Color Universal Design" (2008): colours that the colour-blind can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


@dataclass(frozen=True)
class Panel:
    """A diagram: its title, its lines by name, and the range of its axis if that is fixed."""

    title: str
    series: Mapping[str, Sequence[Point]]
    low: float | None = None
    high: float | None = None


def make_plot(run: Path, output: Path | None = None) -> list[Path]:
    """Draw the log of the run in the folder `run`; return what was written.

    `output` ends in .svg or .png; None writes both, plot.svg and plot.png, into the run's folder.

    Raises:
        UsageError: no log there, another suffix, or a place that cannot be written.
        ClipartError: the log is broken or empty.
    """
    log = run / "log.jsonl"
    if not Folder(run).has(log.name):
        raise UsageError(f"{run}: there is no log.jsonl in it. Give the folder of a run.")
    paths = [output] if output is not None else [run / "plot.svg", run / "plot.png"]
    for path in paths:
        if path.suffix.lower() not in (".svg", ".png"):
            raise UsageError(f"--output {path}: a plot ends in .svg or .png.")
        require_output(path)
    panels = panels_of(read_log(log))
    if not panels:
        raise ClipartError(f"{log}: there is no step in it yet.")
    marks = [mark for row, panel in enumerate(panels) for mark in draw(panel, row * PANEL)]
    for path in paths:
        if path.suffix.lower() == ".png":
            save_png(to_picture(marks, WIDTH, PANEL * len(panels)), path)
            continue
        with written(path) as temporary:
            temporary.write_text(to_svg(marks, WIDTH, PANEL * len(panels)), encoding="utf-8")
    return paths


def panels_of(lines: Sequence[LogLine]) -> list[Panel]:
    """Return the diagrams of a log: the judge's matches, the losses, and the learning rate."""
    matches: dict[str, list[Point]] = {}
    losses: dict[str, list[Point]] = {}
    for line in lines:
        readings = line.readings or ()
        texts = [f"no {each.text}" if each.weight < 0 else each.text for each in readings]
        for name, reading in zip(numbered(texts), readings, strict=True):
            matches.setdefault(name, []).append((line.step, 100 * reading.match))
        for name, value in line.losses.items():
            losses.setdefault(name, []).append((line.step, value))
    rates = [(float(line.step), line.lr) for line in lines if line.losses]
    panels = [
        Panel("match, %", matches, 0, 100),
        Panel("loss", dict(sorted(losses.items(), key=lambda item: item[0] != "total"))),
        Panel("learning rate", {"rate": rates}, 0),
    ]
    return [panel for panel in panels if any(panel.series.values())]


def draw(panel: Panel, top: int) -> Iterator[Mark]:
    """Yield the lines and words of a diagram whose upper edge is at `top`."""
    series = {name: thinned(points) for name, points in list(panel.series.items())[:MOST_SERIES]}
    values = [y for points in series.values() for _, y in points if math.isfinite(y)] or [0.0]
    last = max((x for points in series.values() for x, _ in points), default=1) or 1
    low = min(values) if panel.low is None else panel.low
    high = max(values) if panel.high is None else panel.high
    span = high - low or abs(high) or 1.0
    right, floor, ceiling = WIDTH - RIGHT, top + PANEL - BOTTOM, top + TOP

    def place(x: float, y: float) -> Point:
        return LEFT + x / last * (right - LEFT), floor - (y - low) / span * (floor - ceiling)

    yield Words((LEFT, top + 18), panel.title, 13)
    for value in ticks(low, low + span):
        y = place(0, value)[1]
        yield Line([(LEFT, y), (right, y)], "#dddddd")
        yield Words((LEFT - 6, y + 4), f"{value:.4g}", 11, anchor="end")
    for step in ticks(0, last):
        yield Words((place(step, low)[0], floor + 16), f"{step:g}", 11, anchor="middle")
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        for stretch in _finite(points):
            yield Line([place(x, y) for x, y in stretch], colour, 1.5)
        y = ceiling + 10 + 18 * index
        yield Line([(right + 10, y - 4), (right + 26, y - 4)], colour, 2.5)
        yield Words((right + 32, y), name if len(name) <= 20 else f"{name[:18]}...", 11)


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most `MOST_POINTS` of `points`, evenly, with the first and the last."""
    if len(points) <= MOST_POINTS:
        return list(points)
    return [points[round(k * (len(points) - 1) / (MOST_POINTS - 1))] for k in range(MOST_POINTS)]


def ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers from `low` to `high`."""
    raw = (high - low) / 5
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _finite(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield the stretches of a line that have numbers; one of a single point is made a dot."""
    stretch: list[Point] = []
    for x, y in [*points, (0, math.nan)]:
        if math.isfinite(y):
            stretch.append((x, y))
        elif stretch:
            yield stretch if len(stretch) > 1 else [stretch[0], stretch[0]]
            stretch = []
