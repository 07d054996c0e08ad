"""The help screens: one line for each option, with its default, grouped by theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from clipart.cli.options import EVERYDAY, PANELS, line_about

WIDEST = 100  # columns; longer lines are hard to read
COLUMN = 26  # columns of an option with its value
NARROW = COLUMN + 24  # below so many columns, what an option does stands below it
INTRO = "Makes a picture from a text by optimising it for a CLIP model. Works offline."
EXAMPLES = (
    ('clipart "apple:: tart::"', "an apple and a tart, side by side"),
    ('clipart "a fox::2 snow" --no text', "twice as much fox as snow, no text"),
    ('clipart "a sunset" -s 512x256', "wider than high"),
)
LEGEND = "An option is followed by its default, or by CAPITALS if it has no default."
MORE = "All options, with defaults and units: clipart --help"
ABOUT = {  # Typer's own words are longer than a line
    "help": "show this help",
    "install_completion": "complete options with the Tab key in this shell",
    "show_completion": "print the script that does so",
}


@dataclass(frozen=True)
class Row:
    """One option: its flags, what may follow them, whether that is a default, and what it does."""

    name: str
    flags: tuple[str, ...]
    value: str
    is_default: bool
    about: str


def panels(params: Iterable[Any]) -> dict[str, list[Row]]:
    """Return the rows of the options in `params` that are not hidden, by panel, in the order of PANELS."""
    found: dict[str, list[Row]] = {panel: [] for panel in PANELS}
    for param in params:
        if param.param_type_name == "option" and not param.hidden:
            found.setdefault(_panel(param), []).append(_row(param))
    return {panel: rows for panel, rows in found.items() if rows}


def _panel(param: Any) -> str:
    return str(param.rich_help_panel or (PANELS[-1] if param.name in ABOUT else PANELS[0]))


def _row(param: Any) -> Row:
    default = param.show_default if isinstance(param.show_default, str) else None
    metavar = "" if param.is_flag else param.metavar or "TEXT"
    flags = tuple(sorted(param.opts, key=lambda flag: flag.startswith("--")))
    words = ABOUT.get(param.name) or line_about(param)
    return Row(param.name, flags, default or metavar, default is not None, words)


def print_help(command: Any, ctx: Any) -> None:
    """Print everything about a command; about the group, that is the main job and the sub-commands."""
    screen, group = _Screen(ctx), ctx.find_root().command
    job = group.commands["make"]
    if command in (group, job):
        _begin(screen, 'clipart "PROMPT" [options]')
        _print_commands(screen, group.commands.values())
        screen.line("", f" {LEGEND}", style="dim")
        params = [*job.params, *group.get_params(ctx)]
    else:
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        _usage(
            screen, " ".join(["clipart", command.name, *(each.metavar for each in arguments), "[options]"])
        )
        screen.paragraphs(command.help)
        _print_arguments(screen, arguments)
        params = command.get_params(ctx)
    for panel, rows in panels(params).items():
        screen.heading(panel)
        screen.rows(rows)


def print_short_help(group: Any, ctx: Any) -> None:
    """Print the short help: examples, the everyday options, the sub-commands."""
    screen = _Screen(ctx)
    _begin(screen, 'clipart "PROMPT" [options]')
    rows = {row.name: row for rows in panels(group.commands["make"].params).values() for row in rows}
    screen.heading("Everyday options")
    screen.rows([rows[name] for name in EVERYDAY])
    _print_commands(screen, group.commands.values())
    screen.line("", f" {MORE}", "")


def _begin(screen: _Screen, usage: str) -> None:
    _usage(screen, usage)
    screen.paragraphs(INTRO)
    screen.line("")
    screen.terms(EXAMPLES)


def _usage(screen: _Screen, usage: str) -> None:
    screen.line("", [(" Usage: ", "yellow"), (usage, "bold")], "")


def _print_commands(screen: _Screen, commands: Iterable[Any]) -> None:
    screen.heading("Commands")
    screen.terms([(each.name, each.short_help) for each in commands if not each.hidden])


def _print_arguments(screen: _Screen, arguments: Sequence[Any]) -> None:
    if arguments:
        screen.line("")
        screen.terms([(each.metavar, each.help) for each in arguments])


class _Screen:
    """Output of at most WIDEST columns, and the few shapes that a help screen is made of."""

    def __init__(self, ctx: Any) -> None:
        from clipart.cli.sink import Sink

        invocation = ctx.find_root().obj
        self._sink = invocation.for_people() if invocation else Sink()
        self.width = min(self._sink.out.width, WIDEST)

    def line(self, *lines: str | Sequence[tuple[str, str]], style: str = "") -> None:
        from rich.constrain import Constrain
        from rich.text import Text

        for each in lines:
            text = Text(each, style) if isinstance(each, str) else Text.assemble(*each)
            self._sink.show(Constrain(text, self.width))

    def paragraphs(self, text: str) -> None:
        """Print text in lines of the width of the screen; an empty line in it begins a paragraph."""
        for number, paragraph in enumerate(text.split("\n\n")):
            lines = wrap(" ".join(paragraph.split()), self.width - 1)
            self.line(*([""] if number else []), *(f" {line}" for line in lines))

    def heading(self, title: str) -> None:
        rule = "─" if self._sink.out.encoding.startswith("utf") else "-"
        self.line("", [(f" {title} ", "bold"), (rule * max(0, self.width - len(title) - 3), "dim")])

    def terms(self, terms: Sequence[tuple[str, str]]) -> None:
        """Print names with what they are: beside them, in lines that go on below, or below them."""
        width = max(len(name) for name, _ in terms)
        beside = self.width - width - 6 >= 24
        left = width + 4 if beside else 3
        for name, about in terms:
            first, *more = wrap(about, self.width - left - 1) or [""]
            if beside:
                self.line([(f" {name.ljust(width)}", "bold cyan"), (f"   {first}", "")])
            else:
                self.line([(f" {name}", "bold cyan")], " " * left + first)
            self.line(*(" " * left + line for line in more))

    def rows(self, rows: Sequence[Row]) -> None:
        for row in rows if self.width >= NARROW else ():
            short = next((f"{flag}, " for flag in row.flags if not flag.startswith("--")), "    ")
            flag = next(flag for flag in row.flags if flag.startswith("--"))
            value = f" {row.value}" if row.value else ""
            gap = " " * (COLUMN - len(short + flag + value) + 1)
            first, *more = wrap(row.about, self.width - COLUMN - 2) or [""]
            style = "green" if row.is_default else "yellow"
            self.line([(f" {short}", "cyan"), (flag, "bold cyan"), (value, style), (f"{gap}{first}", "")])
            self.line(*(" " * (COLUMN + 2) + line for line in more))
        for row in rows if self.width < NARROW else ():
            style = "green" if row.is_default else "yellow"
            names = ", ".join(row.flags if row.flags[0].count("-") == 1 else row.flags[:1])
            self.line([(f" {names}", "bold cyan"), (f" {row.value}" if row.value else "", style)])
            self.line(*(f"   {line}" for line in wrap(row.about, self.width - 4)))
