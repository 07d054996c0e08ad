"""Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_run import PICTURE, FakeRun

from clipart.cli import main


@pytest.fixture
def _own_handlers() -> Iterator[None]:
    """Fail loudly rather than end the tests if a signal gets past the command line."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, lambda *_: pytest.fail("SIGTERM was not caught"))
    signal.signal(signal.SIGHUP, lambda *_: pytest.fail("SIGHUP was not caught"))
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers: int) -> Callable[[int], None]:
    def during(step: int) -> None:
        if step == 1:
            for number in numbers:
                os.kill(os.getpid(), number)

    return during


@pytest.mark.usefixtures("_own_handlers")
@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
)
def test_one_signal_ends_the_run_well(number: int, code: int, name: str, fake: FakeRun, capsys: Any) -> None:
    before = signal.getsignal(number)
    fake.during = send(number)
    assert main(["apple", "--seed", "7"]) == code
    out, err = capsys.readouterr()
    assert err.count("stopping after this step, then saving") == 1
    assert f" stopped  {name} at step 1 of 500\n" in out
    assert str(PICTURE) in out
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("_own_handlers")
@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
def test_two_signals_end_it_at_once(numbers: tuple[int, ...], fake: FakeRun, capsys: Any) -> None:
    before = signal.getsignal(signal.SIGINT)
    fake.during = send(*numbers)
    assert main(["apple", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["kind"] == "interrupted"
    assert "Stopped at once" in err
    assert "Traceback" not in err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("_own_handlers")
@pytest.mark.parametrize(
    "numbers", [(signal.SIGHUP,) * 3, (signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGTERM)]
)
def test_a_closed_terminal_says_so_more_than_once(
    numbers: tuple[int, ...], fake: FakeRun, capsys: Any
) -> None:
    fake.during = send(*numbers)
    assert main(["apple", "--seed", "7", "-q"]) == 128 + numbers[-1]
    assert capsys.readouterr().out == f"{PICTURE}\n"


@pytest.mark.usefixtures("_own_handlers")
def test_a_run_under_nohup_goes_on(fake: FakeRun, capsys: Any) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    fake.during = send(signal.SIGHUP)
    assert main(["apple", "--seed", "7"]) == 0
    assert "stopping" not in capsys.readouterr().err
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.usefixtures("_own_handlers")
def test_a_signal_after_the_last_step_is_not_lost(fake: FakeRun, capsys: Any) -> None:
    fake.during = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 2 else None
    fake.stop = "steps"
    assert main(["apple", "--quiet"]) == 130
    assert capsys.readouterr() == (f"{PICTURE}\n", "")


def test_ctrl_c_outside_a_run_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clipart.presets.preset_names", interrupt)
    assert main(["presets"]) == 130
    assert capsys.readouterr() == ("", "")
