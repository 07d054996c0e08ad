"""Picture-to-caption retrieval on the held-out emoji family, through open_clip alone.

    python bench/retrieval.py [MODEL_FOLDER]      (default: clipart/models/tiny)
    python bench/retrieval.py --set noto          (drawings that it was trained with, to compare)

Every picture of the family (Twemoji, no flags, no skin tones) is shown once, whole, on white; all the family's captions
are candidates. Prints R@1 and R@10, and R@1 of each kind of thing, with the date and the machine. The pictures come from `python -m training.build_data`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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


def on_white(blob: bytes, frame: float = 1.08):
    """An RGB picture of the drawing, whole, a little smaller than the frame."""
    from PIL import Image

    drawing = Image.open(io.BytesIO(blob)).convert("RGBA")
    side = round(drawing.width * frame)
    page = Image.new("RGBA", (side, side), "white")
    page.alpha_composite(drawing, ((side - drawing.width) // 2,) * 2)
    return page.convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "model", nargs="?", type=Path, default=ROOT / "clipart/models/tiny", help="an open_clip model folder"
    )
    parser.add_argument("--data", type=Path, default=ROOT / "training/data")
    parser.add_argument(
        "--set",
        help="a set that was trained with, as training/sources.py names it: its pictures of the same things",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    family = held_out_records(args.data)
    records = of_set(args.data, args.set, {r["name"] for r in family}) if args.set else family
    if not records:
        sys.exit(f"No picture of the set {args.set!r} in {args.data}.")
    pictures, captions = blobs_of(args.data, records), [r["name"] for r in family]

    import open_clip
    import torch
    from machine import machine

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{args.model}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{args.model}")
    model.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        text = torch.cat(
            [
                model.encode_text(tokenizer(captions[i : i + 256]), normalize=True)
                for i in range(0, len(captions), 256)
            ]
        )
        image = torch.cat([
            model.encode_image(torch.stack([preprocess(on_white(b)) for b in pictures[i : i + 128]]), normalize=True)
            for i in range(0, len(pictures), 128)
        ])  # fmt: skip
        logits = image @ text.T
        right = torch.tensor([captions.index(r["name"]) for r in records])[:, None]
        rank = (logits > logits.gather(1, right)).sum(1)
    groups = torch.tensor([r["group"] for r in records])
    kinds = {
        KINDS[group]: {"pictures": int((groups == group).sum()), "R@1": round(100 * (rank[groups == group] < 1).float().mean().item(), 1)}
        for group in groups.unique().tolist()
    }  # fmt: skip
    result = {
        "model": str(args.model), "set": args.set, "pictures": len(records), "captions": len(captions),
        "R@1": round(100 * (rank < 1).float().mean().item(), 1), "R@10": round(100 * (rank < 10).float().mean().item(), 1),
        "kinds": kinds, "seconds": round(time.perf_counter() - start, 1), "machine": machine(),
    }  # fmt: skip
    if args.json:
        print(json.dumps(result))
    else:
        whose = f"{len(records)} pictures of {args.set}, " if args.set else ""
        print(
            f"{whose}{len(captions)} captions of a family never seen: R@1 {result['R@1']} %, R@10 {result['R@10']} %"
        )
        print(", ".join(f"{name} {each['R@1']} % of {each['pictures']}" for name, each in kinds.items()))
        print(f"{result['model']}, {result['machine']}, {result['seconds']} s")


if __name__ == "__main__":
    main()
