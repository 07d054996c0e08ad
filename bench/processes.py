"""What the processes without a gradient gain, against the gradient: cosine of the critic, at 64 x 64.

    python bench/processes.py [--words 20] [--skip N] [--canvas shapes] [--evaluations 4000] [--sheet FILE]
        [--processes evolve mutate] [--set NAME=VALUE]

For each of the first words of `bench/prompts.toml`, evenly spread, the gradient takes 200 steps, and `evolve` and
`mutate` score as many pictures as --evaluations says, all from one start. The gain is the cosine between the critic's
own look at the picture, without augmentation, and the word, less the same of the start. A bar is met for a word where
`evolve` gains at least half of what the gradient gains, and `mutate` a quarter. Exit code 1 if it is met for fewer
than three quarters of the words. A run that was cut short goes on with --skip.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from machine import machine
from PIL import Image

import clipart
from clipart.cli.assignments import read_set
from clipart.models.registry import default
from clipart.pictures import to_pil

BARS = {"evolve": 0.5, "mutate": 0.25}  # of what the gradient gains
PART = 0.75  # of the words
STEPS = 200  # of the gradient
SIDE = 64  # pixels


def words(count: int) -> list[str]:
    """Return `count` single words, evenly spread over those of the bench."""
    read = tomllib.loads((Path(__file__).parent / "prompts.toml").read_text(encoding="utf-8"))
    found = [word for group in read["singles"].values() for word in group]
    return [found[i * len(found) // count] for i in range(count)]


def gain(word: str, process: str, steps: int, settings: dict[str, Any]) -> tuple[float, Image.Image, float]:
    """Return the gain in cosine, the picture, and the seconds."""
    began = time.monotonic()
    recipe = clipart.Recipe(
        prompt=word, size=SIDE, seed=1, starts=1, process=process, steps=steps, check_every=steps,
        judge=default("clip"), **settings,
    )  # fmt: skip
    checks = []
    for it in clipart.iterate(recipe):
        checks.append(it.check.readings[0].cosine)
    return checks[-1] - checks[0], to_pil(it.image), time.monotonic() - began


def steps_of(process: str, evaluations: int, settings: dict[str, Any]) -> int:
    """Return how many steps of `process` score about as many pictures."""
    from clipart.session import Session

    recipe = clipart.Recipe(prompt="apple", size=SIDE, seed=1, starts=1, process=process, steps=1, **settings)
    session = Session(recipe)
    return max(1, evaluations // session.process.pictures)


def main() -> int:
    """Print a line for each word, and whether the bars are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=20)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--canvas", default="shapes")
    parser.add_argument("--evaluations", type=int, default=4000)
    parser.add_argument("--processes", nargs="+", default=list(BARS))
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    print(machine())
    settings = {"canvas": args.canvas} | read_set(args.set).fields
    met = dict.fromkeys(args.processes, 0)
    sheet = Image.new("RGB", ((1 + len(args.processes)) * SIDE, args.words * SIDE), "white")
    steps = {name: steps_of(name, args.evaluations, settings) for name in args.processes}
    chosen = words(args.words)[args.skip :]
    for row, word in enumerate(chosen):
        base, picture, seconds = gain(word, "gradient", STEPS, {"canvas": args.canvas})
        sheet.paste(picture, (0, row * SIDE))
        line = f"{word:16} gradient {base:+.3f} in {seconds:3.0f} s"
        for column, name in enumerate(args.processes, 1):
            found, picture, seconds = gain(word, name, steps[name], settings)
            sheet.paste(picture, (column * SIDE, row * SIDE))
            met[name] += found >= BARS[name] * base
            line += f"; {name} {found:+.3f} ({found / base:4.0%}) in {seconds:3.0f} s, {steps[name]} steps"
        print(line, flush=True)
        if args.sheet is not None:
            sheet.save(args.sheet)
    for name, count in met.items():
        print(f"{name}: {BARS[name]:.0%} of the gradient's gain for {count} of {len(chosen)} words")
    return int(any(count < PART * len(chosen) for count in met.values()))


if __name__ == "__main__":
    sys.exit(main())
