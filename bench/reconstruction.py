"""What a VQGAN keeps of pictures that it has never seen: the held-out emoji family, encoded and decoded.

    python bench/reconstruction.py [--vqgan FILE] [--sheet SHEET.png]      (default: the embedded one)

Twemoji is rendered at 256 px on white, every 16th picture; prints the mean PSNR in dB and how many codes of the
codebook they use. The pictures come from `python -m training.build_data`. `--sheet` writes pairs, what goes in above
what comes out.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
SIDE, EVERY = 256, 16


def pictures(packages: Path):
    """(1, 3, SIDE, SIDE) tensors in [0, 1], one by one."""
    import numpy as np
    import resvg_py
    import torch
    from PIL import Image

    from training.build_data import Emoji, emoji_jobs
    from training.sources import SOURCES
    from training.words import WordNet

    source = next(s for s in SOURCES if s.held_out)
    wordnet = WordNet(packages / "debian/usr/share/wordnet")
    jobs = [
        j for j in emoji_jobs(packages, source, Emoji(packages), wordnet, frozenset()) if j.record["weight"]
    ]
    for job in jobs[::EVERY]:
        png = bytes(
            resvg_py.svg_to_bytes(svg_string=job.svg, width=SIDE, height=SIDE, skip_system_fonts=True)
        )
        drawing = Image.open(io.BytesIO(png)).convert("RGBA").resize((SIDE, SIDE))
        page = Image.new("RGBA", drawing.size, "white")
        page.alpha_composite(drawing)
        yield torch.from_numpy(np.array(page.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def sheet(pairs: list, path: Path, across: int = 10) -> None:
    """Write rows of what went in, each above the row of what came out, at half size."""
    import torch
    from PIL import Image
    from torch.nn.functional import avg_pool2d

    rows = []
    for first in range(0, len(pairs) - across + 1, across):
        for side in zip(*pairs[first : first + across], strict=True):
            rows.append(torch.cat([avg_pool2d(x, 2)[0] for x in side], dim=2))
    image = (torch.cat(rows, dim=1).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(image).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vqgan", help="a file made by clipart models convert")
    parser.add_argument("--data", type=Path, default=ROOT / "training/data")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    if not (args.data / "packages").is_dir():
        sys.exit(f"No pictures in {args.data}. Make them with: python -m training.build_data")

    import torch
    from machine import machine

    from clipart.models.vqgan import load_vqgan

    vqgan = load_vqgan(args.vqgan, torch.device("cpu"), "float32")
    pairs, psnr, used = [], [], set()
    with torch.inference_mode():
        for picture in pictures(args.data / "packages"):
            z = vqgan.encode(picture)
            used |= set(map(tuple, z[0].flatten(1).T.tolist()))
            seen = vqgan.decode(z).clamp(0, 1)
            psnr.append(-10 * (seen - picture).square().mean().log10().item())
            pairs.append((picture, seen))
    if args.sheet:
        sheet(pairs, args.sheet)
    result = {
        "vqgan": args.vqgan or "embedded", "pictures": len(pairs), "psnr_db": round(sum(psnr) / len(psnr), 2),
        "codes_used": len(used), "codes": vqgan.config.n_embed, "machine": machine(),
    }  # fmt: skip
    if args.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['pictures']} pictures of a family never seen, {SIDE} px: {result['psnr_db']} dB, "
            f"{result['codes_used']} of {result['codes']} codes used"
        )
        print(result["machine"])


if __name__ == "__main__":
    main()
