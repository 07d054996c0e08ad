"""R-precision: of the pictures made with the embedded models at their defaults, does a judge name what was asked for?

    python bench/quality.py [--judge NAME] [--canvas all] [--out FOLDER] [--blind FOLDER] [--json]
    python bench/quality.py --prompts 5 --steps 100 --canvas pixel      (a quick look)

`bench/prompts.toml` has 100 single and 50 two-part prompts. The judge ranks the parts of a prompt among 1,000 everyday
words that say something else (its own rule of synonyms: `clipart.critic.rivals`), where the part is looked for: of two parts that have
places of their own, each in its place (`--layout blend`: both in all of the picture). R@k is the percentage of pictures
whose parts are all among the first k; match is what the summary of a run calls so, the mean over the parts. What the
critic says, on which the pictures climbed, is printed beside it.

Beside it are real pictures of the same words, from an emoji family that no model here has seen; for two parts, two of
them side by side. Exit code 1 if, on a canvas that was measured, a bar is missed: singles reach the R@1 of the real
pictures and an R@10 of 85 %; of two parts, both are among the first ten for 70 % of the prompts. Without --judge the
judge is the one that a run believes; if that is the critic itself, there is no verdict. Exit code 2 if it could not be
measured.

Pictures stay in --out, with contact sheets. Cut short, the same command goes on: a picture that is there, of the same
recipe and models, is not made again. --blind writes, for each canvas and kind, a sheet of 30 pictures, shuffled and
numbered, the same pictures without a word in them, and the key to them in a file of its own. The real pictures come from
`python -m training.build_data`. --witness asks `bench/witness.py` about the singles as well, for the words that it has names for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from machine import machine
from PIL import Image
from retrieval import held_out, on_white
from torch import Tensor

from clipart.cli.assignments import read_set
from clipart.critic.clip import Clip, load_clip
from clipart.critic.judge import Judge
from clipart.device import pick_device
from clipart.errors import ClipartError, UsageError
from clipart.layout import lay_out
from clipart.models.source import find_source
from clipart.models.vqgan import load_vqgan
from clipart.pictures import open_picture
from clipart.presets import load_preset
from clipart.prompt import parse
from clipart.recipe import Recipe, make_recipe
from clipart.record.files import save_png, slug
from clipart.record.metadata import Origin, model_hashes, read_origin, shared
from clipart.record.sheet import make_sheet
from clipart.runs import Outputs
from clipart.runs import run as make_picture
from clipart.shelf import Shelf

HERE = Path(__file__).resolve().parent
PROMPTS, REAL = HERE / "prompts.toml", HERE.parent / "training" / "data"
DISTRACTORS = 1000  # words
R10_BAR, BOTH_BAR = 85.0, 70.0  # percent
BLIND = 30  # pictures
TILE = 128  # pixels of a picture on a sheet
BLIND_TILE = 256  # the default size of a picture: onlookers are not asked about thumbnails
CANVASES = {"shapes": "shapes", "pixel": "multires", "vqgan": "vqgan"}  # here, and in a recipe
SAME = "judge = critic: its word about pictures climbed on it says nothing"


# --- what is asked for ----------------------------------------------------------------------------------


def load_prompts(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the prompts by kind, "singles" and "two parts", and the names of pictures that differ from the word."""
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    singles = [word for words in read["singles"].values() for word in words]
    return {"singles": singles, "two parts": read["two_parts"]}, read["pictures"]


def subset(prompts: Sequence[str], count: int) -> list[str]:
    """Return at most `count` of the prompts, evenly spread."""
    count = min(count, len(prompts))
    return [prompts[i * len(prompts) // count] for i in range(count)]


def parts(prompt: str) -> list[str]:
    """Return the texts of the parts of `prompt`."""
    return [part.text for part in parse(prompt).parts]


def real_pictures(folder: Path, words: set[str], names: dict[str, str]) -> dict[str, Image.Image]:
    """Return, by word, the picture of the held-out family: RGB, on white.

    Raises:
        UsageError: the family has no picture of a word.
    """
    blobs, captions = held_out(folder)
    found = dict(zip(captions, blobs, strict=True))
    missing = sorted(word for word in words if names.get(word, word) not in found)
    if missing:
        raise UsageError(f"The held-out family has no picture of: {', '.join(missing)}.")
    return {word: on_white(found[names.get(word, word)]) for word in words}


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Return a white square with `pictures`, RGB squares of one size, in a row across its middle."""
    side = pictures[0].width
    page = Image.new("RGB", (side * len(pictures),) * 2, "white")
    for i, picture in enumerate(pictures):
        page.paste(picture, (i * side, (page.height - side) // 2))
    return page


# --- what is said of it ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a CLIP says of one picture, for each part of its prompt: the rank, 0 the best, and the match in [0, 1]."""

    ranks: tuple[int, ...]
    matches: tuple[float, ...]


def ranks(scores: Tensor) -> tuple[int, ...]:
    """Return how many others in its row the k-th of row k of `scores` (parts, n) does not beat; ties count against it."""
    return tuple(int((~(row < row[k])).sum()) - 1 for k, row in enumerate(scores))


def candidates(judge: Judge, seed: int) -> Tensor:
    """Return unit vectors (n, d): the parts of the judge's prompt, then DISTRACTORS words drawn by `seed`.

    Raises:
        UsageError: the judge takes too many of the words for synonyms of the prompt.
    """
    if len(judge.words) < DISTRACTORS:
        raise UsageError(
            f"{judge.prompt}: the judge {judge.clip.name} finds {len(judge.words)} everyday words that say "
            f"something else, and {DISTRACTORS} are needed."
        )
    drawn = random.Random(f"{seed} {judge.prompt}").sample(range(len(judge.words)), DISTRACTORS)  # noqa: S311
    return torch.cat([judge.texts, judge.words[drawn]])


@torch.no_grad()
def look(clip: Clip, prompt: str, picture: Image.Image, seed: int, *, apart: bool) -> Look:
    """Ask `clip` about `picture`, RGB, which is of `prompt`, its parts `apart` or not; `seed` draws the distractors."""
    parsed = parse(prompt)
    judge = Judge(clip, parsed, lay_out(parsed, apart=apart))
    texts = candidates(judge, seed)
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float().to(clip.device) / 255
    readings = judge.check(image, 0).readings
    return Look(ranks(judge.see(image) @ texts.T), tuple(reading.match for reading in readings))


def recall(looks: Sequence[Look], k: int) -> float:
    """Return the percentage of pictures whose parts are all among the first `k`."""
    return 100 * sum(max(each.ranks) < k for each in looks) / len(looks)


def figures(looks: Sequence[Look]) -> dict[str, float]:
    """Return R@1, R@10 and match of pictures, in percent; R@1 of one part only: in a blend one of two is the first."""
    match = 100 * fmean(fmean(each.matches) for each in looks)
    first = {} if len(looks[0].ranks) > 1 else {"R@1": recall(looks, 1)}
    return first | {"R@10": recall(looks, 10), "match": match}


@dataclass(frozen=True)
class Row:
    """One picture: "real" or one of CANVASES; "singles" or "two parts"; and what judge and critic say of it."""

    canvas: str
    kind: str
    prompt: str
    judge: Look
    critic: Look


Table = dict[str, dict[str, dict[str, dict[str, float]]]]


def table(rows: Sequence[Row]) -> Table:
    """Return the figures by kind, canvas, and who says so."""
    found: Table = {}
    for kind in dict.fromkeys(row.kind for row in rows):
        found[kind] = {}
        for canvas in dict.fromkeys(row.canvas for row in rows):
            chosen = [row for row in rows if (row.kind, row.canvas) == (kind, canvas)]
            found[kind][canvas] = {
                "judge": figures([row.judge for row in chosen]),
                "critic": figures([row.critic for row in chosen]),
            }
    return found


def bars(found: Table) -> list[dict[str, Any]]:
    """Return for each canvas what the judge's figures are held to, and whether they reach it."""
    wanted = {("singles", "R@10"): R10_BAR, ("two parts", "R@10"): BOTH_BAR}
    if "singles" in found:
        wanted[("singles", "R@1")] = found["singles"]["real"]["judge"]["R@1"]
    held = []
    for (kind, name), bar in sorted(wanted.items()):
        for canvas, said in found.get(kind, {}).items():
            if canvas != "real":
                value = said["judge"][name]
                about = {"canvas": canvas, "kind": kind, "figure": name}
                held.append(about | {"value": value, "bar": bar, "ok": value >= bar})
    return held


# --- the pictures ---------------------------------------------------------------------------------------


def is_made(recipe: Recipe, path: Path) -> bool:
    """Say whether the picture at `path` is of `recipe` and of the models that are here; a judge only looks on.

    Which of the settings were left open (`left`) makes no other picture.
    """
    try:
        origin = read_origin(path)
    except ClipartError:
        return False
    recipe = recipe.resolve()
    wanted = shared(Origin(recipe, model_hashes(recipe)))
    judge, climbed = str(wanted.recipe.judge), [spec.name for spec in wanted.recipe.clip]
    looked_on = {judge: origin.models.get(judge, "")} if recipe.until is None and judge not in climbed else {}
    same = origin.recipe.model_copy(update={"left": wanted.recipe.left}) == wanted.recipe
    return same and origin.models == {**wanted.models, **looked_on}


def make(recipe: Recipe, path: Path) -> None:
    """Leave the picture of `recipe` at `path`, unless it is there."""
    if not is_made(recipe, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_picture(recipe, Outputs(file=path))


def write_blind(folder: Path, name: str, pictures: dict[str, Path], seed: int) -> None:
    """Write a sheet of BLIND of `pictures` (by prompt), shuffled and numbered, and the key to it."""
    chosen = random.Random(f"{seed} blind {name}").sample(sorted(pictures), min(BLIND, len(pictures)))  # noqa: S311
    key = {f"{number:02}": prompt for number, prompt in enumerate(chosen, 1)}
    numbered = [folder / name / f"{number}.png" for number in key]
    (folder / name).mkdir(parents=True, exist_ok=True)
    for path, prompt in zip(numbered, chosen, strict=True):
        save_png(open_picture(pictures[prompt]), path)  # the recipe in the file would tell
    make_sheet(numbered, folder / f"{name}.png", BLIND_TILE)
    (folder / f"{name}-key.json").write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")


# --- the whole ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """Who is asked, and how; `seed` draws the distractors, the same for every picture of a prompt."""

    judge: Clip
    critic: Clip
    seed: int
    apart: bool

    def row(self, canvas: str, kind: str, prompt: str, picture: Image.Image) -> Row:
        """Ask both."""

        def ask(clip: Clip) -> Look:
            return look(clip, prompt, picture, self.seed, apart=self.apart)

        judged = ask(self.judge)
        climbed = judged if self.critic is self.judge else ask(self.critic)
        return Row(canvas, kind, prompt, judged, climbed)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the recipe that the command line gives; all else is the default."""
    size, clips = args.size, (args.clip,) if args.clip else None
    look = dict(load_preset(args.preset).settings) if args.preset else {}
    values = {
        "seed": args.seed,
        "steps": args.steps,
        "width": size,
        "height": size,
        "clip": clips,
        "layout": args.layout,
    }
    named = {name: value for name, value in values.items() if value is not None}
    return look | named | dict(read_set(args.set).fields)


def made_at(folder: Path, canvas: str, kind: str, prompt: str) -> Path:
    """Return where the picture of a prompt is kept."""
    return folder / canvas / kind.replace(" ", "-") / f"{slug(prompt)}.png"


def measure(canvas: str, kind: str, prompts: list[str], panel: Panel, args: argparse.Namespace) -> list[Row]:
    """Make the pictures of `prompts` on `canvas`, ask about them, and write the sheets."""
    name = kind.replace(" ", "-")
    values = given(args) | {"canvas": CANVASES[canvas]} | ({"vqgan": args.vqgan} if canvas == "vqgan" else {})
    paths = {prompt: made_at(args.out, canvas, kind, prompt) for prompt in prompts}
    rows = []
    for number, (prompt, path) in enumerate(paths.items(), 1):
        began = time.monotonic()
        make(make_recipe(values | {"prompt": prompt}), path)
        rows.append(panel.row(canvas, kind, prompt, open_picture(path)))
        places = " and ".join(str(rank + 1) for rank in rows[-1].judge.ranks)
        took = f"{time.monotonic() - began:.1f} s"
        print(f"{canvas}, {kind} {number}/{len(paths)}: {prompt} at {places}, {took}", file=sys.stderr)
    make_sheet(list(paths.values()), args.out / f"{canvas}-{name}.png", TILE)
    if args.blind:
        write_blind(args.blind, f"{canvas}-{name}", paths, args.seed)
    return rows


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make the pictures and ask about them; return everything that is printed.

    Raises:
        ClipartError: a model or a real picture is missing, a setting is wrong, a place cannot be written.
    """
    prompts, names = load_prompts(PROMPTS)
    words = {word for each in prompts.values() for prompt in each for word in parts(prompt)}
    real = real_pictures(args.data, words, names)  # of all, however few are asked for
    prompts = {
        kind: subset(each, args.prompts) for kind, each in prompts.items() if args.kind in (kind, "all")
    }
    canvases = list(CANVASES) if args.canvas == "all" else [args.canvas]

    recipe = make_recipe(given(args) | {"prompt": "apple"}).resolve()
    critic, device = recipe.clip[0].name, pick_device(recipe.device)
    judge = args.judge or str(recipe.judge)
    same = find_source(judge).identity() == find_source(critic).identity()
    climbed = load_clip(critic, device, recipe.precision)
    judging = climbed if same else load_clip(judge, device, recipe.precision)
    panel = Panel(judging, climbed, args.seed, recipe.layout == "apart")
    if "vqgan" in canvases:
        load_vqgan(args.vqgan, device)  # if it is not there, nobody wants to hear so after the other canvas

    rows = [
        panel.row("real", kind, prompt, side_by_side([real[word] for word in parts(prompt)]))
        for kind, each in prompts.items()
        for prompt in each
    ]
    with Shelf().used():
        for canvas in canvases:
            for kind, each in prompts.items():
                rows += measure(canvas, kind, each, panel, args)
    found = table(rows)
    held = None if same else bars(found)
    witness = asked_of_witness(args, rows, real, names) if args.witness else None
    return {
        "machine": machine(), "witness": witness, "critic": critic, "judge": judge, "judge_is_critic": same,
        "vqgan": (args.vqgan or "embedded") if "vqgan" in canvases else None,
        "seed": args.seed, "steps": recipe.steps, "size": recipe.width, "distractors": DISTRACTORS,
        "layout": recipe.layout,
        "prompts": {kind: len(each) for kind, each in prompts.items()}, "figures": found, "bars": held,
        "ok": None if held is None else all(each["ok"] for each in held),
        "pictures": [asdict(row) for row in rows],
    }  # fmt: skip


def asked_of_witness(
    args: argparse.Namespace, rows: Sequence[Row], real: dict[str, Image.Image], names: dict[str, str]
) -> dict[str, dict[str, float]]:
    """Return, by canvas, the percentage of the singles that the witness names first, and among its first ten."""
    from witness import Witness

    witness, found = Witness(args.data), {}
    for canvas in dict.fromkeys(row.canvas for row in rows):
        prompts = [row.prompt for row in rows if (row.canvas, row.kind) == (canvas, "singles")]
        known = [prompt for prompt in prompts if names.get(prompt, prompt) in witness.names]
        pictures = [
            real[prompt] if canvas == "real" else open_picture(made_at(args.out, canvas, "singles", prompt))
            for prompt in known
        ]
        rank = witness.rank(pictures, [names.get(prompt, prompt) for prompt in known])
        found[canvas] = {"words": len(known)} | {
            f"R@{k}": 100 * (rank < k).float().mean().item() for k in (1, 10)
        }
    return found


def show(found: dict[str, Any]) -> None:
    """Print the table and the verdict."""
    print(found["machine"])
    vqgan = f", VQGAN {found['vqgan']}" if found["vqgan"] else ""
    print(f"critic {found['critic']}, judge {found['judge']}{vqgan}")
    print(
        f"{found['steps']} steps, {found['size']} px, seed {found['seed']}, parts {found['layout']}, "
        f"{found['distractors']} distractors\n"
    )
    columns = ("R@1", "R@10", "match")
    heads = "".join(f"{name:>7}" for name in columns)
    print(f"{'%':28}{'judge':>21}   {'critic':>21}\n{'':28}{heads}   {heads}")
    for kind, canvases in found["figures"].items():
        for canvas, said in canvases.items():
            name = f"{found['prompts'][kind]} {kind}, {canvas}"
            cells = [
                "".join(f"{each[column]:7.1f}" if column in each else f"{'':7}" for column in columns)
                for each in said.values()
            ]
            print(f"{name:28}{'   '.join(cells)}")
    for canvas, said in (found["witness"] or {}).items():
        print(f"witness, {canvas}: {said['words']} words, R@1 {said['R@1']:.1f}, R@10 {said['R@10']:.1f}")
    print()
    if found["bars"] is None:
        print(SAME)
        return
    for each in found["bars"]:
        verdict = "ok" if each["ok"] else "MISSED"
        print(
            f"{each['canvas']}, {each['kind']}: {each['figure']} {each['value']:.1f} %, "
            f"bar {each['bar']:.1f} %: {verdict}"
        )


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def main() -> int:
    """Print the table, or one line of JSON; 1 if a bar is missed, 2 if it could not be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", help="a CLIP, as clipart takes it; if left out, whom a run believes")
    parser.add_argument(
        "--clip", help="the critic to climb, as clipart takes it; the embedded one if left out"
    )
    parser.add_argument("--preset", help="a look, whose settings the other options take the place of")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting")
    parser.add_argument("--vqgan", help="a VQGAN's file; the embedded one if left out")
    parser.add_argument("--canvas", choices=[*CANVASES, "all"], default="all")
    parser.add_argument("--kind", choices=["singles", "two parts", "all"], default="all")
    parser.add_argument("--layout", choices=["apart", "blend"], help="of two parts; if left out, as in a run")
    parser.add_argument("--prompts", type=positive, default=100, help="prompts of each kind at most")
    parser.add_argument("--steps", type=positive)
    parser.add_argument("--size", type=positive, help="pixels of a side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("outputs/quality"), help="folder of the pictures")
    parser.add_argument("--blind", type=Path, metavar="FOLDER", help="write sheets without labels, and keys")
    parser.add_argument("--data", type=Path, default=REAL, help="folder of the real pictures")
    parser.add_argument("--witness", action="store_true", help="ask the witness too (bench/witness.py)")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    try:
        found = run(args)
    except (ClipartError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on with the pictures that are there.", file=sys.stderr)
        return 130
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return int(found["ok"] is False)


if __name__ == "__main__":
    sys.exit(main())
