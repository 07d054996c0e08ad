"""What the aims cost or bring: the judge's match of pictures that were made with each of them.

    python bench/aim.py [--seeds 1] [--steps 100] [--size 192]

Twelve everyday words, one start each, otherwise the settings of today. Bar: no aim costs the judge more than a
point of its mean match against the plain one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine

from clipart import generate
from clipart.critic.aims import AIMS
from clipart.runs import Outputs
from clipart.shelf import Shelf

WORDS = [
    "apple",
    "banana",
    "mushroom",
    "fish",
    "butterfly",
    "cat",
    "house",
    "sailboat",
    "key",
    "umbrella",
    "star",
    "cactus",
]
POINTS = 1.0  # of the mean match, in per cent, that an aim may cost
KNOWN = 0.5  # the match from which the judge knows the thing


def main() -> int:
    """Print the figures; 1 if an aim misses the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="pictures of each word")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--size", type=int, default=192)
    args = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in AIMS}
    took = dict.fromkeys(AIMS, 0.0)
    with Shelf().used():
        for word in WORDS:
            for seed in range(1, args.seeds + 1):
                for aim in AIMS:
                    began = time.process_time()
                    made = generate(
                        word, aim=aim, seed=seed, steps=args.steps, size=args.size, starts=1,
                        outputs=Outputs(folder=None), live=False,
                    )  # fmt: skip
                    took[aim] += time.process_time() - began
                    found[aim].append(made.check.readings[0].match)
            line = ", ".join(f"{aim} {mean(all_[-args.seeds :]):.0%}" for aim, all_ in found.items())
            print(f"{word}: {line}", flush=True)
    print(machine())
    print(f"{len(WORDS)} words, {args.seeds} seeds, {args.steps} steps at {args.size} px")
    plain, missed = 100 * mean(found["text"]), False
    for aim, matches in found.items():
        match, known = 100 * mean(matches), sum(each >= KNOWN for each in matches)
        missed |= match < plain - POINTS
        note = "" if match >= plain - POINTS else ": MISSED"
        seconds = took[aim] / len(matches)
        print(f"{aim}: mean match {match:.1f} %, {known} of {len(matches)} known, {seconds:.1f} s each{note}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
