"""Whether --style gives a picture the look of another: a sheet for an onlooker to match.

    python bench/style.py [--out FOLDER] [--steps 200]

Four pictures of a fish are made by presets of very different looks. Each is the style of five pictures of other things,
at the defaults. `styles.png` has the four, A to D; `blind.png` the 20, shuffled and numbered, without words; `key.json`
says which is which. An onlooker who saw neither words nor code says A, B, C or D for each. Bar: 16 of 20 right.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine
from quality import make

from clipart.pictures import open_picture
from clipart.presets import load_preset
from clipart.recipe import make_recipe
from clipart.record.files import save_png, slug
from clipart.record.sheet import make_sheet
from clipart.shelf import Shelf

LOOKS = ("blueprint", "woodcut", "watercolour", "stained-glass")
THINGS = ("apple", "house", "car", "cat", "tree")


def main() -> None:
    """Make the pictures and the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("outputs/style"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--weight", type=float, default=1.0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(machine())
    with Shelf().used():
        styles = {}
        for letter, look in zip("ABCD", LOOKS, strict=True):
            styles[letter] = args.out / f"{letter}.png"
            settings = dict(load_preset(look).settings) | {"prompt": "fish", "seed": 1, "steps": args.steps}
            make(make_recipe(settings), styles[letter])
        made = []
        for letter, style in styles.items():
            for thing in THINGS:
                path = args.out / "pictures" / f"{letter}-{slug(thing)}.png"
                values = {
                    "prompt": thing,
                    "seed": 1,
                    "steps": args.steps,
                    "style": f"{style}::{args.weight:g}",
                }
                make(make_recipe(values), path)
                made.append((letter, path))
                print(f"{len(made)}/20 {letter} {thing}", file=sys.stderr)
    random.Random(1).shuffle(made)  # noqa: S311
    (args.out / "blind").mkdir(exist_ok=True)
    numbered = {f"{number:02}": pair for number, pair in enumerate(made, 1)}
    for number, (_, path) in numbered.items():
        save_png(
            open_picture(path), args.out / "blind" / f"{number}.png"
        )  # the recipe in the file would tell
    for letter, path in styles.items():
        (args.out / "styles").mkdir(exist_ok=True)
        save_png(open_picture(path), args.out / "styles" / f"{letter}.png")
    make_sheet([args.out / "styles" / f"{letter}.png" for letter in styles], args.out / "styles.png", 256, 4)
    make_sheet([args.out / "blind" / f"{n}.png" for n in numbered], args.out / "blind.png", 256, 5)
    key = {number: letter for number, (letter, _) in numbered.items()}
    (args.out / "key.json").write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")
    print(f"{args.out}/styles.png and {args.out}/blind.png are for the onlooker, {args.out}/key.json for you")


if __name__ == "__main__":
    main()
