"""The table of commands, and what holds for all of them."""

from __future__ import annotations

import ast
from pathlib import Path
from pkgutil import iter_modules

import pytest
from fake_run import ROOT

from clipart.cli import commands
from clipart.cli.app import COMMANDS, command

CLI = ROOT / "clipart" / "cli"


def test_every_module_of_a_command_is_in_the_table_and_no_other() -> None:
    assert sorted(COMMANDS) == sorted(module.name for module in iter_modules(commands.__path__))
    assert list(command().commands) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    made = command().commands[name]
    assert made.help
    assert made.help.endswith(".")
    assert made.short_help == COMMANDS[name]
    for param in made.params:
        assert param.help, f"{name} {param.name}"


@pytest.mark.parametrize("path", sorted(CLI.rglob("*.py")), ids=lambda path: str(path.relative_to(CLI)))
def test_only_the_sink_prints(path: Path) -> None:
    if path in (CLI / "sink.py", CLI / "terminal.py"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "typer.echo", "typer.secho", "Console"), f"{path}:{node.lineno}"
            assert not called.endswith((".write", ".print")), f"{path}:{node.lineno}"
        elif ast.unparse(node) in ("sys.stdout", "sys.stderr") and isinstance(node, ast.Attribute):
            raise AssertionError(f"{path}:{node.lineno}")


@pytest.mark.parametrize("path", sorted(CLI.rglob("*.py")), ids=lambda path: str(path.relative_to(CLI)))
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name
