"""How long the commands take that make no picture: the whole process, the least of several runs.

    python bench/start.py [--runs 5]

Bars on two cores: `--help` 0.3 s; `parse`, `presets` and `show` 1 s; `doctor` 3 s. Exit code 1 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from machine import machine

HERE = Path(__file__).resolve().parents[1]
PICTURE = HERE / "docs" / "pictures" / "fruit.png"
BARS = {
    ("--help",): 0.3,
    ("parse", "apple:: tart::"): 1.0,
    ("presets",): 1.0,
    ("show", str(PICTURE)): 1.0,
    ("doctor",): 3.0,
}


def seconds(words: tuple[str, ...]) -> float:
    """Return how long `clipart` with `words` takes."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "clipart", *words],
        env=os.environ | {"PYTHONPATH": str(HERE)}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.monotonic() - began


def main() -> int:
    """Print the least of the runs of each command; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    print(machine())
    missed = 0
    for words, bar in BARS.items():
        least = min(seconds(words) for _ in range(args.runs))
        missed += least > bar
        print(f"clipart {words[0]:8} {least:5.2f} s, bar {bar} s: {'ok' if least <= bar else 'MISSED'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
