"""Which command is meant: a sub-command by name, and for anything else the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from clipart.cli.help import print_help, print_short_help
from clipart.errors import ResourceError

MAIN_JOB = "make"


class Command(TyperCommand):
    """A command whose help screen is ours, and that needs a working folder."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            ResourceError: the working folder has been removed; torch's libraries would end the process.
        """
        try:
            Path.cwd()
        except FileNotFoundError:
            message = "The folder that you are in has been removed. Change to another: cd"
            raise ResourceError(message) from None
        return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help screen."""
        print_help(self, ctx)


class MainJobGroup(TyperGroup):
    """A group that hands over to its command `make` unless a sub-command or an own option comes first.

    So `clipart apple`, `clipart --steps 5 apple` and `clipart -- -1` draw, `clipart presets` lists, and
    `clipart make presets` draws the word.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the main job in front of its arguments."""
        if not args and not ctx.resilient_parsing:
            print_short_help(self, ctx)
            ctx.exit()
        own = {flag for param in self.get_params(ctx) for flag in param.opts}
        if args and args[0] not in self.commands and args[0].split("=")[0] not in own:
            args = [MAIN_JOB, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help screen: the main job's, with the sub-commands."""
        print_help(self, ctx)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete sub-commands and the main job's options."""
        job = self.commands[MAIN_JOB]
        return [*super().shell_complete(ctx, incomplete), *job.shell_complete(ctx, incomplete)]
