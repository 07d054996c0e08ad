"""Align the distilled text tower with what the finished image tower sees.

    python -m training.align --critic training/runs/tiny --text training/runs/text

The image tower stays as it is, robust: its embeddings of drawn views are computed once and kept, so that a step
costs only short texts. The text tower learns views against captions and names, while the whole corpus stays where
the critic's text map puts MiniLM's embeddings, so that words without a picture keep their meaning. (LiT, arXiv
2111.07991, with a teacher to hold on to.) A second call goes on from the first, with a schedule of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from training.build_data import DATA
from training.data import Look, Pictures, draw_batch, load_teacher, plain_views
from training.distil import Student, relation
from training.losses import clip_loss
from training.model import Critic
from training.train import average, embed_images, recall

LOOK = Look(noise=0.1, erase_share=0.05)  # kinder than training: nearly clean views


class Aligned(nn.Module):
    """The student, tokens to (B, D) beside the image tower's embeddings, and the temperature."""

    def __init__(self, critic: Critic, student: Student) -> None:
        super().__init__()
        self.student = student
        old = student.tower.text_projection
        new = nn.Linear(old.in_features, critic.map.out_features)
        with torch.no_grad():
            new.weight.copy_(critic.map.weight @ old.weight)
            new.bias.copy_(critic.map.weight @ old.bias)
        student.tower.text_projection = new
        self.scale = nn.Parameter(critic.scale.detach().clone())


def draw_views(critic: Critic, pictures: Pictures, count: int, path: Path) -> dict[str, torch.Tensor]:
    """`count` drawn views as unit embeddings with caption, name and concept; kept in `path` for the next call."""
    if path.exists():
        return load_file(path)
    rng = torch.Generator().manual_seed(0)
    parts: dict[str, list[torch.Tensor]] = {"image": [], "caption": [], "name": [], "concept": []}
    for _ in range(math.ceil(count / 256)):
        batch = draw_batch(pictures, 256, LOOK, rng)
        views = batch.views.contiguous(memory_format=torch.channels_last)
        parts["image"].append(embed_images(critic, views))
        for name in ("caption", "name", "concept"):
            parts[name].append(getattr(batch, name))
    drawn = {name: torch.cat(part) for name, part in parts.items()}
    save_file(drawn, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)
    return drawn


def load_critic(run: Path, teacher: torch.Tensor) -> Critic:
    """The averaged weights of a run of `training.train`, for looking only."""
    critic = Critic(teacher.mean(0)).eval().requires_grad_(False)
    state = load_file(run / "state.safetensors")
    critic.load_state_dict({k.removeprefix("ema."): v for k, v in state.items() if k.startswith("ema.")})
    return critic.to(memory_format=torch.channels_last)


def load_student(run: Path, vocabulary: torch.Tensor) -> Student:
    """The averaged weights of a run of `training.distil`."""
    student = Student(vocabulary)
    state = load_file(run / "state.safetensors")
    student.load_state_dict({k.removeprefix("ema."): v for k, v in state.items() if k.startswith("ema.")})
    return student


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--critic", type=Path, default=Path("training/runs/tiny"))
    parser.add_argument("--text", type=Path, default=Path("training/runs/text"))
    parser.add_argument("--out", type=Path, default=Path("training/runs/aligned"))
    parser.add_argument("--views", type=int, default=60_000, help="drawn views to compute embeddings of")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--anchor", type=float, default=2.0, help="weight of the corpus staying in place")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    teacher = load_teacher(DATA)
    critic = load_critic(args.critic, teacher)
    drawn = draw_views(critic, Pictures(DATA, held_out=False), args.views, args.out / "views.safetensors")
    held = Pictures(DATA, held_out=True)
    held_image = embed_images(critic, plain_views(held, LOOK.size))

    corpus = load_file(DATA / "corpus.safetensors")
    vocabulary, tokens = torch.unique(corpus["tokens"].long(), return_inverse=True)
    padding = int(torch.searchsorted(vocabulary, 0))
    lengths = (tokens != padding).sum(1)
    rows = {text: i for i, text in enumerate(json.loads((DATA / "corpus.json").read_text()))}
    texts = json.loads((DATA / "captions.json").read_text())["texts"]
    row = torch.tensor([rows.get(text, 0) for text in texts])  # of a caption, in the corpus
    with torch.no_grad():
        anchor = critic.text(F.normalize(corpus["teacher"].float(), dim=-1))

    torch.manual_seed(0)
    model = Aligned(critic, load_student(args.text, vocabulary))
    if (args.out / "state.safetensors").exists():
        earlier = load_file(args.out / "state.safetensors")
        model.load_state_dict({k.removeprefix("ema."): v for k, v in earlier.items() if ".head." not in k})
    ema = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)
    rng = torch.Generator().manual_seed(0)

    def words(student: Student, which: torch.Tensor) -> torch.Tensor:
        """Rows of the corpus to unit (B, D), in parts of like length: padding would cost more than the words."""
        order = lengths[which].argsort()
        parts = [student(tokens[part, : int(lengths[part].max())]) for part in which[order].chunk(6)]
        return torch.cat(parts)[order.argsort()]

    @torch.no_grad()
    def measure() -> dict[str, float]:
        names = torch.cat([words(ema.student, part) for part in row[held.name].split(512)])
        return recall(held_image, names)

    start = said_at = time.time()
    step = 0
    print(json.dumps({"step": 0} | measure()), flush=True)
    while (spent := (time.time() - start) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * spent))
        pick = torch.randint(len(drawn["name"]), (args.batch,), generator=rng)
        image, caption, name, concept = (drawn[k][pick] for k in ("image", "caption", "name", "concept"))
        scale = model.scale.exp().clamp(max=40.0)
        loss = sum(
            clip_loss(image, words(model.student, row[said]), concept, said, teacher[said], scale)
            for said in (caption, name)
        )
        kept = torch.multinomial(corpus["weight"], args.batch, replacement=True, generator=rng)
        out = words(model.student, kept)
        loss = loss + args.anchor * ((1 - (out * anchor[kept]).sum(1)).mean() + relation(out, anchor[kept]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        average(ema, model, step, 0.99)
        if time.time() - said_at > 30:
            said_at = time.time()
            line = {
                "step": step,
                "minutes": round((time.time() - start) / 60, 1),
                "loss": round(loss.item(), 4),
            }
            print(json.dumps(line | measure()), flush=True)
    save_file(
        {f"ema.{k}": v.contiguous() for k, v in ema.state_dict().items()}, args.out / "state.safetensors"
    )
    print(json.dumps({"done": True, "step": step} | measure()), flush=True)


if __name__ == "__main__":
    main()
