"""Notes on what was met and worked around: said through Python's logging, so that a program decides.

Nothing is printed by the library itself. The command line shows them on stderr, unless it is quiet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

LOGGER = logging.getLogger("clipart")
LOGGER.addHandler(logging.NullHandler())  # or Python would print them where nobody listens


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(record.getMessage())


def listen(tell: Callable[[str], None]) -> None:
    """Have `tell` called with every note from now on, in place of who listened by this before."""
    LOGGER.handlers = [each for each in LOGGER.handlers if not isinstance(each, _Teller)]
    LOGGER.addHandler(_Teller(tell))
    LOGGER.setLevel(logging.INFO)


def note(text: str) -> None:
    """Tell whoever listens to the logger "clipart"."""
    LOGGER.info(text)
