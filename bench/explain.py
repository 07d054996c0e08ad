"""Whether `clipart explain` finds things where they are: two drawings of the held-out family side by side.

    python bench/explain.py [--pictures 100] [--clip NAME]

Each picture is a white square with two drawings across its middle, drawn by seed among those whose name is an
everyday word, and the prompt has both names. Both are looked for in all of the picture. Counted are the
pictures in which at least 70 % of each part's heat lies on its own half. Bar: 85 of 100. The drawings come from
`python -m training.build_data`.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine
from quality import REAL, side_by_side
from retrieval import held_out, on_white

from clipart.models.embedded import everyday_words
from clipart.pictures import from_pil
from clipart.seeing import explain

WANTED, BAR = 0.7, 85.0


def main() -> int:
    """Print the figures; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--clip", help="the CLIP that looks; if left out, the embedded judge")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    words = {*everyday_words()}
    drawings = [pair for pair in zip(*held_out(REAL)[::-1], strict=True) if pair[0] in words]
    rng, both, shares = random.Random(args.seed), 0, []  # noqa: S311
    for _ in range(args.pictures):
        (left, left_blob), (right, right_blob) = rng.sample(drawings, 2)
        picture = side_by_side([on_white(left_blob), on_white(right_blob)])
        first, second = explain(from_pil(picture)[None], f"{left}:: {right}::", clip=args.clip)
        found = [first.share(0, 0, 1, 0.5), second.share(0, 0.5, 1, 1)]
        both += min(found) >= WANTED
        shares += found
        if min(found) < WANTED:
            print(f"{left} {found[0]:.0%}, {right} {found[1]:.0%}", file=sys.stderr)
    percent = 100 * both / args.pictures
    verdict = "ok" if percent >= BAR else "MISSED"
    print(machine())
    print(f"{both} of {args.pictures} pictures have at least 70 % of each part's heat on its half")
    print(f"mean share on the right half {100 * sum(shares) / len(shares):.0f} %; bar {BAR:.0f} %: {verdict}")
    return int(percent < BAR)


if __name__ == "__main__":
    sys.exit(main())
