"""Whether things come in their colours: the main colour of the ink of pictures of things that everyone knows.

    python bench/colours.py [--out FOLDER] [--things 20] [--asked 20] [--steps N] [--preset NAME] [--set NAME=VALUE ...]

Two lists: 20 things whose colour everyone knows ("a tomato"), and 20 prompts that name the colour ("a blue cup"). The ink is
what lies further than 15 (CIE 1976 colour difference, L*a*b*) from the paper, the median of the picture's border. Every pixel
of it is given to the nearest of the eleven basic colour terms of Berlin and Kay (1969); the term with the most pixels is the main
colour, grey and white counted only if no other has a fifth of the ink. Right is a term that the list allows. The bar is 18 of 20.
Pictures stay in --out, with a contact sheet, and are not made again for the same recipe.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from kornia.color import rgb_to_lab
from machine import machine
from quality import make

from clipart.cli.assignments import read_set
from clipart.pictures import open_picture
from clipart.presets import load_preset
from clipart.recipe import make_recipe
from clipart.record.files import slug
from clipart.record.sheet import make_sheet
from clipart.shelf import Shelf

_TERMS = {
    "black": ["#000000", "#202020"],
    "white": ["#ffffff", "#eeeeee"],
    "grey": ["#606060", "#808080", "#a8a8a8", "#c8c8c8"],
    "red": ["#e01020", "#a01018", "#ff4040"],
    "orange": ["#ff8000", "#f0a030", "#e06a10"],
    "yellow": ["#ffe000", "#fff060", "#d8c020"],
    "green": ["#109020", "#60c040", "#206030", "#90d070"],
    "blue": ["#1040d0", "#3090f0", "#203070", "#70b8f0"],
    "purple": ["#7020a0", "#a060d0", "#502060", "#8000ff"],
    "pink": ["#ff80b0", "#ffb0c8", "#f040a0"],
    "brown": ["#70401a", "#905a30", "#502a10", "#b08050"],
}
_KNOWN = {
    "a tomato": "red", "a strawberry": "red", "a fire engine": "red", "a ladybug": "red",
    "a frog": "green", "a cactus": "green", "a cucumber": "green", "a crocodile": "green", "a four leaf clover": "green",
    "a banana": "yellow", "a lemon": "yellow", "a baby chick": "yellow", "a sunflower": "yellow",
    "a carrot": "orange", "a pumpkin": "orange", "a fox": "orange brown",
    "a crow": "black", "a whale": "blue", "a pig": "pink", "an eggplant": "purple",
}  # fmt: skip
_ASKED = [
    f"a {colour} {thing}"
    for colour, things in {
        "red": ("car", "cup", "hat", "bird", "house", "flower", "fish"),
        "blue": ("car", "cup", "hat", "bird", "house", "flower", "fish"),
        "green": ("car", "cup", "hat", "bird", "house", "fish"),
    }.items()
    for thing in things
]
_LEAST = 15.0  # difference from the paper that is ink
_COLOURED = 0.2  # share of the ink that makes a colour more than outline and shade


def lab(colours: np.ndarray) -> np.ndarray:
    """Return (..., 3) sRGB in [0, 1] as CIE L*a*b* under D65."""
    planes = torch.from_numpy(colours.reshape(-1, 1, 3)).permute(2, 0, 1)
    return rgb_to_lab(planes).permute(1, 2, 0).reshape(colours.shape).numpy()


def main_colour(picture: np.ndarray) -> tuple[str, float]:
    """Return the term of the ink of `picture`, (height, width, 3) in [0, 1], and its share of the ink in [0, 1]."""
    seen = lab(picture)
    border = np.concatenate([seen[:2].reshape(-1, 3), seen[-2:].reshape(-1, 3), seen[:, :2].reshape(-1, 3), seen[:, -2:].reshape(-1, 3)])  # fmt: skip
    ink = seen[np.linalg.norm(seen - np.median(border, axis=0), axis=-1) > _LEAST]
    if not len(ink):
        return "none", 0.0
    names = [name for name, codes in _TERMS.items() for _ in codes]
    codes = [code for codes in _TERMS.values() for code in codes]
    known = lab(np.array([[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in codes]))
    nearest = np.linalg.norm(ink[:, None] - known, axis=-1).argmin(1)
    shares = {
        name: float(np.isin(nearest, [i for i, n in enumerate(names) if n == name]).mean()) for name in _TERMS
    }
    coloured = {
        name: share for name, share in shares.items() if name not in ("white", "grey") and share >= _COLOURED
    }
    best = max(coloured or shares, key=(coloured or shares).__getitem__)
    return best, shares[best]


def measure(title: str, wanted: dict[str, str], settings: dict[str, object], out: Path) -> None:
    """Make the pictures of `wanted`, by prompt, and print what colour they came in."""
    right, paths = 0, []
    for prompt, allowed in wanted.items():
        paths.append(out / title / f"{slug(prompt)}.png")
        recipe = make_recipe(settings | {"prompt": prompt})
        make(recipe, paths[-1])
        found, share = main_colour(np.asarray(open_picture(paths[-1]), dtype=float) / 255)
        right += found in allowed.split()
        mark = " " if found in allowed.split() else "x"
        print(f"{mark} {prompt}: {found} ({share:.0%} of the ink)", flush=True)
    make_sheet(paths, out / f"{title}.png", 128)
    print(f"{title}: {right} of {len(wanted)}", flush=True)


def main() -> None:
    """Print the colours."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("colours"))
    parser.add_argument("--things", type=int, default=20)
    parser.add_argument("--asked", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--preset")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    print(machine())
    look = dict(load_preset(args.preset).settings) if args.preset else {}
    settings = look | {"seed": 1, "steps": args.steps} | read_set(args.set).fields
    with Shelf().used():
        measure("known", dict(list(_KNOWN.items())[: args.things]), settings, args.out)
        measure("asked", {prompt: prompt.split()[1] for prompt in _ASKED[: args.asked]}, settings, args.out)


if __name__ == "__main__":
    main()
