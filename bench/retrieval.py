"""Picture-to-caption retrieval on the held-out emoji family, through open_clip alone.

    python bench/retrieval.py [MODEL_FOLDER ...]  (default: clipart/models/tiny; of several the mean of what they say)
    python bench/retrieval.py --set noto          (drawings that it was trained with, to compare)
    python bench/retrieval.py --radius 3          (200 of them after five steps of an attack of that L2 radius as well)

Every picture of the family (Twemoji, no flags, no skin tones) is shown once, whole, on white; all the family's captions
are candidates. Prints R@1 and R@10, and R@1 of each kind of thing, with the date and the machine. The pictures come from
`python -m training.build_data`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
ATTACKED = 200  # pictures
SCALE = 20.0  # of the cosines, in the loss that an attack raises


# Unicode's groups of emoji, as emojibase numbers them.
KINDS = (
    "faces",
    "people",
    "parts",
    "animals and plants",
    "food",
    "places",
    "sports and feasts",
    "objects",
    "symbols",
    "flags",
)


def held_out_records(folder: Path) -> list[dict]:
    """What is known of the pictures of the held-out family, row by row."""
    try:
        records = json.loads((folder / "pictures.json").read_text())["pictures"]
    except FileNotFoundError:
        sys.exit(
            f"No pictures in {folder}. Make them with: python -m training.build_data (npm, apt and about 5 minutes)"
        )
    return [r for r in records if r["held_out"] and r["weight"] > 0]


def of_set(folder: Path, name: str, captions: set[str]) -> list[dict]:
    """What is known of the pictures of one set that have one of the `captions`."""
    records = json.loads((folder / "pictures.json").read_text())["pictures"]
    return [r for r in records if r["set"] == name and r["name"] in captions]


def blobs_of(folder: Path, records: list[dict]) -> list[bytes]:
    """WebP blobs of the pictures, row by row."""
    blobs = (folder / "pictures.bin").read_bytes()
    return [blobs[r["at"] : r["at"] + r["bytes"]] for r in records]


def held_out(folder: Path) -> tuple[list[bytes], list[str]]:
    """WebP blobs and captions of the held-out family, row by row."""
    records = held_out_records(folder)
    return blobs_of(folder, records), [r["name"] for r in records]


def on_white(blob: bytes, frame: float = 1.08) -> Image.Image:
    """An RGB picture of the drawing, whole, a little smaller than the frame."""
    from PIL import Image

    drawing = Image.open(io.BytesIO(blob)).convert("RGBA")
    side = round(drawing.width * frame)
    page = Image.new("RGBA", (side, side), "white")
    page.alpha_composite(drawing, ((side - drawing.width) // 2,) * 2)
    return page.convert("RGB")


class Seer:
    """A finished model: what it says of pictures and captions, unit vectors (N, D)."""

    def __init__(self, folder: Path) -> None:
        import open_clip

        self.clip, _, self.preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        self.tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        self.clip.eval().requires_grad_(False)
        last = self.preprocess.transforms[-1]  # Normalize
        self.mean, self.std = last.mean[0], last.std[0]

    def text(self, captions: list[str]) -> Tensor:
        """Unit (captions, D)."""
        import torch

        parts = [captions[i : i + 256] for i in range(0, len(captions), 256)]
        return torch.cat([self.clip.encode_text(self.tokenizer(part), normalize=True) for part in parts])

    def views(self, blobs: list[bytes]) -> Tensor:
        """(N, 3, S, S) in [0, 1], as the model's own preprocessing cuts them."""
        import torch

        seen = torch.stack([self.preprocess(on_white(blob)) for blob in blobs])
        return (seen * self.std + self.mean).clamp(0, 1)

    def image(self, views: Tensor) -> Tensor:
        """With gradients, for an attack."""
        return self.clip.encode_image((views - self.mean) / self.std, normalize=True)

    def cosines(self, views: Tensor, captions: list[str]) -> Tensor:
        """(N, captions)."""
        import torch

        return torch.cat([self.image(part) for part in views.split(128)]) @ self.text(captions).T


def ranks(logits: Tensor, right: Tensor) -> Tensor:
    """How many captions each row of (N, captions) puts before the right one, (N,)."""
    return (logits > logits.gather(1, right[:, None])).sum(1)


def percent_within(rank: Tensor, k: int) -> float:
    """The share of pictures whose caption is among the first `k`."""
    return round(100 * (rank < k).float().mean().item(), 1)


def attacked(
    seer: Seer, views: Tensor, captions: list[str], right: Tensor, radius: float
) -> dict[str, float]:
    """R@1 and R@10 of ATTACKED of the views, moved by five steps uphill of the loss in an L2 ball, as training measures it."""
    import torch
    from torch.nn.functional import cross_entropy

    from training.train import attack

    pick = torch.arange(0, len(views), max(1, len(views) // ATTACKED))
    text, want = seer.text(captions), right[pick]
    loss = lambda image: cross_entropy(SCALE * image.float() @ text.T, want)  # noqa: E731
    everywhere = torch.full((len(pick),), radius)
    moved = attack(seer, views[pick], loss, everywhere, torch.Generator().manual_seed(0), steps=5)
    with torch.no_grad():
        rank = ranks(seer.cosines(moved, captions), want)
    return {"R@1": percent_within(rank, 1), "R@10": percent_within(rank, 10)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", type=Path, default=[ROOT / "clipart/models/tiny"], help="open_clip model folders"
    )
    parser.add_argument("--data", type=Path, default=ROOT / "training/data")
    parser.add_argument(
        "--set",
        help="a set that was trained with, as training/sources.py names it: its pictures of the same things",
    )
    parser.add_argument("--radius", type=float, help="of an attack, in all pixels of a view together")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    return parser.parse_args()


def by_kind(rank: Tensor, groups: list[int]) -> dict[str, dict[str, float]]:
    """R@1 of each of Unicode's groups, and how many pictures it has."""
    import torch

    group = torch.tensor(groups)
    return {
        KINDS[g]: {"pictures": int((group == g).sum()), "R@1": percent_within(rank[group == g], 1)}
        for g in group.unique().tolist()
    }


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Everything that is printed."""
    import torch
    from machine import machine

    family = held_out_records(args.data)
    records = of_set(args.data, args.set, {r["name"] for r in family}) if args.set else family
    if not records:
        sys.exit(f"No picture of the set {args.set!r} in {args.data}.")
    pictures, captions = blobs_of(args.data, records), [r["name"] for r in family]
    right = torch.tensor([captions.index(r["name"]) for r in records])
    start, found, moved = time.perf_counter(), [], {}
    for folder in args.models:
        seer = Seer(folder)
        views = seer.views(pictures)
        with torch.no_grad():
            found.append(seer.cosines(views, captions))
        if args.radius:
            moved[str(folder)] = attacked(seer, views, captions, right, args.radius)
    rank = ranks(torch.stack(found).mean(0), right)
    return {
        "models": [str(folder) for folder in args.models], "set": args.set, "pictures": len(records), "captions": len(captions),
        "R@1": percent_within(rank, 1), "R@10": percent_within(rank, 10), "attacked": moved,
        "kinds": by_kind(rank, [r["group"] for r in records]),
        "seconds": round(time.perf_counter() - start, 1), "machine": machine(),
    }  # fmt: skip


def main() -> None:
    args = arguments()
    result = measure(args)
    if args.json:
        print(json.dumps(result))
        return
    whose = f"{result['pictures']} pictures of {args.set}, " if args.set else ""
    print(
        f"{whose}{result['captions']} captions of a family never seen: R@1 {result['R@1']} %, R@10 {result['R@10']} %"
    )
    for folder, each in result["attacked"].items():
        print(f"{folder}, attacked with radius {args.radius:g}: R@1 {each['R@1']} %, R@10 {each['R@10']} %")
    print(
        ", ".join(f"{name} {each['R@1']} % of {each['pictures']}" for name, each in result["kinds"].items())
    )
    print(f"{', '.join(result['models'])}, {result['machine']}, {result['seconds']} s")


if __name__ == "__main__":
    main()
