"""A long run with everything recorded: does its memory grow?

    python bench/soak.py [--steps 10000]

Runs the main job in a process of its own, small so that it takes minutes, and looks at its resident memory 20 times
from a tenth of the run on. The bar is a growth under 5 MB. Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

CHILD = """
import sys
from pathlib import Path
from clipart.recipe import make_recipe
from clipart.runs import Outputs, run
steps, folder = int(sys.argv[1]), Path(sys.argv[2])
recipe = make_recipe({"prompt": "apple:: tart::", "seed": 1, "steps": steps, "width": 96, "height": 96, "views": 2})
def look(it):
    if it.step >= steps // 10 and it.step % (steps // 20) == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(it.step, pages * 4096, flush=True)
result = run(recipe, Outputs(folder=folder), [look])
print("record", result.timings["record"] / result.timings["steps"], flush=True)
"""


def main() -> int:
    """Print memory by step, and its growth; 1 if that is 5 MB or more."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=10_000)
    args = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD, str(args.steps), folder]
        root = Path(__file__).resolve().parents[1]
        looks, share = [], 0.0
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                step, value = line.split()
                if step == "record":
                    share = float(value)
                    continue
                looks.append(int(value) / 2**20)
                print(f"{step:>8} steps  {looks[-1]:8.1f} MB", flush=True)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    if process.returncode:
        sys.exit("the run failed")
    growth = looks[-1] - looks[0]
    print(f"growth {growth:.1f} MB, recording {100 * share:.2f} % of the steps' time")
    print(f"files {size / 2**20:.1f} MB")
    return int(growth >= 5)


if __name__ == "__main__":
    sys.exit(main())
