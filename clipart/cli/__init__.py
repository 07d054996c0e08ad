"""The command line: one main job, a few sub-commands, and nothing heavy until a run begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line on `args` (default: what was typed) and return the exit code.

    0 done, 1 run failed, 2 usage, 3 model refused or missing, 4 memory or disk, 130 and 143 stopped
    by Ctrl-C and by SIGTERM. A traceback is shown only with CLIPART_DEBUG=1.
    """
    try:
        return _main(args)
    except KeyboardInterrupt:  # while the modules load, or as the last word is printed
        return 130


def _main(args: Sequence[str] | None) -> int:
    from clipart.cli.terminal import open_streams

    open_streams()
    from clipart.cli.app import command
    from clipart.cli.failures import explain
    from clipart.cli.sink import Invocation

    invocation = Invocation(sys.argv[1:] if args is None else args)
    typed = list(invocation.typed)
    try:
        code = command().main(args=typed, prog_name="clipart", standalone_mode=False, obj=invocation)
    except Exception as error:  # every error ends here, as one message and one exit code
        if os.environ.get("CLIPART_DEBUG"):
            import traceback

            traceback.print_exception(error)
        failure = explain(error)
        invocation.sink.error(failure.message, failure.kind, failure.exit_code)
        return failure.exit_code
    return invocation.finished(code if isinstance(code, int) else 0)
