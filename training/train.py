"""Train the image tower against frozen MiniLM captions: first clean, then one-step adversarial.

    python -m training.train --minutes 90 --run training/runs/tiny

Resumable: the same command goes on from the last checkpoint (`state.safetensors` + `state.json`, no pickle) and keeps to
the wall-clock budget that was used before. The learning curve is `log.jsonl` in the run's folder.

The adversarial part is FGSM with random start (arXiv 2001.03994) in the L2 ball: cheap, and enough at this size if one
watches for catastrophic overfitting, which shows as multi-step accuracy falling while one-step accuracy rises.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing
import torch.nn.functional as F
from torch import nn

from training.build_data import DATA
from training.checkpoint import load_state, save_state
from training.data import Look, Pictures, draw_batch, load_teacher, plain_views
from training.losses import bank_loss, clip_loss
from training.model import VISION, Critic, unit


def attack(
    critic: Critic, views: torch.Tensor, loss_of, eps: float, rng: torch.Generator, *, steps: int = 1
) -> torch.Tensor:
    """Views (B, 3, S, S) moved inside an L2 ball of radius `eps` so that `loss_of(embedding)` rises; in [0, 1]."""
    delta = (
        eps * torch.rand(len(views), 1, 1, 1, generator=rng) * unit(torch.randn(views.shape, generator=rng))
    )
    size = 1.25 * eps if steps == 1 else 2.5 * eps / steps
    for _ in range(steps):
        delta.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(critic.image(views + delta))
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = delta.detach() + size * unit(gradient.float())
        delta = delta * (eps / delta.flatten(1).norm(dim=1).clamp_min(eps))[:, None, None, None]
        delta = (views + delta).clamp(0, 1) - views
    return (views + delta).detach()


class Freeze:
    """BatchNorm uses batch statistics but does not remember them, as for views made by an attack under way."""

    def __init__(self, module: nn.Module) -> None:
        self.norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]

    def __enter__(self) -> None:
        self.momenta = [m.momentum for m in self.norms]
        for m in self.norms:
            m.momentum = 0.0

    def __exit__(self, *_: object) -> None:
        for m, momentum in zip(self.norms, self.momenta, strict=True):
            m.momentum = momentum


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Weights, and BatchNorm's statistics, of `ema` follow the model's."""
    decay = min(decay, (1 + step) / (20 + step))
    for a, b in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)


@torch.no_grad()
def recall(image: torch.Tensor, text: torch.Tensor) -> dict[str, float]:
    """Picture-to-caption recall in percent; row i of both (N, D) belong together."""
    logits = image @ text.T
    rank = (logits > logits.diagonal()[:, None]).sum(1)
    return {
        "r1": round(100 * (rank < 1).float().mean().item(), 2),
        "r10": round(100 * (rank < 10).float().mean().item(), 2),
    }


def embed_images(critic: Critic, views: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) to unit (N, D), without gradients."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        return torch.cat([critic.image(chunk).float() for chunk in views.split(256)])


def measure(
    critic: Critic, views: torch.Tensor, names: torch.Tensor, teacher: torch.Tensor, eps: float
) -> dict[str, float]:
    """Recall on the held-out family, clean on all of it and after a 5-step attack on 200 pictures."""
    critic.eval()
    text = critic.text(teacher[names]).detach()
    out = recall(embed_images(critic, views), text)
    pick = torch.arange(0, len(views), max(1, len(views) // 200))

    def loss_of(e: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(20 * e.float() @ text.T, pick)

    moved = attack(critic, views[pick], loss_of, max(eps, 1.0), torch.Generator().manual_seed(0), steps=5)
    logits = embed_images(critic, moved) @ text.T
    rank = (logits > logits[torch.arange(len(pick)), pick][:, None]).sum(1)
    return out | {"robust_r10": round(100 * (rank < 10).float().mean().item(), 1)}


def share_gradients(module: nn.Module, workers: int) -> None:
    """Average the gradients of all workers, as one flat tensor."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= workers
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))


def schedule(spent: float, step: int, args: argparse.Namespace) -> tuple[float, float]:
    """(learning rate, eps) after `spent` seconds: short warm-up then cosine; no attack, then a rising one."""
    progress = spent / (60 * args.minutes)
    rate = args.rate * min(1.0, (step + 1) / 200) * (0.5 * (1 + math.cos(math.pi * progress)) * 0.99 + 0.01)
    after = spent - 60 * args.clean_minutes  # seconds of attack so far
    if after < 0:
        return rate, 0.0
    return rate, args.eps[0] + min(1.0, after / (0.4 * 60 * args.minutes)) * (args.eps[1] - args.eps[0])


def train(rank: int, args: argparse.Namespace) -> None:
    """One worker: a process with one thread of its own. Rank 0 keeps the average, measures and writes.

    Processes and not threads, because oneDNN's threads wait for one another in a busy loop when they compute weight
    gradients: on a machine with other work that cost ten times the useful time.
    """
    torch.set_num_threads(1)
    if args.workers > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{args.run.resolve()}/meet", rank=rank, world_size=args.workers
        )
    pictures = Pictures(DATA, held_out=False)
    teacher = load_teacher(DATA)
    look = Look(size=VISION["image_size"])
    names = torch.unique(pictures.name)
    torch.manual_seed(args.seed)  # initial weights only; batches come from `rng`
    critic = Critic(teacher.mean(0)).to(memory_format=torch.channels_last)
    ema = copy.deepcopy(critic).eval()
    groups = [
        {"params": [p for p in critic.parameters() if p.ndim > 1], "weight_decay": args.decay},
        {"params": [p for p in critic.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    rng = torch.Generator().manual_seed(args.seed)
    step, before = load_state(args.run, critic, ema, optimiser, rng)
    if rank:
        rng.manual_seed(args.seed + 1000 * rank + step)
    else:
        held = Pictures(DATA, held_out=True)
        held_views = plain_views(held, look.size).contiguous(memory_format=torch.channels_last)
        print(
            f"{len(pictures.records)} pictures, {len(names)} names, {len(held.records)} held out; step {step}, {before / 60:.1f} min spent",
            flush=True,
        )

    start = checked = time.time()
    began, total_loss, count = step, 0.0, 0
    while True:
        spent = torch.tensor(before + time.time() - start, dtype=torch.float64)
        if args.workers > 1:
            dist.broadcast(spent, 0)
        if spent >= 60 * args.minutes:
            break
        rate, eps = schedule(spent.item(), step, args)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = train_step(critic, optimiser, pictures, teacher, names, look, eps, rng, args)
        step += 1
        if rank:
            continue
        average(ema, critic, step, 0.998)
        total_loss, count = total_loss + loss, count + 1
        if time.time() - checked > 60 * args.check_minutes or step == 100:
            checked = time.time()
            report = measure(ema, held_views, held.name, teacher, eps)
            line = {"step": step, "minutes": round(spent.item() / 60, 2), "loss": round(total_loss / count, 4), "eps": round(eps, 2),
                    "rate": round(rate, 6), "scale": round(critic.scale.exp().item(), 2),
                    "views_per_s": round((step - began) * args.batch * args.workers / (time.time() - start), 1)} | report  # fmt: skip
            print(json.dumps(line), flush=True)
            with (args.run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            total_loss, count = 0.0, 0
            save_state(args.run, critic, ema, optimiser, rng, step, before + time.time() - start)
    if rank == 0:
        save_state(args.run, critic, ema, optimiser, rng, step, before + time.time() - start)
        report = measure(ema, held_views, held.name, teacher, args.eps[1])
        print(json.dumps({"done": True, "step": step} | report), flush=True)


def train_step(
    critic: Critic, optimiser: torch.optim.Optimizer, pictures: Pictures, teacher: torch.Tensor, names: torch.Tensor, look: Look,
    eps: float, rng: torch.Generator, args: argparse.Namespace,
) -> float:  # fmt: skip
    """One batch, attacked if eps > 0, and one step of the optimiser; the loss."""
    critic.train()
    batch = draw_batch(pictures, args.batch, look, rng)
    views = batch.views.contiguous(memory_format=torch.channels_last)
    bank = names[torch.randint(len(names), (args.bank,), generator=rng)]
    t_caption, t_name, t_bank = teacher[batch.caption], teacher[batch.name], teacher[bank]
    own = batch.name[:, None] == bank[None]

    def loss_of(
        image: torch.Tensor, text: torch.Tensor, name: torch.Tensor, wrong: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """The drawn captions among the batch, and the plain names against a bank of other names."""
        image = image.float()
        among = clip_loss(image, text, batch.concept, batch.caption, t_caption, scale)
        against = bank_loss(image, name, own, wrong, t_caption, t_name, t_bank, scale)
        return 0.5 * among + 0.5 * against

    text, name, wrong = critic.text(t_caption), critic.text(t_name), critic.text(t_bank)
    scale = critic.scale.exp().clamp(max=40.0)
    if eps:
        fixed = (text.detach(), name.detach(), wrong.detach(), scale.detach())
        with Freeze(critic):
            views = attack(critic, views, lambda image: loss_of(image, *fixed), eps, rng)
    with torch.autocast("cpu", torch.bfloat16):
        image = critic.image(views)
    loss = loss_of(image, text, name, wrong, scale)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if args.workers > 1:
        share_gradients(critic, args.workers)
    nn.utils.clip_grad_norm_(critic.parameters(), 2.0)
    optimiser.step()
    return loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("training/runs/tiny"))
    parser.add_argument("--minutes", type=float, default=90, help="wall-clock budget of the whole run")
    parser.add_argument("--clean-minutes", type=float, default=10)
    parser.add_argument(
        "--eps",
        type=float,
        nargs=2,
        default=(1.0, 1.5),
        help="L2 radius when the attack starts, and after 40 %% more",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes with one thread each; one a core")
    parser.add_argument("--batch", type=int, default=64, help="views a worker and step")
    parser.add_argument("--bank", type=int, default=1536, help="names drawn per step as extra wrong answers")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--check-minutes", type=float, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.run.mkdir(parents=True, exist_ok=True)
    (args.run / "meet").unlink(missing_ok=True)
    if args.workers > 1:
        torch.multiprocessing.spawn(train, args=(args,), nprocs=args.workers)
    else:
        train(0, args)


if __name__ == "__main__":
    main()
