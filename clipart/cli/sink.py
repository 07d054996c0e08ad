"""The one place where the command line writes: for people, for programs, or only a path.

Results go to stdout; progress, notes and errors to stderr. In `json` mode stdout carries JSON lines and
nothing else; in `quiet` mode it carries the path of the picture, and stderr only errors.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from clipart.cli.terminal import Stream, make_console
from clipart.errors import UsageError
from clipart.notes import listen

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

CHECK = "CLIPART_CHECK_EVENTS"  # set in the tests: an event that is not in the table is an error
Mode = Literal["human", "json", "quiet"]


class Sink:
    """Output in one mode. `color` False, NO_COLOR, TERM=dumb or a file instead of a terminal: no styles.

    `made`: a file was written, so that words which are lost are not all that there was.
    """

    def __init__(self, mode: Mode = "human", color: bool = True) -> None:
        self.mode = mode
        self.made = False
        self._color = color
        self._warned: set[str] = set()
        self._out, self._err = Stream(sys.stdout), Stream(sys.stderr)

    @cached_property
    def out(self) -> Console:
        """The console on stdout."""
        return self._console(self._out)

    @cached_property
    def err(self) -> Console:
        """The console on stderr."""
        return self._console(self._err)

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that a moving bar can be drawn on."""
        return self.mode == "human" and self._err.isatty() and not _is_dumb()

    @property
    def lost(self) -> Exception | None:
        """Why the result went nowhere: there was nothing but words, and stdout could not be written."""
        self._out.flush()
        return None if self.made else self._out.lost

    def ask(self, question: str) -> bool | None:
        """Ask a person for y or n on the terminal; None where there is none, or a program reads."""
        if not self.live or sys.stdin is None or not sys.stdin.isatty():
            return None
        self.err.print(f"{question} [y/N] ", end="", markup=False, soft_wrap=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def show(self, *renderables: RenderableType) -> None:
        """Print a result for people."""
        if self.mode == "human":
            for renderable in renderables:
                self.out.print(renderable, soft_wrap=isinstance(renderable, str) or _is_text(renderable))

    def event(self, event: str, **data: Any) -> None:
        """Print one JSON line, at once, so that a program can follow; `clipart.cli.events` has its keys."""
        if self.mode != "json" and CHECK not in os.environ:
            return
        line = _plain({"event": event} | data)
        if CHECK in os.environ:
            from clipart.cli.events import check

            check(line)
        if self.mode == "json":
            self._out.write(json.dumps(line, allow_nan=False) + "\n")
            self._out.flush()

    def brief(self, path: Path) -> None:
        """Print the path of a file that was made, the one line that quiet mode is for."""
        self.made = True
        if self.mode == "quiet":
            self._out.write_name(str(path))

    def file(self, path: Path) -> None:
        """Print the path of a file that was made, for people and in quiet mode."""
        self.show(str(path))
        self.brief(path)

    def note(self, text: str, style: str = "dim") -> None:
        """Print a note for people on stderr."""
        if self.mode != "quiet":
            self.err.print(text, style=style, soft_wrap=True, markup=False)

    def warn(self, text: str, once: str = "") -> None:
        """Print a warning for people on stderr; of those with the same `once`, only the first."""
        from rich.text import Text

        if once in self._warned:
            return
        self._warned |= {once} - {""}
        if self.mode != "quiet":
            self.err.print(Text.assemble(("warning: ", "bold yellow"), text), soft_wrap=True)

    def error(self, message: str, kind: str, exit_code: int) -> None:
        """Say what went wrong: on stderr in every mode, and on stdout as an event in json mode."""
        from rich.text import Text

        self.event("error", kind=kind, message=message, exit_code=exit_code)
        self.err.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)

    def _console(self, stream: Stream) -> Console:
        return make_console(stream, not self._color or bool(os.environ.get("NO_COLOR")) or _is_dumb())


class Invocation:
    """One call of the command line: what was typed, and where its output goes."""

    def __init__(self, typed: Sequence[str] = ()) -> None:
        self.typed = tuple(typed)
        # Until the options are read, and if they cannot be, this is the best guess.
        before_dashes = self.typed[: self.typed.index("--")] if "--" in self.typed else self.typed
        self._color = "--no-color" not in before_dashes
        self.sink = Sink("json" if "--json" in before_dashes else "human", self._color)

    def choose(self, *, json: bool = False, quiet: bool = False, no_color: bool = False) -> Sink:
        """Set the sink from the options and return it.

        Raises:
            UsageError: both `json` and `quiet` are asked for.
        """
        if json and quiet:
            raise UsageError("--json and --quiet are two forms of output. Type one of them.")
        self.sink = Sink("json" if json else "quiet" if quiet else "human", not no_color)
        listen(self.sink.note)
        return self.sink

    def for_people(self) -> Sink:
        """Set the sink to what people read, as a help screen is, and return it."""
        self.sink = Sink("human", self._color)
        return self.sink

    def finished(self, code: int) -> int:
        """Return the exit code of a command that ended with `code`: 1 if its result went nowhere.

        Nothing is said of a reader that has gone, as `head` does.
        """
        lost = self.sink.lost
        if code or lost is None:
            return code
        if not isinstance(lost, BrokenPipeError):
            self.sink.error(f"The result could not be written to stdout ({lost}).", "run", 1)
        return 1


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


def _is_text(renderable: object) -> bool:
    from rich.text import Text

    return isinstance(renderable, Text)


def _plain(value: Any) -> Any:
    """Return `value` as JSON has it: no NaN or infinity, at most six digits behind the point."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)
