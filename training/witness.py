"""A linear head of names on the frozen network of `training.features`: a witness that no critic was ever climbed against.

    python -m training.witness                   # writes training/data/witness.safetensors; two minutes on one core

It begins with the mean of each name's views and is then trained for a few rounds by cross-entropy, on the kept features alone.
The network and the head stay here, for `bench/witness.py`; they are not shipped.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from training.data import Pictures
from training.features import Lessons, Whitening, class_means, fit_whitening
from training.model import CRITIC_LOOK
from training.runtime import reseed
from training.sources import DATA

DIMS = 512
SCALE = 20.0  # of the cosines, before the softmax


def train_head(
    seen: torch.Tensor,
    index: torch.Tensor,
    means: torch.Tensor,
    rounds: int,
    *,
    rate: float = 3e-3,
    batch: int = 256,
) -> torch.Tensor:
    """Rows (T, D), begun at unit `means`, that tell unit `seen` (N, D) of the names `index` (N,) apart; each round sees all."""
    head = torch.nn.Parameter(means.clone())
    optimiser = torch.optim.AdamW([head], lr=rate, weight_decay=0.0)
    total = max(1, rounds * len(seen) // batch)
    for step in range(total):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / total)
        pick = torch.randint(len(seen), (batch,), generator=reseed(torch.Generator(), step))
        logits = SCALE * seen[pick] @ F.normalize(head, dim=-1).T
        loss = F.cross_entropy(logits, index[pick], label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return F.normalize(head.detach(), dim=-1)


def fit(features: torch.Tensor, names: torch.Tensor, rounds: int) -> tuple[Whitening, torch.Tensor]:
    """The whitening of (N, W) features of the names (N,), and a unit row (T, DIMS) for each of `names.unique()`."""
    white = fit_whitening(features, names, DIMS)
    seen = white(features)
    means, index = class_means(seen, names)
    return white, train_head(seen, index, F.normalize(means, dim=-1), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="how often every view is seen")
    parser.add_argument("--batches", type=int, default=2000, help="of the kept views, at most")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start, pictures = time.time(), Pictures(DATA, held_out=False)
    lessons = Lessons(DATA, pictures, CRITIC_LOOK)
    features, names = lessons.examples(pictures, CRITIC_LOOK, args.batches)
    white, head = fit(features, names, args.rounds)
    texts = [pictures.texts[row] for row in names.unique().tolist()]
    state = {"centre": white.centre, "matrix": white.matrix.contiguous(), "head": head}
    save_file(state, DATA / "witness.safetensors", {"names": json.dumps(texts)})
    print(json.dumps({"views": len(names), "names": len(texts), "seconds": round(time.time() - start)}))


if __name__ == "__main__":
    main()
