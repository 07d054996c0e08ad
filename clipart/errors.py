"""The one tree of errors: what the command line prints as a message and turns into an exit code.

A message names the culprit, the allowed range, and what to type next.
"""

from __future__ import annotations

import re
import shlex
import sys


def shell_word(text: object) -> str:
    """Return `text` as it is typed in a shell after a command: in quotes where it needs them.

    Whatever is in a file's name or a prompt, a command that we print does nothing else than it says.
    """
    plain = str(text)
    return (
        f'"{plain}"'
        if re.fullmatch(r"[^\"$`!\\\x00-\x1f]* [^\"$`!\\\x00-\x1f]*", plain)
        else shlex.quote(plain)
    )


class ClipartError(Exception):
    """A run failed for a reason that a person can act on. Exit code 1."""

    exit_code = 1


class UsageError(ClipartError):
    """Something that was asked for is malformed or out of range. Exit code 2."""

    exit_code = 2


class ModelError(ClipartError):
    """A model is missing, refused or broken. Exit code 3."""

    exit_code = 3


class ResourceError(ClipartError):
    """Not enough memory or disk. Exit code 4."""

    exit_code = 4


class DivergedError(ClipartError):
    """The optimisation left the numbers for good (NaN or infinity) after its last retry."""


# What torch and allocators say, as a plain RuntimeError, when the CPU or Apple's GPU is out of memory.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether Python, torch or an allocator has run out of memory. torch is not loaded for that."""
    torch = sys.modules.get("torch")  # it cannot be torch's error if nobody has imported torch
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
