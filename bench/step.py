"""Time of a step by part, against its models alone, and its peak memory by the number of views. On the CPU.

    python bench/step.py [--clip NAME] [--vqgan FILE] [--size 256] [--views 32] [--chunk 32] [--rounds 5] [--json]

Without --clip and --vqgan the models are a ViT-B/32 and taming's f16 VQGAN with 1024 codes, in their published shapes
with random weights, written to files and loaded as a user's own are. Exit code 1 if one of two bars is missed:

Time: each round runs CLIP's image tower alone (the same chunks, with the gradient on its input), the decoder alone
(with the gradient on the latents), and then a step of the loop as it is. The median over the rounds of
step / (CLIP + decoder) is at most 1.15.

Memory: the peak of a step with 1, 2 and 4 times --chunk views in chunks, and with 2 times as many at once, each in a
process of its own. From 1 to 4 chunks, a view adds at most a tenth of what it adds where all are in one. The peak is
that of the resident set, libraries and models included, from when the models are loaded. Linux only.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import open_clip
import torch
from machine import machine
from safetensors.torch import save_file
from torch import Tensor

import clipart.loop
import clipart.session
from clipart.canvas.vqgan import VqganCanvas
from clipart.critic.clip import Clip
from clipart.critic.views import Views
from clipart.models.vqgan import METADATA, Vqgan, VqganConfig, build_network
from clipart.recipe import Recipe, make_recipe
from clipart.session import Session

TIME_BAR = 1.15  # of CLIP alone and decoder alone
MEMORY_BAR = 0.1  # of what a view adds in one chunk
ARCHITECTURE = "ViT-B-32"
F16 = VqganConfig(
    n_embed=1024, embed_dim=256, z_channels=256, ch=128, ch_mult=(1, 1, 2, 2, 4), num_res_blocks=2,
    attn_resolutions=(16,), resolution=256,
)  # fmt: skip


def write_clip(folder: Path) -> str:
    """Write a ViT-B/32 with random weights; return what `--clip` takes."""
    path = folder / "clip.safetensors"
    model = open_clip.CLIP(**open_clip.get_model_config(ARCHITECTURE))
    save_file(model.state_dict(), path)
    return f"{ARCHITECTURE}@{path}"


def write_vqgan(folder: Path) -> str:
    """Write a VQGAN with random weights; return what `--vqgan` takes."""
    path = folder / "vqgan.safetensors"
    save_file(build_network(F16).state_dict(), path, {METADATA: F16.model_dump_json()})
    return str(path)


def build(recipe: Recipe) -> Session:
    """Return the session; its judge has no everyday words, which take a minute and are no part of a step."""
    with patch("clipart.critic.rivals.everyday_words", lambda: ["anvil", "cloud", "zebra"]):
        return Session(recipe)


# --- time -----------------------------------------------------------------------------------------------


class Parts:
    """Seconds and calls of a step's parts, taken from the product's own functions."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    @contextmanager
    def of(self, session: Session) -> Iterator[None]:
        """Measure whatever `session` does meanwhile; none of these functions is called by another."""
        seams: list[tuple[Any, str, Callable[..., str]]] = [
            (VqganCanvas, "forward", lambda *_: "decode"),
            (clipart.session, "sample_views", lambda *_: "views"),
            (Views, "render", lambda *_: "views"),
            (Clip, "encode_images", lambda *_: "CLIP forward"),
            (torch.autograd, "backward", _backward),
            (type(session.process.optimizer), "step", lambda *_: "optimiser"),
            (VqganCanvas, "project", lambda *_: "optimiser"),
        ]
        with ExitStack() as stack:
            for owner, name, part in seams:
                stack.enter_context(patch.object(owner, name, self._timed(getattr(owner, name), part)))
            yield

    def _timed(self, function: Callable[..., Any], part: Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began, name = time.perf_counter(), part(*args)
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - began
                self.calls[name] += 1

        return timed


def _backward(root: Tensor, *_: Any) -> str:
    """Losses go back to the image, chunk by chunk; then the image once to the latents."""
    return "backward to latents" if root.ndim == 4 else "backward to image"


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def clip_alone(clip: Clip, views: int, chunk: int) -> Callable[[], None]:
    """Return what runs the image tower over `views` random views, with the gradient on them."""
    sizes = [min(chunk, views - first) for first in range(0, views, chunk)]
    inputs = [
        torch.randn(n, 3, clip.side, clip.side).contiguous(memory_format=torch.channels_last).requires_grad_()
        for n in sizes
    ]

    def run() -> None:
        for each in inputs:
            with torch.autocast("cpu", clip.dtype, enabled=clip.dtype != torch.float32):
                features = clip._model.encode_image(each)
            torch.autograd.grad(features, each, torch.ones_like(features))

    return run


def decoder_alone(vqgan: Vqgan, size: int) -> Callable[[], None]:
    """Return what decodes random latents to `size` x `size` pixels, with the gradient on the latents."""
    side = -(-size // vqgan.factor)
    latents = torch.randn(1, vqgan.config.embed_dim, side, side).to(vqgan.dtype).requires_grad_()

    def run() -> None:
        image = vqgan._network.decoder(vqgan._network.post_quant_conv(latents))
        torch.autograd.grad(image, latents, torch.ones_like(image))

    return run


def measure(recipe: Recipe, rounds: int) -> dict[str, Any]:
    """Return the medians in milliseconds, and the ratio of every round, ascending."""
    session = build(recipe)
    clip = session.objective.terms[0].clip
    models = {
        "CLIP alone": clip_alone(clip, recipe.views, recipe.chunk),
        "decoder alone": decoder_alone(session.models["vqgan"], recipe.width),
    }
    steps = clipart.loop.go_on(session)
    next(steps)  # the look before the first step
    rows = []
    for _ in range(1 + rounds):
        parts, row = Parts(), {}
        for name, run in models.items():
            row[name] = seconds(run)
        with parts.of(session):
            row["step"] = seconds(lambda: next(steps))
        row["the rest"] = row["step"] - parts.seconds.total()
        rows.append(row | parts.seconds)
    assert session.process.retries == 0, "NaN in the gradient"
    rows = rows[1:]  # the first warms up
    return {
        "precision": str(clip.dtype).removeprefix("torch."),
        "ms": {name: 1000 * statistics.median(row[name] for row in rows) for name in rows[0]},
        "calls": dict(parts.calls),
        "ratios": sorted(row["step"] / (row["CLIP alone"] + row["decoder alone"]) for row in rows),
    }


# --- memory ---------------------------------------------------------------------------------------------


def high_water() -> float:
    """Return the peak of this process's resident memory, in MB."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024


def peak(recipe: Recipe) -> float:
    """Return the peak of resident memory over a step, models and libraries included, in MB."""
    session = build(recipe)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of loading is another matter
    steps = clipart.loop.go_on(session)
    next(steps)  # the look before it
    next(steps)
    return high_water()


def peaks(recipe: Recipe, cases: list[tuple[int, int]]) -> list[float]:
    """Return the peaks for (views, chunk), each measured in a fresh process."""
    recipes = [recipe.with_(views=views, chunk=chunk) for views, chunk in cases]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.map(peak, recipes, chunksize=1)


# --- the whole ------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure time and memory; return everything that is printed."""
    chunk = args.chunk
    cases = [(chunk, chunk), (2 * chunk, chunk), (4 * chunk, chunk), (2 * chunk, 2 * chunk)]
    with tempfile.TemporaryDirectory() as name:
        torch.manual_seed(0)
        recipe = make_recipe({
            "prompt": "apple:: tart::", "seed": 1, "width": args.size, "height": args.size, "canvas": "vqgan",
            "clip": (args.clip or write_clip(Path(name)),), "vqgan": args.vqgan or write_vqgan(Path(name)),
            "views": args.views, "chunk": chunk, "precision": args.precision, "device": "cpu", "check_every": 500,
        })  # fmt: skip
        found = measure(recipe, args.rounds)
        memory = peaks(recipe, cases)
    ratio = statistics.median(found["ratios"])
    one, two, four, at_once = memory
    beyond, within = (max(two, four) - one) / (3 * chunk), (at_once - one) / chunk
    return {
        "machine": f"{machine()}, {torch.get_num_threads()} threads",
        "clip": args.clip or "ViT-B/32, random weights",
        "vqgan": args.vqgan or "f16, random weights",
        "size": args.size, "views": args.views, "chunk": chunk, "rounds": args.rounds,
        **found,
        "ratio": ratio, "time_ok": ratio <= TIME_BAR,
        "memory": [
            {"views": views, "chunk": each, "peak_mb": mb}
            for (views, each), mb in zip(cases, memory, strict=True)
        ],
        "mb_a_view": {"within": within, "beyond": beyond}, "memory_ok": beyond <= MEMORY_BAR * within,
    }  # fmt: skip


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    print(found["machine"])
    print(f"CLIP {found['clip']}; VQGAN {found['vqgan']}; {found['size']} px, {found['precision']}")
    print(f"{found['views']} views in chunks of {found['chunk']}, median of {found['rounds']} rounds\n")
    order = ["decode", "views", "CLIP forward", "backward to image", "backward to latents", "optimiser"]
    print(f"{'':20} {'ms':>8} {'calls':>6}")
    for name in [*order, "the rest", "step", "CLIP alone", "decoder alone"]:
        print(f"{name:20} {found['ms'][name]:8.1f} {found['calls'].get(name, ''):>6}")
    verdict = {True: "ok", False: "MISSED"}
    low, high = found["ratios"][0], found["ratios"][-1]
    print(f"\nstep / (CLIP + decoder) {found['ratio']:.3f} ({low:.3f} to {high:.3f}), ", end="")
    print(f"bar {TIME_BAR}: {verdict[found['time_ok']]}\n")
    print(f"{'views':>6} {'chunk':>6} {'peak MB':>8}")
    for row in found["memory"]:
        print(f"{row['views']:6} {row['chunk']:6} {row['peak_mb']:8.0f}")
    added = found["mb_a_view"]
    print(
        f"\na view adds {added['within']:.2f} MB within one chunk and {added['beyond']:.2f} MB beyond it, ",
        end="",
    )
    print(f"bar {MEMORY_BAR} of that: {verdict[found['memory_ok']]}")


def main() -> int:
    """Print the tables, or one line of JSON; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", help="a CLIP, as clipart takes it")
    parser.add_argument("--vqgan", help="a VQGAN's file")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--views", type=int, default=32)
    parser.add_argument("--chunk", type=int, default=32)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    found = run(args)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return int(not (found["time_ok"] and found["memory_ok"]))


if __name__ == "__main__":
    sys.exit(main())
