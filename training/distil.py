"""Distil a small open_clip text tower from MiniLM, one for all image towers.

    python -m training.distil corpus                 # texts and their teacher embeddings, once
    python -m training.distil train --minutes 10     # resumable; may run beside training.train

The student works on open_clip's stock tokens and learns the centred teacher embedding; `training.align` then fits a copy
of it to each image tower. Rows of tokens that no text here uses stay at zero.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from training.checkpoint import load_state, save_state
from training.model import TEXT_WIDTH, text_config
from training.runtime import Clock, add_arguments, log, pick_device, reseed
from training.sources import DATA
from training.teacher import embed
from training.train import average
from training.words import COLOURS, CONCRETE, PLACE, WordNet, article

TEACHER = 384


class Student(nn.Module):
    """Rows of `vocabulary` (B, L <= 32) to the centred teacher space, unit (B, 384). Made of open_clip's text transformer.

    Only the tokens that the corpus uses are trained: `vocabulary` holds their ids in rising order, so that the end-of-text
    token, which pools, stays the highest. `training.align` puts another projection in the place of the last one.
    """

    def __init__(self, vocabulary: torch.Tensor, width: int = TEXT_WIDTH) -> None:
        super().__init__()
        from open_clip.transformer import TextTransformer

        self.tower = TextTransformer(
            output_dim=TEACHER, **text_config(width) | {"vocab_size": len(vocabulary)}
        )
        self.register_buffer("vocabulary", vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tower = self.tower
        length = tokens.shape[1]
        x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
        x = x[torch.arange(len(x), device=x.device), tokens.argmax(1)]
        return F.normalize(tower.text_projection(x), dim=-1)


# --- the corpus -----------------------------------------------------------------------------------------------------


def corpus_texts() -> list[tuple[str, float]]:
    """(text, weight): captions, WordNet's nouns (by how often they are tagged), colour + noun, two nouns."""
    import open_clip

    meta = json.loads((DATA / "captions.json").read_text())
    out = dict.fromkeys(meta["texts"], 1.0)
    pack = json.loads((DATA / "pictures.json").read_text())["pictures"]
    for r in pack:
        if not r["held_out"]:
            out[r["name"]] = max(out[r["name"]], 1.5 if r["glyph"] else 4.0)
    wordnet = WordNet(DATA / "packages/debian/usr/share/wordnet")
    drawable = CONCRETE | {PLACE}
    vocabulary = open_clip.SimpleTokenizer().encoder
    for lemma in wordnet.index:
        count = wordnet.counts.get(lemma, 0)
        concrete = wordnet.sense(lemma, drawable, depth=2) is not None
        single = f"{lemma}</w>" in vocabulary  # common enough to have a token of its own
        if lemma.isascii() and (count > 0 or (concrete and single)):
            out.setdefault(lemma, 1.0 + math.log1p(count) if concrete else 0.3 + 0.3 * math.log1p(count))
    things = sorted(
        {r["name"] for r in pack if r["group"] in (3, 4, 5, 6, 7) and len(r["name"].split()) == 1}
    )
    for i, noun in enumerate(things):
        for k, colour in enumerate(COLOURS):
            if (i + k) % 4 == 0:
                out.setdefault(article(f"{colour} {noun}"), 0.7)
        out.setdefault(article(noun), 2.0)
        out.setdefault(f"a photo of {article(noun)}", 0.5)
    return list(out.items())


def build_corpus() -> None:
    """Embed what the captions do not have yet, and keep everything in `corpus.safetensors` and `corpus.json`."""
    import open_clip

    start = time.time()
    meta = json.loads((DATA / "captions.json").read_text())["texts"]
    known = dict(zip(meta, load_file(DATA / "captions.safetensors")["teacher"], strict=True))
    if (DATA / "corpus.json").exists():
        known |= dict(
            zip(
                json.loads((DATA / "corpus.json").read_text()),
                load_file(DATA / "corpus.safetensors")["teacher"],
                strict=True,
            )
        )
    items = corpus_texts()
    texts = [t for t, _ in items]
    new = [t for t in texts if t not in known]
    print(f"{len(texts)} texts, {len(new)} to embed", flush=True)
    for i in range(0, len(new), 5000):
        known |= dict(zip(new[i : i + 5000], embed(new[i : i + 5000]), strict=True))
    tokens = open_clip.SimpleTokenizer(context_length=text_config()["context_length"])(texts)
    save_file(
        {
            "teacher": torch.stack([known[t] for t in texts]),
            "tokens": tokens.to(torch.int32),
            "weight": torch.tensor([w for _, w in items]),
        },
        DATA / "corpus.safetensors",
    )
    (DATA / "corpus.json").write_text(json.dumps(texts))
    print(json.dumps({"texts": len(texts), "embedded": len(new), "seconds": round(time.time() - start)}))


# --- training -------------------------------------------------------------------------------------------------------


@dataclass
class Corpus:
    """Texts to learn from: short tokens on the device, what draws them on the host.

    `teacher` (N, 384) unit; `tokens` (N, 32) rows of `vocabulary`; `weight` and `lengths` (N,), in tokens, on the host.
    """

    teacher: torch.Tensor
    tokens: torch.Tensor
    vocabulary: torch.Tensor
    weight: torch.Tensor
    lengths: torch.Tensor

    @classmethod
    def load(cls, device: torch.device) -> Corpus:
        raw = load_file(DATA / "corpus.safetensors")
        vocabulary, tokens = torch.unique(raw["tokens"].long(), return_inverse=True)
        return cls(
            teacher=F.normalize(raw["teacher"].float(), dim=-1).to(device),
            tokens=tokens.to(device),
            vocabulary=vocabulary.to(device),
            weight=raw["weight"],
            lengths=(raw["tokens"] != 0).sum(1),
        )

    def short(self, which: torch.Tensor) -> torch.Tensor:
        """Tokens of the texts `which`, indices on the host, without common padding."""
        return self.tokens[which.to(self.tokens.device), : int(self.lengths[which].max())]

    def draw(self, batch: int, step: int) -> torch.Tensor:
        """The batch of a step, indices on the host. Four batches are drawn together and sorted by length: padding would
        cost more than the words.
        """
        rng = reseed(torch.Generator(), step // 4)
        drawn = torch.multinomial(self.weight, 4 * batch, replacement=True, generator=rng)
        by_length = drawn[self.lengths[drawn].argsort(stable=True)].view(4, batch)
        return by_length[torch.randperm(4, generator=rng)[step % 4]]


def start_tokens(student: Student, corpus: Corpus, target: torch.Tensor) -> None:
    """Start every token that is a whole text at a random projection of that text's embedding."""
    table = student.tower.token_embedding.weight
    fan = (torch.randn(TEACHER, table.shape[1]) * TEACHER**-0.5).to(table.device)
    alone = (corpus.lengths == 3).to(table.device)
    with torch.no_grad():
        table[corpus.tokens[alone, 1]] = 0.5 * target[alone] @ fan


def train(args: argparse.Namespace) -> None:
    device = pick_device(args.device)
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    corpus = Corpus.load(device)
    captions = load_file(DATA / "captions.safetensors")["teacher"].float()
    mean = F.normalize(captions, dim=-1).mean(0).to(device)  # the same centre as the image towers'
    target = F.normalize(corpus.teacher - mean, dim=-1)
    torch.manual_seed(0)  # initial weights only
    student = Student(corpus.vocabulary, args.width).to(device)
    start_tokens(student, corpus, target)
    ema = copy.deepcopy(student)
    optimiser = torch.optim.Adam(
        student.parameters(), lr=args.rate, betas=(0.9, 0.98), fused=device.type == "cuda"
    )
    step, before = load_state(args.run, student, ema, optimiser)
    check = torch.randperm(len(corpus.lengths), generator=torch.Generator().manual_seed(1))[:2000].to(device)
    clock = Clock(args.minutes, args.stop_after, before)
    print(f"width {args.width} on {device}; step {step}, {before / 60:.1f} min spent", flush=True)
    said = time.time()
    while True:
        progress = clock.progress()
        more = progress < 1 and not clock.called_off()
        if not more or time.time() - said > 60 or step == 100:
            said = time.time()
            with torch.no_grad():
                likeness = (ema(corpus.tokens[check]) * target[check]).sum(1).mean().item()
            line = {"step": step, "minutes": round(clock.spent() / 60, 1), "cosine": round(likeness, 4)}
            log(args.run, line)
            save_state(args.run, student, ema, optimiser, step, clock.spent())
        if not more:
            break
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * progress)) + 0.005
            group["lr"] = args.rate * min(1.0, (step + 1) / 200) * cosine
        index = corpus.draw(args.batch, step)
        out, want = student(corpus.short(index)), target[index.to(device)]
        loss = (1 - (out * want).sum(1)).mean() + relation(out, want)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 4 == 0:
            average(ema, student, step // 4, 0.98)


def relation(out: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the two (B, B) cosine tables, scaled to weigh like the cosine itself."""
    return 10 * F.mse_loss(out @ out.T, want @ want.T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["corpus", "train"])
    add_arguments(parser, minutes=10)
    parser.add_argument("--run", type=Path, default=Path("training/runs/text"))
    parser.add_argument("--width", type=int, default=TEXT_WIDTH)
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.what == "corpus":
        build_corpus()
    else:
        train(args)


if __name__ == "__main__":
    main()
