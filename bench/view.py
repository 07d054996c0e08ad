"""Time of one view: a CLIP's image tower, forward and the gradient on its input, in a batch. On the CPU, in bfloat16.

    python bench/view.py [--clip NAME] [--views 32] [--rounds 20] [--json]

Prints the median over the rounds, in milliseconds a view. Exit code 1 if it is above the bar for the embedded critic: 3 ms
on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from machine import machine

from clipart.critic.clip import Clip, load_clip

BAR = 3.0  # milliseconds


def milliseconds(clip: Clip, views: int) -> float:
    """Return the time of a view, in a batch of `views`, once."""
    leaf = torch.rand(views, 3, clip.side, clip.side, requires_grad=True)
    began = time.perf_counter()
    torch.autograd.grad(clip.encode_images(leaf).sum(), leaf)
    return 1000 * (time.perf_counter() - began) / views


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", default="tiny")
    parser.add_argument("--views", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    clip = load_clip(args.clip, torch.device("cpu"), "bfloat16")
    milliseconds(clip, args.views)  # the first one allocates
    rounds = [milliseconds(clip, args.views) for _ in range(args.rounds)]
    found = {
        "clip": args.clip, "views": args.views, "ms": round(statistics.median(rounds), 3), "least": round(min(rounds), 3),
        "bar": BAR, "machine": machine(),
    }  # fmt: skip
    if args.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['ms']} ms a view of {args.clip} in a batch of {args.views} (least {found['least']}; bar {BAR})"
        )
        print(found["machine"])
    sys.exit(found["ms"] > BAR)


if __name__ == "__main__":
    main()
