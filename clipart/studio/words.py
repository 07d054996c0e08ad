"""The words that fit a picture best, asked of `clipart describe` in a process: the server has no torch."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError

SECONDS = 60.0  # in which it has to answer
_one_by_one = asyncio.Lock()


async def words_of(picture: Path) -> list[dict[str, Any]]:
    """Return the words that fit `picture` best, with their shares, the best first.

    Raises:
        ClipartError: there was no answer in time, or it could not be looked at.
    """
    command = (sys.executable, "-m", "clipart", "describe", str(picture), "--json")
    async with _one_by_one:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise ClipartError(f"The picture was not described in {SECONDS:.0f} seconds.") from None
    for line in out.splitlines():
        found = json.loads(line)
        if found.get("event") == "described":
            words: list[dict[str, Any]] = found["words"]
            return words
    raise ClipartError("The picture could not be described. `clipart doctor` says what is missing.")
