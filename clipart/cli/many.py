"""What batch, sweep and compare share: their options, how they show how it goes, and how they end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clipart import limits
from clipart.cli.drive import saying_so
from clipart.cli.interrupts import Interrupts, signal_name
from clipart.cli.options import FILM, option, own, recipe_options
from clipart.cli.progress import clock, percent

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.many.tasks import Outcome, Task
    from clipart.shelf import Shelf

JOBS = "pictures made at the same time, each in a process of its own"
THREADS = "threads of each job; default: an equal part of those of torch"
FOLDER = "folder of the runs and of their index; by default in outputs/"
_NOT_OURS = ("output", "force", "folder", "explain_every")
_INTERVAL = 0.2  # seconds between two drawings of the line
Jobs = Annotated[int | None, option("--jobs", "-j", about=JOBS, value=1, min=1, max=limits.JOBS, metavar="N")]


def many_options(*without: str) -> dict[str, Any]:
    """Return the options of the main job that hold for many pictures, but those in `without`."""
    first = {
        "jobs": Jobs,
        "threads": own(int, "--threads", about=THREADS, metavar="N", min=1, max=limits.JOBS),
        "folder": own(Path, "--folder", about=FOLDER, metavar="DIR", panel="Output"),
    }
    kept = {k: v for k, v in recipe_options().items() if k not in (*_NOT_OURS, *without)}
    kept["video"] = own(Literal["mp4", "none"], "--video", about=FILM, value="none", panel="Output")
    return first | kept


@dataclass
class Plan:
    """Tasks, and where and how they are made. `typed` is the command, which is typed again to go on."""

    tasks: Sequence[Task]
    folder: Path
    given: Mapping[str, Any]
    typed: Sequence[str]
    title: str
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: float | None = None
    shelf: Shelf | None = None

    @property
    def jobs(self) -> int:
        """Pictures at the same time."""
        return int(self.given.get("jobs") or 1)

    def announce(self, sink: Sink) -> None:
        """Say how many pictures there are to make, where, and about how long their steps take if known."""
        count = len(self.tasks)
        words = f"{count} picture{'s' if count > 1 else ''} in {self.folder}"
        if self.seconds is not None:
            words += f"; the steps take about {clock(self.seconds)}"
        sink.event("plan", pictures=count, jobs=self.jobs, folder=self.folder, seconds=self.seconds)
        sink.note(words, style="")


class Board:
    """Shows how many pictures are done, and on a terminal how far the others are."""

    def __init__(self, sink: Sink, tasks: Sequence[Task]) -> None:
        self.sink, self._count = sink, len(tasks)
        self._done, self._drawn = 0, 0.0
        self._at: dict[int, tuple[Task, int, int]] = {}
        self._live: Any = None
        if sink.live:
            from rich.live import Live

            self._live = Live(console=sink.err, auto_refresh=False, transient=True, redirect_stdout=False)

    def __enter__(self) -> Board:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def watch(self, task: Task, step: int, steps: int) -> None:
        """Take in how far a task is."""
        self._at[task.number] = (task, step, steps)
        if self._live is not None and time.monotonic() - self._drawn > _INTERVAL:
            self._drawn = time.monotonic()
            self._live.update(self._line(), refresh=True)

    def _line(self) -> Any:
        from rich.text import Text

        at = [f"{_short(task)} {step}/{steps}" for task, step, steps in self._at.values()]
        words = f" {self._done} of {self._count} done   {', '.join(at)}"
        return Text(words, style="dim", no_wrap=True, overflow="ellipsis")

    def over(self, each: Outcome) -> None:
        """Say what came of a task."""
        self._done += each.state != "cut"
        self._at.pop(each.number, None)
        self.sink.event(
            "picture",
            number=each.number,
            state=each.state,
            prompt=each.recipe.prompt,
            seed=each.recipe.seed,
            axes=dict(each.axes),
            match=each.match,
            folder=each.folder,
            reason=each.reason,
        )
        if each.state != "there":
            seen = "" if each.match is None else f"  {percent(each.match)}"
            what = {"made": seen, "cut": "  stopped; saved", "failed": "  failed"}[each.state]
            self.sink.note(f"{self._done} of {self._count}  {_short(each)}{what}", style="")


def _short(each: Task | Outcome) -> str:
    """Return which picture it is: of a sweep its place on the axes, else its prompt and seed."""
    if each.axes:
        return each.where
    words = each.recipe.title if len(each.recipe.title) <= 40 else f"{each.recipe.title[:37]}..."
    return f"{words}, seed {each.recipe.seed}"


def make_all(sink: Sink, plan: Plan, judged: Callable[[list[Outcome]], None] = lambda outcomes: None) -> None:
    """Make the pictures of `plan`, say what came of them, and exit with the code for it.

    `judged` is called with them if it was not stopped, to show more of them.
    """
    from clipart.many.api import run_all
    from clipart.runs import Outputs

    names = ("video", "fps", "video_seconds")
    chosen: dict[str, Any] = {"video": "none", "metadata": not plan.given.get("no_metadata")}
    chosen |= {name: plan.given[name] for name in names if plan.given.get(name) is not None}
    outputs = Outputs(**chosen)
    found: list[Outcome] = []
    with Interrupts() as interrupts, Board(sink, plan.tasks) as board:
        stop_now = saying_so(sink, interrupts)
        how: dict[str, Any] = {"title": plan.title, "axes": plan.axes, "shelf": plan.shelf}
        how |= {"stop_now": stop_now, "watch": board.watch}
        try:
            for each in run_all(
                plan.tasks, plan.folder, outputs, plan.jobs, plan.given.get("threads"), **how
            ):
                found.append(each)
                board.over(each)
        except KeyboardInterrupt:
            code = interrupts.exit_code or 130
            sink.error(f"Stopped at once. Go on: {_again(plan)}", "interrupted", code)
            raise typer.Exit(code) from None
    failed = [each for each in found if each.state == "failed"]
    code = interrupts.exit_code or (1 if failed else 0)
    if not interrupts.exit_code:
        judged(found)
    _end(sink, plan, found, code, signal_name(interrupts.signal))
    raise typer.Exit(code)


def _where(each: Outcome) -> str:
    return "" if each.axes else f"{each.where}, "


def _again(plan: Plan) -> str:
    return shlex.join(["clipart", *plan.typed])


def _end(sink: Sink, plan: Plan, found: list[Outcome], code: int, signal: str) -> None:
    """Say what there is, what failed and why, and how to go on with the rest."""
    from rich.text import Text

    from clipart.many.page import INDEX, PAGE, SHEET

    counts = {s: sum(each.state == s for each in found) for s in ("made", "there", "failed")}
    left = len(plan.tasks) - sum(counts.values())
    paths = {"page": plan.folder / PAGE, "sheet": plan.folder / SHEET, "index": plan.folder / INDEX}
    paths = {name: path for name, path in paths.items() if found and path.is_file()}
    again = _again(plan) if left or counts["failed"] else ""
    about = {"folder": plan.folder, "paths": {name: str(path) for name, path in paths.items()}}
    sink.event("many", **counts, left=left, **about, again=again, exit_code=code)
    said = {"made": "made", "there": "were there", "failed": "failed"}
    words = [f"{count} {said[state]}" for state, count in counts.items() if count]
    words += [f"{left} left ({signal})"] if left else []
    rows = [("pictures", ", ".join(words) or "none"), *((name, str(path)) for name, path in paths.items())]
    rows += [("go on", again)] if left else []
    sink.show("", *(Text.assemble((f" {name:<8} ", "dim"), value) for name, value in rows), "")
    if "page" in paths:
        sink.brief(plan.folder)
    if failed := [each for each in found if each.state == "failed"]:
        lines = [f"{_where(each)}{_short(each)}: {each.reason}" for each in failed]
        first = f"{len(failed)} of {len(plan.tasks)} failed:"
        sink.error("\n".join([first, *lines, f"Try these again: {_again(plan)}"]), "run", code)
