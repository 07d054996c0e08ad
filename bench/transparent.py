"""Whether `--transparent` leaves a clean alpha channel, and a thing that is known on any ground.

    python bench/transparent.py [--words 20] [--size 256] [--steps 500] [--starts N] [--sheet FILE] [--no-opaque]

The words are singles of `bench/prompts.toml`, evenly spread. For each one: the largest alpha in four corners of an
eighth of a side; the mean alpha over the thing, that is where it is above one half, two pixels or more from the edge
of that; and the rank that the judge gives the word among the everyday words, over white and over black, and of the
opaque picture of the same settings. Exit code 1 if the corners are below 0.05 and the thing above 0.95 (and a
twentieth of the picture) for fewer than nine tenths of the words, or if the judge has fewer words among its first ten
than of the opaque pictures, less a tenth, on one of the two grounds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from machine import machine
from PIL import Image
from processes import words
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import clipart
from clipart.canvas.base import over
from clipart.pictures import from_pil
from clipart.session import Session

CLEAR, SOLID = 0.05, 0.95
LEAST = 0.05  # of the picture
FIRST = 10  # words of the judge


def alpha_of(picture: Image.Image) -> tuple[float, float, float]:
    """Return the largest alpha in the corners, the mean over the thing, and the part of the picture that it is."""
    alpha = torch.frombuffer(bytearray(picture.getchannel("A").tobytes()), dtype=torch.uint8) / 255
    alpha = alpha.view(picture.height, picture.width)
    side = min(alpha.shape) // 8
    corners = [alpha[rows, columns].max() for rows in (slice(side), slice(-side, None)) for columns in (slice(side), slice(-side, None))]  # fmt: skip
    thing = -F.max_pool2d(-(alpha > 0.5).float()[None], 5, 1, 2)[0] > 0.5
    return (
        float(max(corners)),
        float(alpha[thing].mean()) if thing.any() else 0.0,
        float(thing.float().mean()),
    )


def rank(session: Session, image: Tensor) -> int:
    """Return the rank, from 1, of the word among those of the judge, of `image` (1, 3, height, width)."""
    judge = session.judge
    with torch.no_grad():
        seen = judge.see(image)
    return 1 + int((seen @ judge.words.T > (seen * judge.texts).sum(dim=1, keepdim=True)).sum())


def main() -> int:
    """Print a line for each word, and the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--starts", type=int)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--opaque", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    print(machine())
    nothing = clipart.Outputs(folder=None)
    settings: dict[str, Any] = {"size": args.size, "steps": args.steps, "seed": 1, "starts": args.starts}
    clean, known = 0, {"opaque": 0, "white": 0, "black": 0}
    sheet = Image.new("RGB", (3 * args.size, args.words * args.size), "white")
    for row, word in enumerate(words(args.words)):
        session = Session(clipart.Recipe(prompt=word, starts=1, size=64))
        picture = clipart.generate(word, outputs=nothing, transparent=True, **settings).image
        corners, solid, part = alpha_of(picture)
        clean += corners < CLEAR and solid > SOLID and part > LEAST
        image = torch.cat(
            [from_pil(picture.convert("RGB")), from_pil(picture.getchannel("A").convert("RGB"))[:1]]
        )[None]
        seen = {"white": over(image, torch.ones(1, 3, 1, 1)), "black": over(image, torch.zeros(1, 3, 1, 1))}
        if args.opaque:
            opaque = clipart.generate(word, outputs=nothing, **settings).image
            sheet.paste(opaque, (0, row * args.size))
            seen = {"opaque": from_pil(opaque)[None]} | seen
        ranks = {name: rank(session, each) for name, each in seen.items()}
        for name, each in ranks.items():
            known[name] += each <= FIRST
        for column, ground in enumerate(("white", "black"), 1):
            sheet.paste(Image.new("RGB", picture.size, ground), (column * args.size, row * args.size))
            sheet.paste(picture, (column * args.size, row * args.size), picture)
        said = ", ".join(f"{name} {each}" for name, each in ranks.items())
        print(f"{word:16} corners {corners:.2f}, thing {solid:.2f} on {part:4.0%}; rank {said}", flush=True)
        if args.sheet is not None:
            sheet.save(args.sheet)
    print(f"clean alpha for {clean} of {args.words} words; among the first {FIRST}: {known}")
    less = known["opaque"] - args.words / 10 if args.opaque else 0
    return int(clean < 0.9 * args.words or min(known["white"], known["black"]) < less)


if __name__ == "__main__":
    sys.exit(main())
