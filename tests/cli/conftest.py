"""Fixtures of the tests of the command line."""

from __future__ import annotations

import pytest
from fake_run import FakeRun


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    run = FakeRun()
    monkeypatch.setattr("clipart.runs.run", run)
    monkeypatch.setattr("clipart.cli.downloads.fetch_named", lambda sink, names: None)
    return run


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLIPART_DEBUG", "PY_COLORS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
