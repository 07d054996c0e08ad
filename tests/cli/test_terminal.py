"""Streams that are lost, narrow screens, and text that could drive a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_run import MAIN, ROOT, FakeRun
from rich.cells import cell_len

from clipart.cli import main
from clipart.cli.sink import Sink
from clipart.cli.terminal import Stream, printable

HOSTILE = "a\x1b[2Jb\u202ec\udcffd\x9be\u2028f\x07"


class Full(io.StringIO):
    """A stream of which the disk is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("lost", [None, Full()], ids=["closed", "full"])
def test_a_lost_stream_costs_no_run(
    stream: str, lost: Any, fake: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, stream, lost)
    for args in (["apple"], ["apple", "-q"], ["apple", "--json"]):
        assert main(args) == 0
        assert fake.recipe.prompt == "apple"


def test_a_result_that_went_nowhere_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["presets"]) == 1
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
def test_closed_descriptors_get_no_files() -> None:
    code = MAIN.replace("sys.exit(main())", "main(); import os; print(os.fstat(1), file=sys.stderr)")
    shell = f'"$0" -c "{code}" presets <&- >&-; echo $?'
    done = subprocess.run(["sh", "-c", shell, sys.executable], capture_output=True, text=True, cwd=ROOT)
    assert "st_mode=8" in done.stderr  # a device: /dev/null
    assert "could not be written" in done.stderr


@pytest.mark.parametrize("columns", ["0", "1", "7", "20", "28", "44", "50"])
def test_narrow_screens(
    columns: str, fake: FakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    wide = max(int(columns) or 80, 20)
    for args in ([], ["--help"], ["models", "-h"], ["presets", "-h"]):
        assert main(args) == 0
        out = capsys.readouterr().out
        assert "Usage" in out
        assert max(map(cell_len, out.splitlines())) <= wide
    assert main(["apple:: a very long part of the prompt::", "--until", "90%"]) == 0
    assert "apple" in capsys.readouterr().out
    assert main(["parse", "a (b:2)::3"]) == 0
    assert re.search(r"weight\W.*3", capsys.readouterr().out, re.DOTALL)
    assert main(["--steps", "0", "apple"]) == 2
    assert "steps" in capsys.readouterr().err


def test_what_drives_a_terminal_is_written_out() -> None:
    assert printable(HOSTILE) == "a\\x1b[2Jb\\u202ec\\xffd\\x9be\\u2028f\\x07"
    assert printable("яблоко 🍎\tübers\n👩‍🚀") == "яблоко 🍎\tübers\n👩‍🚀"


def test_one_filter_for_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    sink, table = Sink(), Table()
    table.add_column(HOSTILE)
    table.add_row(Text(HOSTILE, "bold"))
    sink.show(HOSTILE, Text.assemble((HOSTILE, "red")), table)
    sink.note(HOSTILE)
    sink.warn(HOSTILE)
    sink.error(HOSTILE, "run", 1)
    out, err = capsys.readouterr()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", out + err)
    assert (out + err).count("\\u202e") >= 5


def test_a_name_goes_to_a_program_in_its_bytes(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        Stream(file).write_name("caf\udce9.png")
    assert (tmp_path / "out").read_bytes() == b"caf\xe9.png\n"
