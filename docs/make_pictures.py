"""Make the pictures of the README again, with the commands that the README gives.

python docs/make_pictures.py [NAME ...]      # fruit, presets, looks, singles, canvases; all if none is named
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import clipart
from clipart.presets import preset_names
from clipart.record.files import save_png

PICTURES = Path(__file__).parent / "pictures"
SINGLES = (
    "apple",
    "sun",
    "house",
    "tree",
    "fish",
    "cat",
    "strawberry",
    "guitar",
    "car",
    "flower",
    "umbrella",
    "mushroom",
)
FRUIT = "apple:: pear:: banana:: strawberry:: lemon:: grapes:: watermelon:: pineapple:: carrot::"
LOOKS = (
    "woodcut",
    "linocut",
    "stained-glass",
    "mosaic",
    "cross-stitch",
    "comic",
    "blueprint",
    "chalk",
    "neon",
    "line-drawing",
    "pixel-art",
    "brush",
)
CELL, MARGIN, LABEL = 192, 8, 24


def draw(prompt: str, **settings: object) -> Image.Image:
    """Return the picture of one run that leaves no files."""
    return clipart.generate(prompt, outputs=clipart.Outputs(folder=None), **settings).image  # type: ignore[arg-type]


def sheet(cells: dict[str, Image.Image], columns: int) -> Image.Image:
    """Lay pictures out in rows, each with its label under it."""
    rows = -(-len(cells) // columns)
    width, height = CELL + MARGIN, CELL + LABEL + MARGIN
    page = Image.new("RGB", (columns * width + MARGIN, rows * height + MARGIN), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for i, (label, picture) in enumerate(cells.items()):
        x, y = MARGIN + i % columns * width, MARGIN + i // columns * height
        page.paste(picture.resize((CELL, CELL), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + CELL / 2, y + CELL + LABEL / 2), label, fill="#333", font=font, anchor="mm")
    return page


def presets() -> Image.Image:
    """One house in every preset that is not on the sheet of `looks`."""
    names = [name for name in preset_names() if name not in LOOKS]
    return sheet({name: draw("a house", preset=name, seed=3, steps=200) for name in names}, 3)


def looks() -> Image.Image:
    """One house in the looks of other media, by short runs."""
    short = {"seed": 3, "size": 160, "steps": 50, "starts": 1}
    return sheet({name: draw("a house", preset=name, **short) for name in LOOKS}, 4)


def singles() -> Image.Image:
    """A dozen everyday things, none of them chosen for its looks."""
    return sheet({prompt: draw(prompt, seed=1, steps=200) for prompt in SINGLES}, 4)


WAYS = {
    "multires": {},
    "implicit": {"canvas": "implicit"},
    "vqgan": {"canvas": "vqgan"},
    "strokes": {"canvas": "strokes"},
    "shapes": {"canvas": "shapes"},
    "palette": {"canvas": "palette"},
    "pixelart": {"canvas": "pixelart"},
    "shapes, mutate": {"canvas": "shapes", "process": "mutate", "steps": 400},
    "shapes, evolve": {"canvas": "shapes", "process": "evolve"},
}


def canvases() -> Image.Image:
    """One sunflower on every canvas, and by every process."""
    base = {"seed": 1, "steps": 200}
    return sheet({name: draw("a sunflower", **(base | way)) for name, way in WAYS.items()}, 3)


SHEETS = {"presets": presets, "looks": looks, "singles": singles, "canvases": canvases}


def main() -> None:
    """Make the pictures that are named."""
    PICTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or ("fruit", *SHEETS):
        path = PICTURES / f"{name}.png"
        if name == "fruit":  # recipe and all: `clipart replay` makes it again
            clipart.generate(FRUIT, steps=200, seed=1, outputs=clipart.Outputs(file=path))
        else:
            save_png(SHEETS[name](), path)


if __name__ == "__main__":
    main()
