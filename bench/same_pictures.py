"""Whether pictures are still those of another commit, pixel by pixel.

    python bench/same_pictures.py [--against COMMIT] [--only WORD]

Runs thirteen recipes with this checkout and with `COMMIT` in a temporary worktree, one thread each, and compares the pixels of
the pictures. Exit code 1 if one differs that is not meant to. A change that is meant to leave pictures alone is checked with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import machine
from PIL import Image

HERE = Path(__file__).resolve().parents[1]
COMMIT = "b613ced"  # before the parts had tables
MEANT = {"camera", "init", "six starts"}  # changed since, on purpose: docs/formats.md says how
SMALL = ["--size", "96", "--steps", "30", "--seed", "3", "--video", "none", "--quiet"]
RECIPES: dict[str, list[str]] = {
    "pixels": ["a red apple", "--starts", "2"],
    "six starts": ["a red apple"],
    "two parts": ["apple:: tart::", "--no", "text", "--starts", "2"],
    "plain": ["a fish", "--canvas", "plain", "--starts", "1", "--optimizer", "adam", "--lr", "0.03"],
    "fourier": ["a fish", "--canvas", "fourier", "--starts", "1", "--flip", "0.5", "--tv", "1"],
    "vqgan": ["a cat", "--canvas", "vqgan", "--starts", "2", "--pull", "0.01"],
    "shapes": ["a house:: a tree::", "--canvas", "shapes", "--shapes", "12", "--starts", "2"],
    "poster": ["a boat", "--preset", "poster", "--starts", "1"],
    "stages": ["an owl", "--preset", "unfold", "--starts", "2"],
    "camera": ["a star", "--zoom", "1.02", "--spin", "2", "--pan-x", "1", "--starts", "1"],
    "init": ["a mouse", "--init", "start.png", "--init-strength", "0.6", "--size", "128x96"],
    "ensemble": [
        "a hat::2 a (red:1.4) bag::",
        "--clip",
        "tiny",
        "--clip",
        "tiny-judge::0.5",
        "--starts",
        "1",
    ],
    "resume": ["a drum", "--starts", "1"],
}


def run(tree: Path, arguments: list[str], folder: Path) -> Path:
    """Run clipart of `tree` with `arguments` in `folder`; the picture's path, as `--quiet` prints it."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "clipart", *arguments],
        cwd=folder, env=environment, text=True, capture_output=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{tree}: clipart {' '.join(arguments)}\n{done.stderr}")
    return folder / done.stdout.strip()


def picture(tree: Path, name: str, folder: Path) -> np.ndarray:
    """The pixels of a recipe as `tree` makes it."""
    folder.mkdir(parents=True)
    ramp = np.linspace(0, 255, 160 * 120 * 3).reshape(120, 160, 3).astype(np.uint8)
    Image.fromarray(ramp).save(folder / "start.png")
    size = [] if "--size" in RECIPES[name] else SMALL[:2]
    path = run(tree, [*RECIPES[name], *size, *SMALL[2:]], folder)
    if name == "resume":
        path = run(tree, ["resume", str(path.parent), "--steps", "60", "--quiet"], folder)
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.int16)


def main() -> int:
    """Print a line a recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", default=COMMIT, metavar="COMMIT")
    parser.add_argument("--only", default="", metavar="WORD", help="recipes with this word in their name")
    args = parser.parse_args()
    print(machine())
    different = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, tree = Path(temporary), Path(temporary) / "tree"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), args.against], check=True)
        try:
            for name in (each for each in RECIPES if args.only in each):
                before, now = (
                    picture(each, name, folder / side / name)
                    for side, each in (("before", tree), ("now", HERE))
                )
                worst = int(np.abs(before - now).max()) if before.shape == now.shape else "another size"
                different += worst != 0 and name not in MEANT
                meant = ", as meant" if name in MEANT else ""
                print(f"{name:>10}  {'the same' if worst == 0 else f'differs: {worst}{meant}'}", flush=True)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
