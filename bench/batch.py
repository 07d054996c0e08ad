"""Pictures a minute: N runs one by one as processes of their own, against `clipart batch` with one job and with two.

    python bench/batch.py [--pictures 6] [--rounds 1] [--jobs 1,2] [-- more options of clipart]

All make the same pictures, in turn, a round after another, and the ratio to the runs one by one is printed: above 1 the batch
makes more pictures a minute. Threads are what torch takes (OMP_NUM_THREADS), shared out among the jobs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

HERE = Path(__file__).resolve().parents[1]
WORDS = (
    "a red apple",
    "a fox",
    "a tree",
    "a house",
    "a fish",
    "a star",
    "a cup",
    "a bird",
    "a shoe",
    "a sun",
)


def call(args: list[str], folder: Path) -> None:
    """Run `clipart` with `args`."""
    command = [sys.executable, "-m", "clipart", *args, "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def one_by_one(prompts: list[str], options: list[str]) -> float:
    """Return the seconds of runs one after another, each a process."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        for prompt in prompts:
            call([prompt, "--seed", "1", *options], Path(folder))
        return time.monotonic() - began


def as_batch(prompts: list[str], jobs: int, options: list[str]) -> float:
    """Return the seconds of one batch, the sheet and the page included."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p.txt").write_text("\n".join(prompts))
        began = time.monotonic()
        call(["batch", "p.txt", "--jobs", str(jobs), *options], Path(folder))
        return time.monotonic() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("options", nargs="*", help="more options of clipart, after --")
    args = parser.parse_args()
    prompts = [WORDS[n % len(WORDS)] for n in range(args.pictures)]
    jobs = [int(each) for each in args.jobs.split(",")]
    print(machine())
    taken: dict[str, list[float]] = {}
    for _ in range(args.rounds):
        taken.setdefault("one by one", []).append(one_by_one(prompts, args.options))
        for each in jobs:
            taken.setdefault(f"batch --jobs {each}", []).append(as_batch(prompts, each, args.options))
    alone = statistics.median(taken["one by one"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        all_of_them = " ".join(f"{each:.1f}" for each in seconds)
        print(
            f"{name:>16}  {60 * len(prompts) / middle:6.1f} pictures a minute  {alone / middle:5.2f}  ({all_of_them} s)"
        )
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
