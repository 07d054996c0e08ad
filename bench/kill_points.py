"""Runs that are killed at random moments, and what is left of them.

    python bench/kill_points.py [--kills 30] [--canvas multires vqgan] [--clip NAME] [--vqgan FILE]

Each run is a process that is ended by SIGKILL: half of them at a random time, half at a random moment of writing a
checkpoint, a picture, a film or the recipe. Then its last checkpoint must load, its trajectory play, and the run
that goes on from there leave the same picture, byte for byte, as one that was never cut. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes are forked
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import torch

import clipart.critic.rivals
from clipart import files
from clipart.recipe import Recipe, make_recipe
from clipart.record.checkpoint import checkpoints, latest
from clipart.record.trajectory import open_trajectory, segments
from clipart.runs import Outputs, resume, run

OUTPUTS: dict[str, Any] = {"video_seconds": 0.5, "checkpoint_every": 1, "checkpoint_gap": 0.0}
LOST = 3  # frames of the trajectory that a killed process had not handed to the system yet
STAGES = [{"name": "rough", "share": 1, "scale": 0.5}, {"name": "fine", "share": 2}]


def forked(recipe: Recipe, folder: Path, after: float | None = None, at_sync: int | None = None) -> float:
    """Run `recipe` in a process of its own, killed `after` seconds or at its n-th sync.

    Returns its seconds; like `after`, they count from when its folder is there.
    """
    child = os.fork()
    if child == 0:
        if at_sync is not None:
            kill_at_sync(at_sync)
        code = 1
        try:
            run(recipe, Outputs(folder=folder, **OUTPUTS))
            code = 0
        finally:
            os._exit(code)
    while not folder.exists() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)
    began = time.monotonic()
    if after is not None:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        if os.WIFEXITED(status := os.waitpid(child, 0)[1]) and os.WEXITSTATUS(status):
            raise RuntimeError("a run failed by itself")
    return time.monotonic() - began


def kill_at_sync(count: int) -> None:
    """Let this process be killed when a file is handed to the disk for the `count`-th time."""
    real, left = files._sync, count

    def sync(path: Path) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            if path.is_file() and path.stat().st_size > 4 and left % 2:  # as if only half had been written
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        real(path)

    files._sync = sync


def examine(folder: Path, picture: bytes) -> str:
    """Return what is wrong with a killed run and how it goes on, or in brackets how far it had come."""
    runs = list(folder.iterdir()) if folder.exists() else []
    if not runs:
        return "(before its folder)"
    (left,) = runs
    if segments(left):
        with contextlib.suppress(Exception):
            if open_trajectory(left).steps and not any(True for _ in open_trajectory(left).frames()):
                return "the trajectory does not play"
    if not checkpoints(left / "checkpoints"):
        return "(before its first checkpoint)"
    step, had = latest(left).step, sorted(path.name for path in left.iterdir())
    trajectory = open_trajectory(left)
    if trajectory.steps[-1] < step - LOST:
        return f"the trajectory ends at {trajectory.steps[-1]}, the checkpoint is of {step}"
    result = resume(left)
    if result.paths["picture"].read_bytes() != picture:
        return f"another picture after going on from step {step}"
    with av.open(str(result.paths["video"])) as film:
        if sum(1 for _ in film.decode(video=0)) != 15:
            return "the film has another count of frames"
    if len(set(range(result.steps)) - set(open_trajectory(left).steps)) > LOST:
        return f"the trajectory has steps {open_trajectory(left).steps}"
    if list(left.rglob(".*")):
        return f"left behind: {list(left.rglob('.*'))}"
    written = " with a picture" if "picture.png" in had else ""
    return f"(step {step}{written})"


def main() -> int:
    """Cut, go on, compare; print a line for each kill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--canvas", nargs="+", default=None)
    parser.add_argument("--clip", default="tiny")
    parser.add_argument("--vqgan", help="a VQGAN's file, for the latent canvas")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    canvases = args.canvas or ["multires"] + ["vqgan"] * bool(args.vqgan)
    torch.set_num_threads(1)
    clipart.critic.rivals.everyday_words = lambda: ["anvil", "cloud", "zebra"]
    chance, bad = random.Random(args.seed), 0  # noqa: S311 (moments, not secrets)
    work = Path(tempfile.mkdtemp())
    try:
        for index in range(args.kills):
            canvas = canvases[index % len(canvases)]
            recipe = make_recipe(
                {
                    "prompt": "apple:: tart::",
                    "seed": 7,
                    "width": 48,
                    "height": 40,
                    "views": 4,
                    "check_every": 3,
                }
                | {
                    "steps": args.steps,
                    "canvas": canvas,
                    "clip": (args.clip,),
                    "vqgan": args.vqgan if canvas == "vqgan" else None,
                }
                | {"device": "cpu", "precision": "float32", "stages": STAGES}
            )
            whole = work / f"whole-{canvas}"
            if not whole.exists():
                forked(recipe, whole)  # the first also fills the caches
                shutil.rmtree(whole)
                seconds = forked(recipe, whole)
            picture = next(whole.glob("*/picture.png")).read_bytes()
            folder = work / f"cut-{index}"
            # A sync of each checkpoint's file and folder, of the recipe, the picture, the film: all are hit.
            moment: dict[str, Any] = (
                {"at_sync": chance.randint(1, 2 * args.steps + 8)}
                if index // len(canvases) % 2
                else {"after": chance.random() * seconds}
            )
            forked(recipe, folder, **moment)
            found = examine(folder, picture)
            bad += not found.startswith("(")
            print(f"{canvas:10} {moment} {'ok' if found.startswith('(') else 'BAD'} {found}", flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{args.kills} kills, {bad} bad")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
