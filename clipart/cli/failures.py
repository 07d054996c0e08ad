"""From an exception to a message and an exit code, by one table."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from clipart.errors import ClipartError, is_out_of_memory
from clipart.meanings import instead, meant
from clipart.near import nearest

KINDS = {1: "run", 2: "usage", 3: "model", 4: "resource"}
DISK = (errno.ENOSPC, errno.EDQUOT)
LESS_MEMORY = "Try a smaller --size, or fewer views at once with --chunk 4."
OPTION_CUTOFF = 0.65  # likeness of letters from 0 to 1; below it, two short names are like by chance
MORE_DISK = "Make room, or choose another disk with --folder."


@dataclass(frozen=True)
class Failure:
    """What to tell a person, what kind of failure it is for a program, and the exit code."""

    message: str
    kind: str
    exit_code: int


def explain(error: BaseException) -> Failure:
    """Return the failure that `error` is, from the first row of the table that fits."""
    code, message = next((code, message) for fits, code, message in TABLE if fits(error))
    exit_code = code if code is not None else int(getattr(error, "exit_code", 1))
    kind = KINDS.get(exit_code, "run") if message is not _unexpected else "unexpected"
    notes = getattr(error, "__notes__", [])
    return Failure("\n".join([message(error), *notes]), kind, exit_code)


def _out_of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in DISK


def _usage(error: Any) -> str:
    """Return Typer's message, or ours where Typer's names no option or does not say what to type."""
    option = getattr(error, "option_name", None)
    help_line = f"`{_command_path(error)} --help` lists the options."
    if option is None or not hasattr(error, "possibilities"):
        return f"{_bad_value(error) or error.format_message()}\n{help_line}"
    if _is_of_the_main_job(option, error.ctx):
        name = error.ctx.command.name
        return f"`clipart {name}` has no option {option}. To draw the word, type: clipart make {name}"
    if hint := _hint(option, error.ctx):
        return f"No such option: {option}.{hint}"
    if not option.startswith("--"):
        help_line = 'Put two dashes before a prompt that starts with one: clipart -- "-1 degrees"'
    return f"No such option: {option}.\n{help_line}"


def _hint(option: str, context: Any) -> str:
    """Return what may have been meant by an option: by the word, then by the letters."""
    if not option.startswith("--"):
        return ""
    flags = {flag for param in context.command.params for flag in param.opts if flag.startswith("--")}
    by_meaning = f"--{meant(option)}"
    if by_meaning in flags:
        return f" Did you mean {by_meaning}?"
    if sentence := instead(option):
        return f" {sentence}"
    names = [flag.removeprefix("--") for flag in sorted(flags)]
    near = nearest(option.strip("-"), names, 1, OPTION_CUTOFF)
    return f" Did you mean --{near[0]}?" if near else ""


def _is_of_the_main_job(option: str, context: Any) -> bool:
    job = context.find_root().command.commands["make"]
    is_sub_command = context.parent is not None and context.command is not job
    return is_sub_command and any(option in param.opts for param in job.params)


def _bad_value(error: Any) -> str:
    """Return what is wrong with the value of an option, empty if it is something else that is wrong."""
    flags = getattr(getattr(error, "param", None), "opts", None)
    if not flags or not str(flags[0]).startswith("-") or type(error).__name__ != "BadParameter":
        return ""
    message, default = str(error.message).removeprefix("Value error, "), error.param.show_default
    example = f", such as {default}" if isinstance(default, str) else ""
    if message.startswith("Input should be a valid integer"):
        message = f"it takes a whole number{example}."
    elif message.startswith("Input should be a valid number"):
        message = f"it takes a number{example}."
    flag = next(flag for flag in flags if flag.startswith("--"))
    return f"{flag}: {message[:1].lower()}{message[1:]}"


def _command_path(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path).removesuffix(" make") if context else "clipart"


def _os_error(error: Any) -> str:
    return f"{error.filename}: {error.strerror}." if error.filename and error.strerror else f"{error}."


def _unexpected(error: BaseException) -> str:
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return (
        f"Unexpected {type(error).__name__}: {reason}\nPut CLIPART_DEBUG=1 before the command to see where."
    )


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


# Rows are (fits, exit code or None for the error's own, message).
TABLE: tuple[tuple[Callable[[BaseException], bool], int | None, Callable[[Any], str]], ...] = (
    (_is(ClipartError), None, str),
    (_is(typer.TyperException), None, _usage),
    (_is(typer.Abort), 1, lambda _: "Stopped."),
    (is_out_of_memory, 4, lambda _: f"Out of memory. {LESS_MEMORY}"),
    (_out_of_disk, 4, lambda e: f"The disk is full{f' at {e.filename}' if e.filename else ''}. {MORE_DISK}"),
    (_is(ImportError), 1, lambda e: f"{e}. `clipart doctor --deep` shows what is missing."),
    (_is(OSError), 1, _os_error),
    (_is(BaseException), 1, _unexpected),
)
