"""From an error to one message and an exit code."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest
import torch
import typer
from fake_run import FakeRun, fail_with

from clipart.cli import main
from clipart.cli.failures import explain
from clipart.errors import ClipartError, ModelError, ResourceError, UsageError


@pytest.mark.parametrize(
    ("error", "code", "kind", "says"),
    [
        (ClipartError("no luck"), 1, "run", "no luck"),
        (UsageError("not so"), 2, "usage", "not so"),
        (ModelError("no model"), 3, "model", "no model"),
        (ResourceError("no room"), 4, "resource", "no room"),
        (MemoryError(), 4, "resource", "--size"),
        (torch.OutOfMemoryError("CUDA out of memory"), 4, "resource", "--chunk"),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), 4, "resource", "--chunk"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 4, "resource", "a.png"),
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), 1, "run", "a.png: Permission denied."),
        (ImportError("No module named 'kornia'"), 1, "run", "clipart doctor"),
        (RuntimeError("shapes"), 1, "unexpected", "CLIPART_DEBUG=1"),
        (ValueError(), 1, "unexpected", "Unexpected ValueError: no reason given"),
        (typer.Abort(), 1, "run", "Stopped."),
    ],
)  # fmt: skip
def test_failures(
    error: Exception, code: int, kind: str, says: str, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.during = fail_with(error)
    assert main(["apple", "--json"]) == code
    out, err = capsys.readouterr()
    event = json.loads(out.splitlines()[-1])
    assert (event["event"], event["kind"], event["exit_code"]) == ("error", kind, code)
    assert says in event["message"]
    assert err == f"error: {event['message']}\n"
    assert "Traceback" not in err


def test_a_traceback_is_there_for_the_asking(fake: FakeRun, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("CLIPART_DEBUG", "1")
    fake.during = fail_with(KeyError("lost"))
    assert main(["apple"]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith(
        "error: Unexpected KeyError: 'lost'\nPut CLIPART_DEBUG=1 before the command to see where.\n"
    )


def test_the_table_knows_every_exception() -> None:
    assert explain(KeyboardInterrupt()).exit_code == 1
    assert explain(Exception("two\nlines")).message.startswith("Unexpected Exception: two\n")
