"""How a run is going: a bar on a terminal, a line at every tenth of the run in a file, events for a program.

Each is a consumer of `Iterate` and a context manager around the run. None of them changes the run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from clipart.cli.sink import Sink
    from clipart.iterates import Check, Iterate, Reading
    from clipart.recipe import Recipe
    from clipart.target import Target

INTERVAL = 0.1  # seconds between two drawings of the bar
WIDEST = 90  # columns of the bars
ROOM_FOR_ECHO = 4
NARROW = 44  # columns below which there is neither a bar for each part nor its cosine
MOST_PARTS = 8  # parts of the prompt that are shown while it runs


class Progress:
    """A consumer that shows nothing, and what the others are made of."""

    def __call__(self, iterate: Iterate) -> None:
        """Take in the state of the run."""

    def trying(self, start: int, starts: int) -> None:
        """Take in which of the starts, from 1, is tried now, and how many there are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear away whatever is drawn."""


def progress_for(sink: Sink, recipe: Recipe) -> Progress:
    """Return the progress display that fits where `sink` writes."""
    if sink.mode == "json":
        return Events(sink, recipe)
    if sink.mode == "quiet":
        return Progress()
    return Bar(sink, recipe) if sink.live else Lines(sink, recipe)


class Pace:
    """How fast a run goes and how much of it is done, from the latest iterates.

    What came before the first step, the models and the choice of a start, is no part of the rate.
    """

    def __init__(self, recipe: Recipe, window: int = 50) -> None:
        self.recipe = recipe
        self._seen: deque[tuple[int, float]] = deque(maxlen=window)

    def see(self, iterate: Iterate) -> None:
        """Take in one more iterate."""
        if self._seen and self._seen[-1][0] == 0:
            self._seen.clear()
        self._seen.append((iterate.step, iterate.seconds))

    @property
    def rate(self) -> float | None:
        """Steps a second over the window, None before the second step."""
        if len(self._seen) < 2:
            return None
        (first, began), (last, now) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now > began else None

    @property
    def done(self) -> float:
        """The part of the run that is over, 0 to 1: of its steps or its seconds, whichever end first."""
        step, seconds = self._seen[-1] if self._seen else (0, 0.0)
        limit = self.recipe.seconds
        return min(1.0, max(step / self.recipe.steps, seconds / limit if limit else 0.0))

    @property
    def left(self) -> float | None:
        """Seconds to the last step or to the limit of time, None before there is a rate."""
        if not self.rate:
            return None
        step, seconds = self._seen[-1]
        left = (self.recipe.steps - step) / self.rate
        return max(0.0, left if self.recipe.seconds is None else min(left, self.recipe.seconds - seconds))


class Bar(Progress):
    """A bar with a line for each part of the prompt, drawn in place at most ten times a second."""

    def __init__(self, sink: Sink, recipe: Recipe, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.live import Live

        self.recipe, self.pace, self._clock = recipe, Pace(recipe), clock
        self._drawn = float("-inf")
        # No thread of its own: it would take time from the steps, and draw within a signal handler.
        self._live = Live(console=sink.err, auto_refresh=False, transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        self._live.start()
        self._live.update(_status(f"loading {' and '.join(map(str, self.recipe.clip))}"), refresh=True)
        return self

    def trying(self, start: int, starts: int) -> None:
        """Draw which start is tried."""
        self._live.update(_status(f"trying start {start} of {starts}"), refresh=True)

    def __call__(self, iterate: Iterate) -> None:
        """Draw, unless that was done just now."""
        self.pace.see(iterate)
        now = self._clock()
        if iterate.stop is None and now - self._drawn < INTERVAL:
            return
        self._drawn = now
        self._live.update(draw(iterate, self.pace), refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the bar away."""
        self._live.stop()


class Lines(Progress):
    """A plain line at every tenth of the run, for a log file."""

    def __init__(self, sink: Sink, recipe: Recipe) -> None:
        self.sink, self.pace = sink, Pace(recipe)
        self._tenth = -1

    def trying(self, start: int, starts: int) -> None:
        """Write a line for this start."""
        self.sink.note(f"trying start {start} of {starts}", style="")

    def __call__(self, iterate: Iterate) -> None:
        """Write a line if the next tenth is reached or the run is over."""
        self.pace.see(iterate)
        tenth = int(self.pace.done * 10 + 1e-9)
        if tenth > self._tenth or iterate.stop:
            self._tenth = tenth
            self.sink.note(describe(iterate, self.pace), style="")


class Events(Progress):
    """A JSON line whenever the judge has looked."""

    def __init__(self, sink: Sink, recipe: Recipe) -> None:
        self.sink, self.recipe = sink, recipe
        self._latest: Check | None = None

    def trying(self, start: int, starts: int) -> None:
        """Write a line for this start."""
        self.sink.event("trying", start=start, starts=starts)

    def __call__(self, iterate: Iterate) -> None:
        """Write a line if this look is a new one."""
        if self._latest is not None and iterate.check.step == self._latest.step:
            return
        self._latest = iterate.check
        self.sink.event(
            "check",
            step=iterate.step,
            steps=iterate.steps,
            seconds=iterate.seconds,
            total=iterate.losses.get("total"),
            stage=iterate.stage,
            readings=readings(iterate.check),
        )


def readings(check: Check) -> list[dict[str, Any]]:
    """Return what the judge saw as plain values."""
    return readings_of(check.readings)


def readings_of(found: Sequence[Reading]) -> list[dict[str, Any]]:
    """Return what a CLIP saw of the parts of a prompt as plain values."""
    return [{"text": r.text, "weight": r.weight, "match": r.match, "cosine": r.cosine} for r in found]


def describe(iterate: Iterate, pace: Pace) -> str:
    """Return the state of a run on one line."""
    shown = [f"{shorten(label(r))} {percent(r.match)}" for r in iterate.check.readings[:MOST_PARTS]]
    return "  ".join([f"step {iterate.step}/{iterate.steps}", *_speed(pace), ", ".join(shown)])


def draw(iterate: Iterate, pace: Pace) -> RenderableType:
    """Return the bar of a run and those of the parts of its prompt."""
    from rich.console import Group

    stage = f"  {iterate.stage}" if iterate.stage else ""
    words = "   ".join([f"step {iterate.step}/{iterate.steps}{stage}", *_speed(pace)])
    head = Head(pace.done, "cleaning up, writing the files" if iterate.stop else words)
    bars = Group(head, Parts(iterate.check, pace.recipe.until, MOST_PARTS))
    return Narrow(bars)


@dataclass(frozen=True)
class Head:
    """How much of a run is done, 0 to 1, as a bar with words behind it; where that is narrow, the words."""

    done: float
    words: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if options.max_width < NARROW:
            yield Text(self.words, no_wrap=True, overflow="ellipsis")
            return
        head = Table.grid(padding=(0, 2, 0, 0), expand=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True, justify="right")
        bar = ProgressBar(total=1, completed=self.done, complete_style="cyan", finished_style="cyan")
        head.add_row(bar, Text(self.words))
        yield head


@dataclass(frozen=True)
class Narrow:
    """Something drawn one column from the left, at most WIDEST wide, with ROOM_FOR_ECHO free at the right.

    The terminal echoes ^C behind the last line: without room there it would begin a line of its own, and
    the bar would be drawn over the wrong ones.
    """

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.padding import Padding

        width = min(options.max_width - ROOM_FOR_ECHO, WIDEST)
        yield from console.render(Padding(self.inner, (0, 0, 0, 1)), options.update(width=max(width, 1)))


@dataclass(frozen=True)
class Parts:
    """A table of how well each part is matched: label, bar, percent, cosine; where it is narrow, no bar.

    `most` parts are shown at most; `target` is what the wanted ones are to reach.
    """

    check: Check
    target: Target | None
    most: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        wide, readings = options.max_width >= NARROW, self.check.readings
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=None if wide else 1, max_width=28)
        if wide:
            table.add_column(ratio=1)
        for _ in range(2 if wide else 1):
            table.add_column(no_wrap=True, justify="right")
        for reading in readings[: self.most]:
            style = "green" if reading.weight > 0 else "red" if reading.weight < 0 else "yellow"
            name = Text(label(reading), "bold" if reading.weight > 0 else "")
            if not wide:
                table.add_row(name, percent(reading.match))
                continue
            bar = ProgressBar(total=1, completed=reading.match, complete_style=style, finished_style=style)
            matched, cosine = self._scores(reading)
            table.add_row(name, bar, matched, Text(cosine, "dim"))
        if self.most is not None and len(readings) > self.most:
            table.add_row(Text(f"and {len(readings) - self.most} more", "dim"))
        yield table

    def _scores(self, reading: Reading) -> tuple[str, str]:
        """Return match and cosine in words, the one that is to be reached with its target."""
        target = self.target if reading.weight > 0 else None
        matched, cosine = percent(reading.match), f"cosine {reading.cosine:.3f}"
        if target and target.percent:
            matched += f", target {percent(target.value)}"
        elif target:
            cosine += f", target {target.value:g}"
        return matched, cosine


def label(reading: Reading) -> str:
    """Return what a part is called: its text, and that it is unwanted."""
    return f"no {reading.text}" if reading.weight < 0 else reading.text


def shorten(text: str, most: int = 28) -> str:
    """Return `text`, or its beginning if it is long."""
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(match: float) -> str:
    """Return a match in [0, 1] as whole percent."""
    return f"{match:.0%}"


def clock(seconds: float) -> str:
    """Return a duration as 0:45, 12:03 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed(rate: float) -> str:
    """Return a rate in steps/s, or if that is below 1 in s/step."""
    return f"{rate:.1f} steps/s" if rate >= 1 else f"{1 / rate:.1f} s/step"


def _speed(pace: Pace) -> list[str]:
    return [speed(pace.rate), f"{clock(pace.left)} left"] if pace.rate and pace.left is not None else []


def _status(words: str) -> RenderableType:
    from rich.text import Text

    return Text(f"{words} …", "dim")
