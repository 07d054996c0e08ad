"""What is shown while a run goes on."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from rich.cells import cell_len
from rich.console import Console

from clipart.cli.progress import Bar, Events, Lines, Pace, Progress, clock, draw, progress_for, speed
from clipart.cli.sink import Sink
from clipart.iterates import Check, Iterate, Reading, StopReason
from clipart.recipe import Recipe, make_recipe


def recipe(**settings: Any) -> Recipe:
    return make_recipe({"prompt": "apple", "steps": 100} | settings)


def iterate(
    step: int, seconds: float = 0.0, parts: int = 1, stop: StopReason | None = None, seen: int = 0
) -> Iterate:
    readings = [Reading(f"part {n}", 1.0 if n != 1 else -0.5, 0.25, 0.5) for n in range(parts)]
    check = Check(seen, tuple(readings))
    return Iterate(step, 100, torch.zeros(3, 1, 1), {"total": 0.5}, check, 0.1, "", seconds, stop)


def screen(*renderables: Any, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(*renderables)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_pace() -> None:
    pace = Pace(recipe())
    pace.see(iterate(0, 1.0))
    assert (pace.rate, pace.left, pace.done) == (None, None, 0.0)
    pace.see(iterate(1, 61.0))  # a minute went by as starts were tried
    assert (pace.rate, pace.left, pace.done) == (None, None, 0.01)
    pace.see(iterate(11, 66.0))
    assert (pace.rate, pace.left, pace.done) == (2.0, 44.5, 0.11)


def test_pace_follows_a_change_of_speed() -> None:
    pace = Pace(recipe(), window=3)
    for step, seconds in ((0, 0.0), (1, 10.0), (2, 10.5), (3, 11.0)):
        pace.see(iterate(step, seconds))
    assert pace.rate == 2.0


def test_a_limit_of_time_may_come_first() -> None:
    pace = Pace(recipe(seconds=10.0))
    for step, seconds in ((0, 0.0), (2, 1.0), (10, 5.0)):
        pace.see(iterate(step, seconds))
    assert (pace.left, pace.done) == (5.0, 0.5)
    pace.see(iterate(30, 15.0))
    assert (pace.left, pace.done) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (45.4, "0:45"), (59.6, "1:00"), (723, "12:03"), (3723, "1:02:03")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_speed() -> None:
    assert speed(8.44) == "8.4 steps/s"
    assert speed(0.4) == "2.5 s/step"


def test_what_is_drawn() -> None:
    pace = Pace(recipe(until="80%"))
    for step, seconds in ((1, 0.2), (50, 10.0)):
        pace.see(iterate(step, seconds))
    head, wanted, unwanted = screen(draw(iterate(50, 10.0, parts=2), pace))
    assert head.endswith("step 50/100   5.0 steps/s   0:10 left")
    assert wanted.startswith(" part 0")
    assert "50%, target 80%" in wanted
    assert "cosine 0.250" in wanted
    assert unwanted.startswith(" no part 1")
    assert "target" not in unwanted
    assert wanted.count("━") == pytest.approx(wanted.index("50%") / 2 - 4, abs=4)


def test_a_cosine_to_reach_is_shown_with_the_cosine() -> None:
    pace = Pace(recipe(until="0.31"))
    pace.see(iterate(0))
    assert screen(draw(iterate(0), pace))[1].endswith("50%  cosine 0.250, target 0.31")


@pytest.mark.parametrize("width", [20, 28, 40, 80, 120])
def test_it_fits(width: int) -> None:
    pace = Pace(recipe(until="80%"))
    pace.see(iterate(0))
    long = Check(
        0, (Reading("a very long part of a prompt " * 9, 1.0, 0.2, 0.4), Reading("りんご" * 20, 1, 0.2, 1))
    )
    lines = screen(draw(Iterate(0, 100, torch.zeros(3, 1, 1), {}, long, 0.1, "", 0.0), pace), width=width)
    assert len(lines) == 3
    assert all(cell_len(line) <= width - 4 for line in lines)  # room for ^C
    assert "…" in lines[1]


def test_many_parts_are_cut_short() -> None:
    pace = Pace(recipe())
    pace.see(iterate(0))
    lines = screen(draw(iterate(0, parts=30), pace))
    assert len(lines) == 10
    assert lines[-1].rstrip() == " and 22 more"


class Counted(io.StringIO):
    """A terminal that counts how often it is drawn on."""

    frames = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.frames += "step " in text or "writing" in text
        return super().write(text)


def test_the_bar_is_drawn_ten_times_a_second_at_most() -> None:
    sink, terminal, now = Sink(), Counted(), [0.0]
    sink.err = Console(file=terminal, force_terminal=True, width=80, color_system=None)
    with Bar(sink, recipe(), clock=lambda: now[0]) as bar:
        assert "loading tiny" in terminal.getvalue()
        bar.trying(2, 6)
        assert "trying start 2 of 6" in terminal.getvalue()
        for step in range(100):
            bar(iterate(step, now[0]))
            now[0] += 0.01
        assert 9 <= terminal.frames <= 11
        drawn = terminal.frames
        bar(iterate(100, now[0], stop="steps"))  # the last one always
        assert terminal.frames == drawn + 1
    assert "cleaning up" in terminal.getvalue()


def test_a_file_gets_a_line_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Sink(), recipe())
    for step in range(101):
        lines(iterate(step, step / 10, stop="steps" if step == 100 else None))
    err = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in err] == [f"{n}/100" for n in range(0, 101, 10)]
    assert err[5] == "step 50/100  10.0 steps/s  0:05 left  part 0 50%"


def test_a_file_gets_the_last_line_of_a_run_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Sink(), recipe())
    for step, stop in ((0, None), (1, None), (2, "score")):
        lines(iterate(step, float(step), stop=stop))  # type: ignore[arg-type]
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["0/100", "2/100"]


def test_a_file_is_told_which_start_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(Sink(), recipe()).trying(2, 6)
    assert capsys.readouterr().err == "trying start 2 of 6\n"


def test_a_program_gets_an_event_for_every_new_look(capsys: pytest.CaptureFixture[str]) -> None:
    events = Events(Sink("json"), recipe())
    for step in range(7):
        events(iterate(step, seen=step // 3 * 3))
    got = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["event"], each["step"]) for each in got] == [("check", 0), ("check", 3), ("check", 6)]
    assert got[0]["readings"] == [{"text": "part 0", "weight": 1.0, "match": 0.5, "cosine": 0.25}]


def test_a_program_is_told_which_start_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    events = Events(Sink("json"), recipe(starts=3))
    for start in (1, 2, 3):
        events.trying(start, 3)
    got = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert got == [{"event": "trying", "start": start, "starts": 3} for start in (1, 2, 3)]


def test_the_display_fits_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Counted()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert type(progress_for(Sink(), recipe())) is Bar
    assert type(progress_for(Sink("json"), recipe())) is Events
    assert type(progress_for(Sink("quiet"), recipe())) is Progress
    monkeypatch.setenv("TERM", "dumb")
    assert type(progress_for(Sink(), recipe())) is Lines
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert type(progress_for(Sink(), recipe())) is Lines
