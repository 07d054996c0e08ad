"""Whether a concept is of the thing: learned from drawings of four families, it finds the drawing of a fifth.

    python bench/concept.py [--things 50] [--drawings 200] [--clip NAME]

Things are drawn by seed among those that four of the training families and the held-out family have drawn. The vector
that `clipart concept learn` makes of the four drawings, for one CLIP, ranks the drawings of the held-out family: the right
one, and others drawn by seed, 200 in all. Bar: it is among the first five for 70 % of the things. Beside it is what the
thing's name does in its place. The drawings come from `python -m training.build_data`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from machine import machine
from quality import REAL
from retrieval import blobs_of, held_out, on_white
from torch import Tensor

from clipart.critic.clip import Clip
from clipart.models.embedded import everyday_words
from clipart.pictures import from_pil
from clipart.seeing.learning import vector_of
from clipart.seeing.looking import looking, still

FAMILIES = ("noto", "fluent-emoji-flat", "emojione", "noto-v1")
FIRST, BAR = 5, 70.0


def see(clip: Clip, blobs: list[bytes]) -> Tensor:
    """Return unit vectors (n, d) of drawings."""
    with still():
        return torch.stack([clip.encode_shown(from_pil(on_white(blob))[None]) for blob in blobs])


def main() -> int:
    """Print the figures; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--things", type=int, default=50)
    parser.add_argument("--drawings", type=int, default=200)
    parser.add_argument("--clip", help="the CLIP; if left out, the embedded judge")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)  # noqa: S311
    records = json.loads((REAL / "pictures.json").read_text())["pictures"]
    drawn = {family: {r["name"]: r for r in records if r["set"] == family} for family in FAMILIES}
    fifth = dict(zip(*held_out(REAL)[::-1], strict=True))
    things = sorted(name for name in fifth if all(name in drawn[family] for family in FAMILIES))
    clip, found, named = looking(args.clip), 0, 0
    with still():
        words = clip.encode_texts(everyday_words())
    for thing in rng.sample(things, args.things):
        others = rng.sample(sorted({*fifth} - {thing}), args.drawings - 1)
        seen = see(clip, blobs_of(REAL, [drawn[family][thing] for family in FAMILIES]))
        with still():
            own = words[int((words @ seen.mean(dim=0)).argmax())]
            name = clip.encode_texts([thing])[0]
        vector = vector_of(clip, seen, own, words)
        shown = see(clip, [fifth[each] for each in [thing, *others]])
        rank = int((shown @ vector > shown[0] @ vector).sum())
        found += rank < FIRST
        named += int((shown @ name > shown[0] @ name).sum()) < FIRST
        if rank >= FIRST:
            print(f"{thing}: at {rank + 1}", file=sys.stderr)
    percent = 100 * found / args.things
    print(machine())
    print(
        f"{clip.name}: {found} of {args.things} things among the first {FIRST} of {args.drawings}, from four drawings each"
    )
    print(
        f"{percent:.0f} %, bar {BAR:.0f} %: {'ok' if percent >= BAR else 'MISSED'}; by their names {100 * named / args.things:.0f} %"
    )
    return int(percent < BAR)


if __name__ == "__main__":
    sys.exit(main())
