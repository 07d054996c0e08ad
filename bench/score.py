"""Whether `clipart score` ranks: a picture of a word above the picture of another word, made in the same way.

    python bench/quality.py --canvas pixel --kind singles --steps 200       (makes the pictures)
    python bench/score.py outputs/quality/pixel/singles [--pairs 100]

Pairs of pictures with different prompts are drawn by seed. Each counts if its first picture has a higher match with its
own prompt than the second picture has with this prompt, by the judge. Bar: 95 %.
"""

from __future__ import annotations

import argparse
import random
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine

from clipart.record.metadata import read_origin
from clipart.seeing import score

BAR = 95.0


def main() -> int:
    """Print the figures; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="pictures of clipart, of one word each")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    prompts = {path: read_origin(path).recipe.prompt for path in sorted(args.folder.glob("*.png"))}
    rng, right = random.Random(args.seed), 0  # noqa: S311

    @cache
    def matches(prompt: str) -> dict[Path, float]:
        return {each.path: each.match for each in score([*prompts], prompt)}

    for _ in range(args.pairs):
        own, other = rng.sample(sorted(prompts), 2)
        found = matches(prompts[own])
        right += found[own] > found[other]
        if found[own] <= found[other]:
            print(
                f"{prompts[own]}: {found[own]:.1%}, and {found[other]:.1%} of {prompts[other]}",
                file=sys.stderr,
            )
    percent = 100 * right / args.pairs
    print(machine())
    print(
        f"{len(prompts)} pictures, {args.pairs} pairs: {percent:.0f} % in order; bar {BAR:.0f} %: {'ok' if percent >= BAR else 'MISSED'}"
    )
    return int(percent < BAR)


if __name__ == "__main__":
    sys.exit(main())
