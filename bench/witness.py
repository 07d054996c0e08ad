"""What an outside witness calls pictures: a network trained on photographs, with a linear head of our names.

    python bench/witness.py                      (the held-out family, to know what its word is worth)
    python bench/witness.py PICTURE ...          (its five names for each)

EfficientNet-Lite0 (Apache-2.0) is no CLIP, has ImageNet's weights and never met a gradient of ours; the head comes from
`python -m training.witness`. Neither is part of clipart. The critics were taught by the same network (training/features.py), so it
is a witness of another kind, not a stranger to them.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from machine import machine
from PIL import Image
from retrieval import held_out, on_white, percent_within, ranks
from safetensors import safe_open

from training.features import SIZE, Network, Whitening
from training.sources import DATA


class Witness:
    """Names `names` (T,) and how well each fits a picture."""

    def __init__(self, folder: Path) -> None:
        try:
            with safe_open(folder / "witness.safetensors", "pt") as file:
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no mapping)
                self.names: list[str] = json.loads(file.metadata()["names"])
        except FileNotFoundError:
            sys.exit(
                f"No witness in {folder}. Make it with: python -m training.features, then python -m training.witness"
            )
        self.white = Whitening(state["centre"], state["matrix"])
        self.head = state["head"]
        self.network = Network()

    def scores(self, pictures: list[Image.Image]) -> torch.Tensor:
        """Cosines (N, T) of RGB pictures, however large, with every name."""
        seen = [self.network(self.view(picture)[None]) for picture in pictures]
        return self.white(torch.cat(seen)) @ self.head.T

    @staticmethod
    def view(picture: Image.Image) -> torch.Tensor:
        """(3, SIZE, SIZE) in [0, 1]."""
        small = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        return (
            torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
            .view(SIZE, SIZE, 3)
            .permute(2, 0, 1)
            / 255
        )

    def rank(self, pictures: list[Image.Image], words: list[str]) -> torch.Tensor:
        """How many of all names it finds likelier than the right one, (N,). Every word is to be one of `names`."""
        return ranks(self.scores(pictures), torch.tensor([self.names.index(word) for word in words]))


def on_held_out(witness: Witness, folder: Path) -> dict[str, object]:
    """How many of the held-out family it names, among all its names, of those that it has a name for."""
    blobs, captions = held_out(folder)
    known = [
        (on_white(blob), name)
        for blob, name in zip(blobs, captions, strict=True)
        if name in set(witness.names)
    ]
    rank = witness.rank([picture for picture, _ in known], [name for _, name in known])
    return {"pictures": len(known), "names": len(witness.names), "R@1": percent_within(rank, 1), "R@10": percent_within(rank, 10)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    witness = Witness(args.data)
    for path in args.pictures:
        row = witness.scores([Image.open(io.BytesIO(path.read_bytes()))])[0]
        best = row.topk(5)
        said = [
            f"{witness.names[i]} {s:.2f}"
            for s, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
        print(f"{path}: {', '.join(said)}")
    if not args.pictures:
        print(json.dumps(on_held_out(witness, args.data) | {"machine": machine()}))


if __name__ == "__main__":
    main()
