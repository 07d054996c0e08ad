"""How sharp the frames of a film with a camera are: 10-90 % edge widths, and a picture for each mark.

    python bench/edges.py [PROMPT] [--frames 200] [--zoom 1.02] [--size 256] [--pictures FOLDER]

Prints the edge width in pixels at some frames, and the last one's over the 20th's: it should be at most 1.3.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from machine import machine

import clipart
from clipart.pictures import to_pil

_STRONG = 0.9  # the quantile of edges that count
_REACH = 24  # pixels either way in which an edge has to end


def edge_width(grey: np.ndarray) -> float:
    """Return the median 10-90 % width, in pixels, of the strongest edges of `grey`, (height, width) in [0, 1].

    At each of the strongest slopes along rows and along columns the line is followed both ways as far as it
    rises or falls; the width is the distance between 10 and 90 % of that way.
    """
    widths: list[float] = []
    for lines in (grey, grey.T):
        slopes = np.diff(lines, axis=1)
        size = np.abs(slopes)
        peak = (size[:, 1:-1] >= size[:, :-2]) & (size[:, 1:-1] > size[:, 2:])
        strong = peak & (size[:, 1:-1] >= max(0.01, np.quantile(size[:, 1:-1][peak], _STRONG)))
        for row, column in np.argwhere(strong):
            widths.append(_width(lines[row], slopes[row], int(column) + 1))
    return float(np.median(widths)) if widths else float("inf")


def _width(line: np.ndarray, slopes: np.ndarray, at: int) -> float:
    """Return the 10-90 % width of the edge of `line` whose steepest step is from `at` to the next pixel."""
    sign = np.sign(slopes[at])
    first, last = at, at + 1
    while first > max(0, at - _REACH) and slopes[first - 1] * sign > 0:
        first -= 1
    while last < min(len(line) - 1, at + _REACH) and slopes[last] * sign > 0:
        last += 1
    way = (line[first : last + 1] - line[first]) / (line[last] - line[first])
    places = np.interp([0.1, 0.9], way, np.arange(len(way)))
    return float(places[1] - places[0])


def main() -> None:
    """Print the widths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prompt", nargs="?", default="a star")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--zoom", type=float, default=1.02)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    print(machine())
    recipe = clipart.Recipe(
        prompt=args.prompt, zoom=args.zoom, steps=args.frames, size=args.size, seed=args.seed, starts=1
    )
    widths: dict[int, float] = {}
    for it in clipart.iterate(recipe):
        if it.step in (20, args.frames) or (it.step and it.step % 40 == 0):
            widths[it.step] = edge_width(it.image.mean(dim=0).numpy())
            match = ", ".join(f"{reading.match:.0%}" for reading in it.check.readings)
            print(f"frame {it.step:4d}: {widths[it.step]:.1f} px, match {match}", flush=True)
            if args.pictures is not None:
                args.pictures.mkdir(exist_ok=True)
                to_pil(it.image).save(args.pictures / f"{it.step:04d}.png")
    print(f"last over 20th: {widths[args.frames] / widths[20]:.2f}")


if __name__ == "__main__":
    main()
