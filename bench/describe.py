"""Whether `clipart describe` names drawings: those of the held-out family, among all everyday words.

    python bench/describe.py [--drawings 200] [--clip NAME]

The drawings are drawn by seed among those whose name is an everyday word; the words to choose from are all of
these (about 1,400). Bars: the right word first for 55 %, and among the first five for 80 %. The drawings come from
`python -m training.build_data`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine
from quality import REAL
from retrieval import held_out, on_white

from clipart.models.embedded import everyday_words
from clipart.seeing import describe

FIRST, AMONG_FIVE = 55.0, 80.0


def main() -> int:
    """Print the figures; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=200)
    parser.add_argument("--clip", help="the CLIP that looks; if left out, the embedded judge")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    words = {*everyday_words()}
    drawings = [pair for pair in zip(*held_out(REAL)[::-1], strict=True) if pair[0] in words]
    chosen = random.Random(args.seed).sample(drawings, min(args.drawings, len(drawings)))  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:03}.png" for number in range(len(chosen))]
        for path, (_, blob) in zip(paths, chosen, strict=True):
            on_white(blob).save(path)
        said = [[word.text for word in each.words] for each in describe(paths, clip=args.clip)]
    first = 100 * sum(name == found[0] for (name, _), found in zip(chosen, said, strict=True)) / len(chosen)
    five = 100 * sum(name in found for (name, _), found in zip(chosen, said, strict=True)) / len(chosen)
    ok = first >= FIRST and five >= AMONG_FIVE
    print(machine())
    print(f"{len(chosen)} drawings among {len(words)} words: first {first:.1f} %, bar {FIRST:.0f} %")
    print(f"among the first five {five:.1f} %, bar {AMONG_FIVE:.0f} %: {'ok' if ok else 'MISSED'}")
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
