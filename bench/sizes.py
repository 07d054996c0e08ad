"""Seconds by the size of a picture: loading, the choice of a start, the steps, the finish.

python bench/sizes.py [--sizes 128 256 512 1024] [--steps 60]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

from machine import machine


def run_once(size: int, steps: int) -> dict[str, float]:
    """Make a picture of `size` pixels a side, as a user does; seconds by name."""
    command = [sys.executable, "-m", "clipart", "a red apple", "--size", str(size), "--steps", str(steps)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, "--seed", "1", "--folder", folder, "--json"], capture_output=True, text=True
        )
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stderr)
    timings = next(e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "done")["timings"]
    return {"wall": wall} | {name: timings[name] for name in ("start", "steps", "record", "finish")}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    print(machine())
    print("  size    whole s    start s    steps s   (record s)  finish s")
    for size in args.sizes:
        found = run_once(size, args.steps)
        print(f"{size:6d}" + "".join(f"{seconds:11.1f}" for seconds in found.values()), flush=True)


if __name__ == "__main__":
    main()
