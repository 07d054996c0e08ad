"""Align a copy of the distilled text tower with what a finished image tower sees.

    python -m training.align --tower tiny
    python -m training.align --tower judge

The image tower stays as it is (LiT, arXiv 2111.07991), the critic's with its robustness: its embeddings of drawn
views are computed once and kept, so that a step costs only short texts. The text tower learns views against captions
and names, while every text of the corpus is held where `anchors` says it belongs: a name at its own row, a caption near
the names it describes, a noun without a picture near the nearest thing above it in WordNet that has one, all else
where the image tower's text map puts MiniLM's embedding. Resumable as `training.train` is.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from training.checkpoint import averaged, facts_of, load_state, save_state
from training.data import Look, Pictures, draw_batch, load_teacher, picture_names, plain_views
from training.distil import Corpus, Student, relation
from training.finished import begin_text
from training.losses import clip_loss
from training.model import TOWERS, ImageTower, Tower, unit
from training.runtime import Clock, add_arguments, log, pick_device, reseed
from training.sources import DATA
from training.train import average, embed_images, recall
from training.words import CONCRETE, PERSON, VAGUE, WordNet


class Aligned(nn.Module):
    """What is trained here: the student, now from tokens to (B, D) beside the image tower's, and the temperature."""

    def __init__(self, image: ImageTower, student: Student) -> None:
        super().__init__()
        self.student = student
        old = student.tower.text_projection
        new = nn.Linear(old.in_features, image.map.out_features)
        with torch.no_grad():
            new.weight.copy_(image.map.weight @ old.weight)
            new.bias.copy_(image.map.weight @ old.bias)
        student.tower.text_projection = new
        self.scale = nn.Parameter(image.scale.detach().clone())


def draw_embeddings(
    image: ImageTower, pictures: Pictures, look: Look, count: int, path: Path, step: str
) -> dict[str, torch.Tensor]:
    """`count` drawn views as unit embeddings with caption, name and thing, on the pictures' device; kept in `path` with the
    image tower's step.
    """
    device = pictures.rgba.device
    if path.exists():
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("step") != step:
                raise SystemExit(f"{path.parent} belongs to another state of the image tower: remove it.")
        return {name: value.to(device) for name, value in load_file(path).items()}
    rng = torch.Generator(device)
    parts: dict[str, list[torch.Tensor]] = {"image": [], "caption": [], "name": [], "thing": []}
    for k in range(math.ceil(count / 256)):
        batch = draw_batch(pictures, 256, look, reseed(rng, k))
        views = batch.views.contiguous(memory_format=torch.channels_last)
        parts["image"].append(embed_images(image, views))
        parts["caption"].append(batch.caption)
        parts["name"].append(torch.where(batch.thing < 0, batch.caption, batch.names[:, 0]))
        parts["thing"].append(batch.thing)
    drawn = {name: torch.cat(part) for name, part in parts.items()}
    save_file(drawn, path.with_suffix(".tmp"), {"step": step})
    path.with_suffix(".tmp").replace(path)
    return drawn


def load_image(run: Path, tower: Tower, teacher: torch.Tensor) -> ImageTower:
    """The averaged weights of a run of `training.train`, for looking only, on the teacher's device."""
    image = ImageTower(tower, teacher, picture_names(DATA)).eval().requires_grad_(False)
    image.load_state_dict(averaged(run))
    return image.to(teacher.device, memory_format=torch.channels_last)


def load_student(run: Path) -> Student:
    """The averaged weights of a run of `training.distil`, of whatever width."""
    state = averaged(run)
    student = Student(state["vocabulary"], state["tower.token_embedding.weight"].shape[1])
    student.load_state_dict(state)
    return student


def rows_of(texts: list[str], corpus: list[str]) -> torch.Tensor:
    """Where each of the texts stands in the corpus, (len(texts),).

    Raises:
        ValueError: the corpus lacks one; it is older than the captions.
    """
    rows = {text: i for i, text in enumerate(corpus)}
    for text in texts:
        if text not in rows:
            raise ValueError(f"the corpus lacks {text!r}. Build it again: python -m training.distil corpus")
    return torch.tensor([rows[text] for text in texts])


def drawn_kinds(nouns: list[str], drawn: set[str], wordnet: WordNet, *, levels: int = 4) -> dict[str, str]:
    """For each noun that has one, the nearest thing at most `levels` above it that is `drawn`: a tart is a pie.

    Of its first three senses those that one can draw count, and no persons: above nearly all of them is "soul".
    """
    found = {}
    for noun in nouns:
        ranked = []
        for order, offset in enumerate(wordnet.index.get(noun, ())[:3]):
            above = [wordnet.synsets[offset]]
            if above[0].lex not in CONCRETE - {PERSON}:
                continue
            for level in range(levels + 1):
                lemmas = [lemma for synset in above for lemma in synset.lemmas]
                if names := [lemma for lemma in lemmas if lemma in drawn and lemma not in VAGUE]:
                    ranked.append((level, order, names[0]))
                    break
                above = [wordnet.synsets[up] for synset in above for up in synset.hypernyms]
        if ranked:
            found[noun] = min(ranked)[2]
    return found


def settle(
    image: ImageTower, teacher: torch.Tensor, seen: torch.Tensor, name: torch.Tensor, share: float
) -> None:
    """Move each name's place a `share` of the way to the mean of its pictures, in place.

    `seen`, unit (N, D), are the pictures, and `name` (N,) the rows of their names.
    """
    names, index = name.unique(return_inverse=True)
    mean = unit(torch.zeros_like(seen[: len(names)]).index_add_(0, index, seen))
    where = image.text(teacher[names], names).detach()
    image.place(teacher[names], names, unit((1 - share) * where + share * mean))


def caption_means(pictures: Pictures, rows: torch.Tensor) -> torch.Tensor:
    """For each text the mean of `rows` (texts, D) over the names of the pictures it describes, (texts, D).

    The less these agree, the shorter it is; zeros where there is no picture.
    """
    weight = (pictures.caption_weight * pictures.weight[:, None]).flatten()
    own = rows[pictures.name].repeat_interleave(pictures.caption.shape[1], 0)
    caption = pictures.caption.flatten()
    total = torch.zeros_like(rows[:, 0]).index_add_(0, caption, weight)
    return (
        torch.zeros_like(rows).index_add_(0, caption, weight[:, None] * own) / total.clamp_min(1e-12)[:, None]
    )


def anchors(
    image: ImageTower,
    teacher: torch.Tensor,
    pictures: Pictures,
    written: list[str],
    said: torch.Tensor,
    wordnet: WordNet,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each text of the corpus belongs, unit (corpus, D), and which of them are names or of a drawn kind, (n,).

    `written` are the texts and `said` (corpus, 384) what the teacher says of them; `teacher` (texts, 384) are the captions'.
    A name is at its own row. A caption is where the map puts it, plus twice its mean over the pictures. A noun that no
    picture bears is there plus twice the row of its drawn kind.
    """
    where, row = {text: i for i, text in enumerate(written)}, rows_of(pictures.texts, written)
    names = image.slot.nonzero()[:, 0]
    rows = torch.zeros(len(teacher), image.map.out_features, device=teacher.device)
    rows[names] = image.text(teacher[names], names)
    means = caption_means(pictures, rows)
    out = image.text(said)
    out[row] += 2 * means
    name_of = {pictures.texts[i]: i for i in pictures.name.unique().tolist()}
    borne = {pictures.texts[i] for i in means.any(dim=1).nonzero()[:, 0].tolist()} | set(name_of)
    kinds = drawn_kinds(sorted(where.keys() - borne), set(name_of), wordnet)
    for noun, kind in kinds.items():
        out[where[noun]] += 2 * rows[name_of[kind]]
    named = row[names.cpu()]
    out[named] = rows[names]
    return unit(out), torch.cat([named, torch.tensor([where[noun] for noun in kinds], dtype=torch.long)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, minutes=5)
    parser.add_argument("--tower", choices=TOWERS, default="tiny")
    parser.add_argument(
        "--image", type=Path, help="run of the image tower; default: training/runs/TOWER, as trained"
    )
    parser.add_argument("--text", type=Path, default=Path("training/runs/text"))
    parser.add_argument(
        "--from",
        dest="begin",
        type=Path,
        metavar="MODEL",
        help="a new run begins with this finished model's text tower",
    )
    parser.add_argument("--run", type=Path, help="default: training/runs/TOWER-aligned")
    parser.add_argument("--views", type=int, default=60_000, help="drawn views to compute embeddings of")
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--anchor", type=float, default=8.0, help="weight of the corpus staying in place")
    parser.add_argument(
        "--settle", type=float, default=0.2, help="share of its pictures' mean in a name's place, in [0, 1]"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="pictures to keep, to see whether everything runs")
    args = parser.parse_args()
    args.image = args.image or Path("training/runs") / args.tower
    args.run = args.run or Path("training/runs") / f"{args.tower}-aligned"
    args.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    align(args)


def kinder(look: Look) -> Look:
    """Nearly clean views of whole drawings, for captions to be matched with."""
    return replace(
        look, noise=min(look.noise, 0.1), erase_share=min(look.erase_share, 0.05), broken_share=0.0
    )


def align(args: argparse.Namespace) -> None:
    device, tower = pick_device(args.device), TOWERS[args.tower]
    teacher = load_teacher(DATA).to(device)
    image = load_image(args.image, tower, teacher)
    pictures = Pictures(DATA, held_out=False, split=tower.split, device=device, limit=args.limit)
    look = kinder(tower.look)
    path, step = args.run / "views.safetensors", str(facts_of(args.image)["step"])
    drawn = draw_embeddings(image, pictures, look, args.views, path, step)
    seen = embed_images(image, plain_views(pictures, look.size))
    settle(image, teacher, seen, pictures.name, args.settle)
    held = Pictures(DATA, held_out=True, device=device, limit=args.limit)
    held_image = embed_images(image, plain_views(held, look.size))

    corpus = Corpus.load(device)
    written = json.loads((DATA / "corpus.json").read_text())
    row = rows_of(pictures.texts, written)
    wordnet = WordNet(DATA / "packages/debian/usr/share/wordnet")
    anchor, known = anchors(image, teacher, pictures, written, corpus.teacher, wordnet)
    corpus.weight[known] = 10.0  # a caption has 1

    torch.manual_seed(0)
    student = Student(corpus.vocabulary) if args.begin else load_student(args.text)
    model = Aligned(image, student.to(device)).to(device)
    if args.begin:
        begin_text(model.student.tower, corpus.vocabulary, args.begin)
    ema = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    step, before = load_state(args.run, model, ema, optimiser)
    said_rows = {
        said: row[drawn[said].cpu()] for said in ("caption", "name")
    }  # on the host, which cuts texts short
    rng = torch.Generator()

    @torch.no_grad()
    def measure() -> dict[str, float]:
        held_rows = row[held.name.cpu()].split(512)
        return recall(held_image, torch.cat([ema.student(corpus.short(r)) for r in held_rows]))

    clock = Clock(args.minutes, args.stop_after, before)
    checked = time.time()
    rows = recall(held_image, image.text(teacher[held.name], held.name))  # where the names ought to be
    print(json.dumps({"step": step, "rows": rows} | measure()), flush=True)
    while True:
        progress = clock.progress()
        more = progress < 1 and not clock.called_off()
        if not more or time.time() - checked > 30:
            checked = time.time()
            line = {"step": step, "minutes": round(clock.spent() / 60, 1)} | measure()
            log(args.run, line)
            save_state(args.run, model, ema, optimiser, step, clock.spent())
        if not more:
            break
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * progress))
        reseed(rng, step)
        pick = torch.randint(len(drawn["name"]), (args.batch,), generator=rng)
        there = pick.to(device)
        seen = drawn["image"][there]
        scale = model.scale.exp().clamp(max=40.0)
        said = ("caption", "name")[step % 2]
        words, which = model.student(corpus.short(said_rows[said][pick])), drawn[said][there]
        emoji = pictures.is_emoji[which] if said == "name" else None
        loss = clip_loss(seen, words, drawn["thing"][there], which, teacher[which], scale, emoji=emoji)
        kept = corpus.draw(args.batch, step)
        out, want = model.student(corpus.short(kept)), anchor[kept.to(device)]
        loss = loss + args.anchor * ((1 - (out * want).sum(1)).mean() + relation(out, want))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        average(ema, model, step, 0.99)
    print(json.dumps({"done": progress >= 1, "step": step}), flush=True)


if __name__ == "__main__":
    main()
