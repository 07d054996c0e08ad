"""A file that is there is not replaced without a word: ask on a terminal, else `--force` is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clipart.errors import UsageError

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def mind_the_file(sink: Sink, path: Path | None, force: bool, flag: str = "--output") -> None:
    """Ask before `path` is replaced; nothing is asked if it is None, if it is not there, or with `force`.

    Raises:
        UsageError: it is there, and nobody can be asked.
        typer.Abort: the answer was no.
    """
    if path is None or force or not path.is_file():
        return
    answer = sink.ask(f"{path} is there. Replace it?")
    if answer is None:
        raise UsageError(f"{flag} {path} is there. Choose another name, or type --force to replace it.")
    if not answer:
        raise typer.Abort
