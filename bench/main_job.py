"""Time and memory of the main job, as a user starts it: `clipart "apple:: tart::" --steps 500`.

    python bench/main_job.py [--runs 1] [--steps 500] [--against COMMIT] [-- more options of clipart]

Prints, for each run, the wall time of the whole process, its peak resident memory, and the parts: start-up
(imports; models and the choice of a start), the mean step, the part of it that trajectory and checkpoints take, the finish (clean-up,
picture, video). `user s` is the processor time in user mode, which other processes disturb less than the wall time.
With --against, runs of this checkout and of COMMIT, in a temporary worktree, take turns, and the ratios of the medians are
printed: below 1 this checkout needs less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import machine

HERE = Path(__file__).resolve().parents[1]


def run_once(command: list[str], tree: Path = HERE) -> dict[str, float]:
    """Run `command` (with --json) with clipart of `tree`; seconds and MB, by name."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*command, "--folder", folder, "--json"],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(tree)},
            cwd=folder,  # a module is looked for there before PYTHONPATH
        )  # fmt: skip
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
        "user s": usage.ru_utime,
        "peak MB": usage.ru_maxrss / 1024,
        "imports s": wall - done["seconds"],
        "begin s": timings["start"],
        "step ms": 1000 * timings["steps"] / done["steps"],
        "steps s": timings["steps"],
        "record %": 100 * timings["record"] / timings["steps"],
        "finish s": timings["finish"],
    }


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """Check `commit` out in a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        tree, git = Path(temporary) / "tree", ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def show(rows: list[dict[str, float]]) -> None:
    """Print the values of several runs, ascending."""
    for name in rows[0]:
        print(f"{name:>10}  " + "  ".join(f"{value:8.1f}" for value in sorted(row[name] for row in rows)))


def compare(command: list[str], runs: int, commit: str) -> None:
    """Print the runs of `commit` and of this checkout, which take turns, and the ratios."""
    before, now = [], []
    with worktree(commit) as tree:
        for _ in range(runs):
            before.append(run_once(command, tree))
            now.append(run_once(command))
    for name, rows in ((commit, before), ("this checkout", now)):
        print(name)
        show(rows)
    print("this checkout / " + commit)
    for name in now[0]:
        old, new = (statistics.median(row[name] for row in rows) for rows in (before, now))
        if old:
            print(f"{name:>10}  {new / old:8.2f}")
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--against", metavar="COMMIT", help="compare with this commit")
    parser.add_argument("options", nargs="*", help="more options of clipart, after --")
    args = parser.parse_args()
    command = [sys.executable, "-m", "clipart", "apple:: tart::", "--steps", str(args.steps), "--seed", "1"]
    print(machine())
    if args.against:
        compare(command + args.options, args.runs, args.against)
    else:
        show([run_once(command + args.options) for _ in range(args.runs)])


if __name__ == "__main__":
    main()
