"""Time and memory of the main job, as a user starts it: `clipart "apple:: tart::" --steps 500`.

    python bench/main_job.py [--runs 1] [--steps 500] [-- more options of clipart]

Prints, for each run, the wall time of the whole process, its peak resident memory, and the parts: start-up
(imports; models and the choice of a start), the mean step, the part of it that trajectory and checkpoints take, the finish (clean-up,
picture, video).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from machine import machine


def run_once(command: list[str]) -> dict[str, float]:
    """Run `command` (with --json); seconds and MB, by name."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*command, "--folder", folder, "--json"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit("the run failed")
    wall = time.monotonic() - began
    events = [json.loads(line) for line in output.splitlines()]
    done = next(event for event in events if event["event"] == "done")
    timings = done["timings"]
    return {
        "wall s": wall,
        "peak MB": usage.ru_maxrss / 1024,
        "imports s": wall - done["seconds"],
        "begin s": timings["start"],
        "step ms": 1000 * timings["steps"] / done["steps"],
        "steps s": timings["steps"],
        "record %": 100 * timings["record"] / timings["steps"],
        "finish s": timings["finish"],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("options", nargs="*", help="more options of clipart, after --")
    args = parser.parse_args()
    command = [sys.executable, "-m", "clipart", "apple:: tart::", "--steps", str(args.steps), "--seed", "1"]
    print(machine())
    rows = [run_once(command + args.options) for _ in range(args.runs)]
    for name in rows[0]:
        values = sorted(row[name] for row in rows)
        print(f"{name:>10}  " + "  ".join(f"{value:8.1f}" for value in values))


if __name__ == "__main__":
    main()
