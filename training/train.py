"""Train an image tower against frozen MiniLM captions: clean, and the critic then one-step adversarial.

    python -m training.train --tower tiny --minutes 135
    python -m training.train --tower judge --minutes 60

Resumable: the same command goes on from the last checkpoint (`state.safetensors`, no pickle) and keeps to the wall-clock
budget that was used before; `--stop-after` cuts a long budget into short calls. The learning curve is `log.jsonl` in the
run's folder. On a GPU everything lies in its memory; on a CPU it is one process a core.

The adversarial part is FGSM with random start (arXiv 2001.03994) in an L2 ball, of a radius drawn for each view from 0 to eps:
cheap, and enough at this size if one watches for catastrophic overfitting, which shows as multi-step accuracy falling while
one-step accuracy rises.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing
import torch.nn.functional as F
from torch import nn

from training.checkpoint import load_state, save_averaged, save_state
from training.data import Pictures, draw_batch, load_teacher, picture_names, plain_views
from training.features import COUNT, Lessons, draw_lesson
from training.finished import begin, begin_words, encode
from training.losses import bank_loss, broken_loss, clip_loss, lesson_loss, near_names
from training.model import TOWERS, ImageTower, Tower, unit
from training.runtime import Clock, add_arguments, autocast, log, normal, pick_device, reseed, uniform
from training.sources import DATA


def attack(
    model: ImageTower,
    views: torch.Tensor,
    loss_of,
    radius: torch.Tensor,
    rng: torch.Generator,
    *,
    steps: int = 1,
) -> torch.Tensor:
    """Views (B, 3, S, S), each moved inside an L2 ball of its `radius`, (B,), so that `loss_of(embedding)` rises; in [0, 1]."""
    eps = radius.view(-1, 1, 1, 1)
    delta = eps * uniform(len(views), 1, 1, 1, rng=rng) * unit(normal(*views.shape, rng=rng))
    size = 1.25 * eps if steps == 1 else 2.5 * eps / steps
    for _ in range(steps):
        delta.requires_grad_(True)
        with autocast(views.device):
            loss = loss_of(model.image(views + delta))
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = delta.detach() + size * unit(gradient.float())
        length = delta.flatten(1).norm(dim=1).view_as(eps)
        delta = delta * (eps / length.clamp_min(1e-12)).clamp(max=1)
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


def embed_images(model: ImageTower, views: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) to unit (N, D), without gradients."""
    with torch.no_grad(), autocast(views.device):
        return torch.cat([model.image(chunk).float() for chunk in views.split(256)])


def measure(
    model: ImageTower, views: torch.Tensor, names: torch.Tensor, teacher: torch.Tensor, *, radius: float = 3.0
) -> dict[str, float]:
    """Recall on the held-out family, clean on all of it and after a 5-step attack on 200 pictures."""
    model.eval()
    text = model.text(teacher[names], names).detach()
    out = recall(embed_images(model, views), text)
    pick = torch.arange(0, len(views), max(1, len(views) // 200), device=views.device)

    def loss_of(e: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(20 * e.float() @ text.T, pick)

    rng = torch.Generator(views.device).manual_seed(0)
    everywhere = torch.full((len(pick),), radius, device=views.device)
    moved = attack(model, views[pick], loss_of, everywhere, rng, steps=5)
    logits = embed_images(model, moved) @ text.T
    rank = (logits > logits.gather(1, pick[:, None])).sum(1)
    return out | {"robust_r10": round(100 * (rank < 10).float().mean().item(), 1)}


def share_gradients(module: nn.Module, workers: int) -> None:
    """Average the gradients of all workers, as one flat tensor."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= workers
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))


def schedule(progress: float, step: int, rate: float, tower: Tower) -> tuple[float, float]:
    """(learning rate, eps) at `progress` in [0, 1): short warm-up then cosine; no attack, then a rising one."""
    rate *= min(1.0, (step + 1) / 200) * (0.5 * (1 + math.cos(math.pi * progress)) * 0.99 + 0.01)
    if progress < tower.clean_share:
        return rate, 0.0
    risen = min(1.0, (progress - tower.clean_share) / tower.rise_share)
    return rate, tower.eps[0] + risen * (tower.eps[1] - tower.eps[0])


def meet(rank: int, args: argparse.Namespace) -> None:
    """One thread a process on a CPU; with several, they find one another by a file in the run's folder.

    Processes and not threads, because oneDNN's threads wait for one another in a busy loop when they compute weight
    gradients: on a machine with other work that cost ten times the useful time.
    """
    if args.device == "cpu":
        torch.set_num_threads(1)
    if args.workers > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{args.run.resolve()}/meet", rank=rank, world_size=args.workers
        )


def go_on(clock: Clock, workers: int) -> tuple[float, bool]:
    """(progress, whether there is time for a step), the same in all workers: the first one's clock counts."""
    state = torch.tensor([clock.progress(), clock.called_off()], dtype=torch.float64)
    if workers > 1:
        dist.broadcast(state, 0)
    progress, called_off = state.tolist()
    return progress, progress < 1 and not called_off


def start(args: argparse.Namespace, train) -> None:
    """Run `train(rank, args)` once on a GPU and once a core on a CPU."""
    args.device = pick_device(args.device).type
    args.run.mkdir(parents=True, exist_ok=True)
    (args.run / "meet").unlink(missing_ok=True)
    if args.workers > 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the workers would outlive this process
        torch.multiprocessing.spawn(train, args=(args,), nprocs=args.workers, daemon=True)
    else:
        train(0, args)


def optimiser_of(model: nn.Module, rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW; norms and the scale are not decayed."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=next(model.parameters()).is_cuda)


def train(rank: int, args: argparse.Namespace) -> None:
    """One worker. Rank 0 keeps the average, measures and writes."""
    meet(rank, args)
    device, tower = pick_device(args.device), TOWERS[args.tower]
    pictures = Pictures(DATA, held_out=False, split=tower.split, device=device, limit=args.limit)
    teacher = load_teacher(DATA).to(device)
    names = torch.unique(pictures.name)
    lessons = Lessons(DATA, pictures, tower.look) if args.lessons else None
    torch.manual_seed(args.seed)  # initial weights only; batches come from `rng`
    model = ImageTower(tower, teacher, picture_names(DATA)).to(device, memory_format=torch.channels_last)
    if args.begin:
        begin(model, args.begin, teacher, pictures.texts)
    if args.words:
        begin_words(model, teacher, encode(args.words, pictures.texts))
    if args.keep_text:
        model.map.requires_grad_(False)
        model.own.requires_grad_(False)
    ema = copy.deepcopy(model).eval()
    if args.compile:
        model.visual.compile()
    optimiser = optimiser_of(model, args.rate, args.decay)
    step, before = load_state(args.run, model, ema, optimiser)
    rng = torch.Generator(device)
    if rank == 0:
        held = Pictures(DATA, held_out=True, device=device, limit=args.limit)
        held_views = plain_views(held, tower.look.size).contiguous(memory_format=torch.channels_last)
        print(
            f"{len(pictures.records)} pictures, {len(names)} names, {len(held.records)} held out; "
            f"{args.workers} x {args.batch} views at {args.rate:.2g} on {device}; step {step}, {before / 60:.1f} min spent",
            flush=True,
        )

    clock = Clock(args.minutes, args.stop_after, before)
    checked, began, total, count, eps = time.time(), step, torch.zeros((), device=device), 0, tower.eps[0]
    while True:
        progress, more = go_on(clock, args.workers)
        if rank == 0 and (not more or time.time() - checked > 60 * args.check_minutes or step == 100):
            report = measure(ema, held_views, held.name, teacher)
            seconds = clock.spent()
            line = {"step": step, "minutes": round(seconds / 60, 2), "loss": round(total.item() / max(1, count), 4), "eps": round(eps, 2),
                    "rate": round(optimiser.param_groups[0]["lr"], 6), "scale": round(model.scale.exp().item(), 2),
                    "views_per_s": round((step - began) * args.batch * args.workers / (seconds - before), 1)} | report  # fmt: skip
            log(args.run, line)
            save_state(args.run, model, ema, optimiser, step, seconds)
            checked, count = time.time(), 0
            total.zero_()
        if not more:
            break
        rate, eps = schedule(progress, step, args.rate, tower)
        if args.eps is not None:
            eps = args.eps
        for group in optimiser.param_groups:
            group["lr"] = rate
        reseed(rng, args.seed, rank, step)
        total += train_step(model, optimiser, pictures, teacher, names, eps, rng, args, lessons)
        step, count = step + 1, count + 1
        if rank == 0:
            average(ema, model, step, 0.998)
    if rank == 0:
        save_averaged(args.run)
        print(json.dumps({"done": progress >= 1, "step": step}), flush=True)


def train_step(
    model: ImageTower, optimiser: torch.optim.Optimizer, pictures: Pictures, teacher: torch.Tensor, names: torch.Tensor,
    eps: float, rng: torch.Generator, args: argparse.Namespace, lessons: Lessons | None = None,
) -> torch.Tensor:  # fmt: skip
    """One batch, attacked if eps > 0, and one step of the optimiser; the loss, not waited for."""
    model.train()
    look, lesson = TOWERS[args.tower].look, None
    if lessons is None:
        batch = draw_batch(pictures, args.batch, look, rng)
    else:
        number = lessons.pick(rng)
        batch, lesson = draw_lesson(pictures, number, look), lessons.of(number)
    views = batch.views.contiguous(memory_format=torch.channels_last)
    whole = len(batch.caption)
    joints = len(views) - whole
    bank = names
    if args.bank:
        bank = names[torch.randint(len(names), (args.bank,), generator=rng, device=rng.device)]
    t_caption, t_names, t_bank = teacher[batch.caption], teacher[batch.names], teacher[bank]
    own = (batch.names[:, :, None] == bank).any(1)
    own_emoji, bank_emoji = pictures.is_emoji[batch.names], pictures.is_emoji[bank]
    near = own | near_names(t_names, t_bank, own_emoji, bank_emoji)
    said = near_names(t_caption[:, None], t_bank, own_emoji[:, :1], bank_emoji)
    ignored = near | said | (batch.caption[:, None] == bank)

    def loss_of(
        image: torch.Tensor, text: torch.Tensor, right: torch.Tensor, wrong: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """The drawn captions among the batch, the names of what is there against a bank, and what is out of joint."""
        image, broken = image.float().tensor_split([whole])
        among = clip_loss(image, text, batch.thing, batch.caption, t_caption, scale)
        against = bank_loss(image, right, ignored, wrong, scale)
        loss = args.captions * among + (1 - args.captions) * against
        if joints:
            loss = loss + args.broken * broken_loss(broken, right[:joints, 0], near[:joints], wrong, scale)
        return loss

    text, right, wrong = model.text(t_caption), model.text(t_names, batch.names), model.text(t_bank, bank)
    scale = model.scale.exp().clamp(max=40.0)
    if eps:
        fixed = (text.detach(), right.detach(), wrong.detach(), scale.detach())
        with Freeze(model):
            radius = eps * uniform(len(views), rng=rng)
            views = attack(model, views, lambda image: loss_of(image, *fixed), radius, rng)
    with autocast(views.device):
        image, guess = model.look(views)
    loss = loss_of(image, text, right, wrong, scale)
    if lesson is not None:
        loss = loss + args.lessons * lesson_loss(guess[:whole].float(), lesson)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if args.workers > 1:
        share_gradients(model, args.workers)
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimiser.step()
    return loss.detach()


def fill_in(args: argparse.Namespace) -> None:
    """Defaults that depend on the tower, the device and the batch."""
    cuda = pick_device(args.device).type == "cuda"
    args.run = args.run or Path("training/runs") / args.tower
    args.seed = TOWERS[args.tower].seed if args.seed is None else args.seed
    args.workers = args.workers or (1 if cuda else 2)
    args.batch = COUNT if args.lessons else args.batch or (1024 if cuda else 64)
    args.check_minutes = args.check_minutes or (1 if cuda else 4)
    # Adam's step goes with the square root of the batch (arXiv 2205.10287); 2e-3 at 128 is what was tried
    args.rate = args.rate or min(4e-3, 2e-3 * (args.batch * args.workers / 128) ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, minutes=90)
    parser.add_argument("--tower", choices=TOWERS, default="tiny")
    parser.add_argument("--run", type=Path, help="default: training/runs/TOWER")
    parser.add_argument(
        "--from",
        dest="begin",
        type=Path,
        metavar="MODEL",
        help="a new run begins with this finished model, or run",
    )
    parser.add_argument(
        "--words",
        type=Path,
        metavar="MODEL",
        help="a new run begins with the text side of this finished model, whatever the image tower is",
    )
    parser.add_argument("--workers", type=int, help="processes: 1 on a GPU; one a core on a CPU, default 2")
    parser.add_argument(
        "--batch",
        type=int,
        help="views a worker and step, besides those out of joint; 1,024 on a GPU, 64 on a CPU",
    )
    parser.add_argument(
        "--bank", type=int, default=0, help="names drawn per step as extra wrong answers; 0 takes all"
    )
    parser.add_argument("--broken", type=float, default=0.5, help="weight of the drawings out of joint")
    parser.add_argument(
        "--eps", type=float, help="largest radius of the attack throughout, in place of the tower's schedule"
    )
    parser.add_argument(
        "--keep-text",
        action="store_true",
        help="with --from or --words: leave names and captions where they begin, and need no alignment",
    )
    parser.add_argument("--captions", type=float, default=0.5, help="share of the captions' loss, in [0, 1]")
    parser.add_argument(
        "--lessons", type=float, default=0.0, metavar="WEIGHT",
        help=f"learn what a frozen network sees as well (training.features), in its batches of {COUNT}",
    )  # fmt: skip
    parser.add_argument("--rate", type=float, help="2e-3 for 128 views, more for more, at most 4e-3")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--check-minutes", type=float)
    parser.add_argument("--seed", type=int, help="default: the tower's")
    parser.add_argument("--limit", type=int, help="pictures to keep, to see whether everything runs")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    args = parser.parse_args()
    if args.keep_text and not (args.begin or args.words):
        parser.error("--keep-text: there is no text side to keep without --from MODEL or --words MODEL")
    fill_in(args)
    start(args, train)


if __name__ == "__main__":
    main()
