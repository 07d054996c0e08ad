"""The help screens, and the page that is made of them."""

from __future__ import annotations

import runpy
from itertools import pairwise

import pytest
from fake_run import ROOT, python

import clipart.runs
from clipart.cli import main
from clipart.cli.app import COMMANDS, command
from clipart.cli.help import COLUMN, EVERYDAY
from clipart.knobs import knobs


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from clipart.cli import main; code = main(['--help']);"
        "heavy = {'torch', 'open_clip', 'kornia', 'numpy', 'av', 'PIL'} & set(sys.modules);"
        "print('heavy:', sorted(heavy), 'code:', code)"
    )
    done = python(code)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "heavy: [] code: 0"


def test_help_has_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, field in knobs().items():
        if name in ("prompt", "width", "height"):
            continue
        flag = f"--{name.replace('_', '-')}"
        row = next(line for line in lines if line[5:].split(" ")[0] == flag)
        value = row[: COLUMN + 1].split(flag)[1].strip()
        if isinstance(field.default, bool):
            assert value == ""
        elif isinstance(field.default, (int, float)):
            assert float(value) == field.default
        elif isinstance(field.default, str):
            assert value == field.default
        else:
            named = [each.partition("::")[0] for each in field.default or ()]
            assert value == value.upper() or value.split() == named


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for args in ([], ["--help"], ["parse", "--help"], ["presets", "-h"], ["doctor", "-h"]):
        assert main(args) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "make"])
def test_a_sentence_is_broken_only_where_the_screen_ends(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    main([name, "--help"])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    paragraphs = [paragraph.splitlines() for paragraph in out.split("\n\n")]
    for words in (" ".join(each.split()) for each in command().commands[name].help.split("\n\n")):
        lines = next(lines for lines in paragraphs if " ".join(" ".join(lines).split()) == words)
        for line, following in pairwise(lines):
            assert len(f"{line} {following.split()[0]}") > columns


def test_the_help_of_a_command_says_what_its_arguments_are(capsys: pytest.CaptureFixture[str]) -> None:
    main(["resume", "--help"])
    assert "\n RUN   the folder of a run\n" in capsys.readouterr().out


def test_help_is_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    main(["apple", "--help"])
    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("──")]
    assert titles == [
        "Commands", "Prompt", "Picture", "Stopping", "Output", "Model", "Canvas", "Optimiser", "Views",
        "Regularisers", "Help",
    ]  # fmt: skip


def test_clipart_alone_shows_the_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"--{name}" in out for name in EVERYDAY)
    assert "--momentum" not in out
    assert len(out.splitlines()) <= 50


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"clipart {clipart.__version__}\n"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == made["page"](), "python docs/make_cli.py"
