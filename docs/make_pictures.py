"""Make the pictures of the README again, with the commands that the README gives.

python docs/make_pictures.py [NAME ...]      # fruit, presets, presets-fish, singles, canvases, around, guide, seeing; all if none is named
python docs/make_pictures.py thumbnails [PRESET ...]   # the pictures of the presets in the studio
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import clipart
from clipart.pictures import from_pil, to_pil
from clipart.presets import load_preset, preset_names
from clipart.record.files import save_png
from clipart.seeing import explain
from clipart.seeing.overlay import overlay

PICTURES = Path(__file__).parent / "pictures"
THUMBNAILS = Path(__file__).parents[1] / "clipart" / "studio" / "static" / "presets"
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
        small = ImageOps.contain(opaque(picture), (CELL, CELL), Image.Resampling.LANCZOS)
        page.paste(small, (x + (CELL - small.width) // 2, y + (CELL - small.height) // 2))
        pen.text((x + CELL / 2, y + CELL + LABEL / 2), label, fill="#333", font=font, anchor="mm")
    return page


def embedded() -> list[str]:
    """Return the names of the presets that need no fetched CLIP."""
    return [name for name in preset_names() if not load_preset(name).requires]


def presets(prompt: str = "a house") -> Image.Image:
    """One thing in every preset."""
    return sheet({name: draw(prompt, preset=name, seed=3, steps=150) for name in embedded()}, 6)


def thumbnails(names: list[str]) -> None:
    """Write the pictures of the presets `names`, of all if none is named, that the studio shows."""
    short = {"seed": 3, "size": 160, "steps": 100, "starts": 1}
    for name in names or embedded():
        picture = opaque(draw("a house", preset=name, **short))
        picture.resize((128, 128), Image.Resampling.LANCZOS).save(THUMBNAILS / f"{name}.webp", quality=80)


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


def guide() -> Image.Image:
    """What docs/guide.md shows: the steps of a run, parts and phrases, seeds."""
    cells: dict[str, Image.Image] = {}
    for it in clipart.iterate(clipart.Recipe(prompt="a strawberry", seed=1, steps=200, starts=1)):
        if it.step in (0, 10, 40, 200):
            cells[f"step {it.step}"] = to_pil(it.image)
    for prompt in ("cat dog", "cat:: dog::", "cat:: dog:: rainbow::0.3", "apple:: leaf::-0.5"):
        cells[prompt] = draw(prompt, seed=1, steps=200)
    for seed in (1, 2, 3, 4):
        cells[f"a teapot, seed {seed}"] = draw("a teapot", seed=seed, steps=200)
    return sheet(cells, 4)


CORNER = "62%,0%,38%,38%"
AROUND = {
    "--symmetry mirror": ("a butterfly", {"symmetry": "mirror"}),
    "--symmetry quarter": ("a ladybug", {"symmetry": "quarter"}),
    "--symmetry kaleidoscope:6": ("a flower", {"symmetry": "kaleidoscope:6"}),
    "--tile --ink 0.6": ("a fish", {"tile": True, "ink": 0.6}),
    "--transparent": ("a mushroom", {"transparent": True}),
    "--place": ("a cat:: an apple::", {"place": ("a cat=0%,40%,60%,60%", f"an apple={CORNER}")}),
    "--init house.png": ("a house", {}),
    "--init house.png --mask": ("an apple", {"place": f"an apple={CORNER}", "init_strength": 0.2}),
}


def around() -> Image.Image:
    """What can go around a canvas: a tile laid out 2 x 2, a transparent picture on checks, a masked one."""
    base, cells = {"seed": 1, "steps": 200, "size": CELL, "starts": 1}, {}
    for label, (prompt, settings) in AROUND.items():
        if "--mask" in label:
            mask = Image.new("L", (CELL, CELL), 0)
            mask.paste(255, (CELL * 62 // 100, 0, CELL, CELL * 38 // 100))
            settings = settings | {"init": cells["--init house.png"], "mask": mask}
        picture = draw(prompt, **(base | settings))
        if "tile" in settings:
            tile, picture = picture.resize((CELL // 2, CELL // 2)), Image.new("RGB", picture.size)
            for x in (0, CELL // 2):
                for y in (0, CELL // 2):
                    picture.paste(tile, (x, y))
        cells[label] = picture
    return sheet(cells, 4)


def opaque(picture: Image.Image) -> Image.Image:
    """A picture in RGB, what is transparent on the grey squares that mean that nothing is there."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    page, pen = (found := Image.new("RGBA", picture.size, "white")), ImageDraw.Draw(found)
    for x in range(0, picture.width, 12):
        for y in range((x // 12 % 2) * 12, picture.height, 24):
            pen.rectangle((x, y, x + 11, y + 11), fill="#ccc")
    return Image.alpha_composite(page, picture).convert("RGB")


STYLES = ("blueprint", "woodcut", "watercolour", "stained-glass")


def seeing() -> Image.Image:
    """What docs/seeing.md shows: where two parts are found, and things in the style of other pictures."""
    short = {"seed": 1, "steps": 200}
    pair = draw("sun:: mushroom::", **short)
    image = from_pil(pair)[None]
    cells = {"sun:: mushroom::": pair}
    for each in explain(image, "sun:: mushroom::"):
        cells[f"where {each.text} is found"] = to_pil(overlay(image, each.heat))
    cells[""] = Image.new("RGB", (CELL, CELL), "white")
    styles = {f"--style {name}.png": draw("a fish", preset=name, **short) for name in STYLES}
    cells |= styles
    for thing in ("a house", "a tree"):
        cells |= {
            f"{thing}, {name}": draw(thing, style=style, **short)
            for name, style in zip(STYLES, styles.values(), strict=True)
        }
    return sheet(cells, 4)


SHEETS = {
    "seeing": seeing,
    "presets": presets,
    "presets-fish": partial(presets, "a fish"),
    "singles": singles,
    "canvases": canvases,
    "around": around,
    "guide": guide,
}


def main() -> None:
    """Make the pictures that are named."""
    if sys.argv[1:2] == ["thumbnails"]:
        thumbnails(sys.argv[2:])
        return
    PICTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or ("fruit", *SHEETS):
        path = PICTURES / f"{name}.png"
        if name == "fruit":  # recipe and all: `clipart replay` makes it again
            clipart.generate(FRUIT, steps=200, seed=1, outputs=clipart.Outputs(file=path))
        else:
            save_png(SHEETS[name](), path)


if __name__ == "__main__":
    main()
