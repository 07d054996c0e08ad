"""Whether a picture made with `--tile` has a seam where it is repeated.

    python bench/tile.py [--words 6] [--size 256] [--steps 200] [--canvas multires] [--sheet FILE]

For single words of `bench/prompts.toml`, evenly spread: the mean step of colour from the last pixel of a row or column
to the first, as they meet where the picture is laid out 2 x 2, over the mean step between neighbouring pixels inside.
Exit code 1 if that is above 1.2 for a picture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from machine import machine
from PIL import Image
from processes import words

import clipart

MOST = 1.2


def seam(picture: Image.Image) -> float:
    """Return the mean step across the seams of `picture` over that of neighbouring pixels inside."""
    levels = np.asarray(picture.convert("RGB"), dtype=float)
    across = [np.abs(levels[0] - levels[-1]).mean(), np.abs(levels[:, 0] - levels[:, -1]).mean()]
    inside = [np.abs(np.diff(levels, axis=axis)).mean() for axis in (0, 1)]
    return float(np.mean(across) / np.mean(inside))


def main() -> int:
    """Print the ratio for each word."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=6)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--canvas", default="multires")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    print(machine())
    sheet = Image.new("RGB", (2 * args.size * args.words, 2 * args.size))
    found = []
    for column, word in enumerate(words(args.words)):
        picture = clipart.generate(
            word, outputs=clipart.Outputs(folder=None), tile=True, size=args.size, steps=args.steps,
            canvas=args.canvas, seed=1, starts=1,
        ).image  # fmt: skip
        found.append(seam(picture))
        print(f"{word:16} {found[-1]:.2f}", flush=True)
        for place in ((0, 0), (0, 1), (1, 0), (1, 1)):
            sheet.paste(picture, ((2 * column + place[0]) * args.size, place[1] * args.size))
        if args.sheet is not None:
            sheet.save(args.sheet)
    print(f"at most {max(found):.2f}, and {MOST} is allowed")
    return int(max(found) > MOST)


if __name__ == "__main__":
    sys.exit(main())
