"""What a run takes of memory at its peak, against the estimate that refuses what does not fit.

    python bench/memory.py [--canvas NAME ...] [--sizes 512 1024] [--steps 3] [--set NAME=VALUE ...]

Every run is a process of its own, by the command line, with one start and no film. The peak is the resident memory that the system
counts (Linux and macOS). The bar is an estimate within 25 % of the peak. The last column is what each further pixel
took, between the sizes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

from machine import machine

from clipart.canvas import CANVASES
from clipart.memory import estimate
from clipart.recipe import make_recipe

CHILD = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "clipart", *sys.argv[1:]], capture_output=True, text=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.stderr if done.returncode else 0)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of `ru_maxrss`


def peak(canvas: str, size: int, steps: int, assigned: list[str]) -> int:
    """Return the bytes of memory that a run takes at its peak."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("a red apple", "--canvas", canvas, "--size", str(size), "--steps", str(steps), "--starts", "1"),
            *("--scale", "1", "--video", "none", "--folder", folder, "--seed", "1"),
            *(word for each in assigned for word in ("--set", each)),
        ]
        done = subprocess.run([sys.executable, "-c", CHILD, *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return int(done.stdout) * UNIT


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--canvas", nargs="+", default=list(CANVASES.names()))
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    print(machine())
    print("canvas      size    peak MB  estimate MB  ratio  bytes a pixel")
    for canvas in args.canvas:
        before: tuple[int, int] | None = None
        for size in args.sizes:
            values = {"prompt": "a red apple", "canvas": canvas, "width": size, "height": size, "scale": 1.0}
            expected = estimate(make_recipe(values).resolve())
            found = peak(canvas, size, args.steps, args.set)
            slope = f"{(found - before[1]) / (size**2 - before[0] ** 2):13.0f}" if before else ""
            before = before or (size, found)
            ratio = expected / found
            print(
                f"{canvas:10}{size:6d}{found / 1e6:11.0f}{expected / 1e6:13.0f}{ratio:7.2f}  {slope}",
                flush=True,
            )


if __name__ == "__main__":
    main()
