"""Distil a small open_clip text tower from MiniLM.

    python -m training.distil corpus                 # texts and their teacher embeddings, once
    python -m training.distil train --minutes 8      # resumable; may run beside training.train

The student works on open_clip's stock tokens and learns the centred teacher embedding; `training.align` goes on from
there, for one image tower. Rows of tokens that no text here uses stay at zero.
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
from training.checkpoint import load_state, save_state
from training.teacher import embed
from training.train import average
from training.words import COLOURS, CONCRETE, PLACE, WordNet, article

TEXT = {"context_length": 32, "vocab_size": 49408, "width": 96, "heads": 4, "layers": 3, "proj_bias": True}
TEACHER = 384


class Student(nn.Module):
    """Rows of `vocabulary` (B, L <= 32) to the centred teacher space, unit (B, 384). Made of open_clip's text transformer.

    Only the tokens that the corpus uses are trained: `vocabulary` holds their ids in rising order, so that the end-of-text
    token, which pools, stays the highest.
    """

    def __init__(self, vocabulary: torch.Tensor) -> None:
        super().__init__()
        from open_clip.transformer import TextTransformer

        self.tower = TextTransformer(output_dim=TEACHER, **TEXT | {"vocab_size": len(vocabulary)})
        self.register_buffer("vocabulary", vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tower = self.tower
        length = tokens.shape[1]
        x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
        x = x[torch.arange(len(x)), tokens.argmax(1)]
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
            out[r["name"]] = 1.5 if r["glyph"] else 4.0
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
    tokens = open_clip.SimpleTokenizer(context_length=TEXT["context_length"])(texts)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["corpus", "train"])
    parser.add_argument("--run", type=Path, default=Path("training/runs/text"))
    parser.add_argument(
        "--minutes", type=float, default=8, help="budget of this call; the learning rate falls to zero in it"
    )
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.what == "corpus":
        build_corpus()
        return
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    corpus = load_file(DATA / "corpus.safetensors")
    tokens, weight = corpus["tokens"].long(), corpus["weight"]
    teacher = F.normalize(corpus["teacher"].float(), dim=-1)
    captions = load_file(DATA / "captions.safetensors")["teacher"].float()
    mean = F.normalize(captions, dim=-1).mean(0)  # the same centre as the critic's
    target = F.normalize(teacher - mean, dim=-1)
    lengths = (tokens != 0).sum(1)
    vocabulary, tokens = torch.unique(tokens, return_inverse=True)
    torch.manual_seed(0)  # initial weights only
    student = Student(vocabulary)
    with (
        torch.no_grad()
    ):  # start every token that is a whole text at a random projection of that text's embedding
        fan = torch.randn(TEACHER, TEXT["width"]) * TEACHER**-0.5
        alone = lengths == 3
        student.tower.token_embedding.weight[tokens[alone, 1]] = 0.5 * target[alone] @ fan
    ema = copy.deepcopy(student)
    optimiser = torch.optim.Adam(student.parameters(), lr=args.rate, betas=(0.9, 0.98))
    rng = torch.Generator().manual_seed(0)
    step, _ = load_state(args.run, student, ema, optimiser, rng)
    check = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(1))[:2000]
    start = said = time.time()
    first, queue = step, []
    while (spent := (time.time() - start) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = (
                args.rate
                * min(1.0, (step - first + 1) / 200)
                * (0.5 * (1 + math.cos(math.pi * spent)) + 0.005)
            )
        if (
            not queue
        ):  # four batches at a time, of texts of like length: padding would cost more than the words
            drawn = torch.multinomial(weight, 4 * args.batch, replacement=True, generator=rng)
            queue = list(drawn[lengths[drawn].argsort()].split(args.batch))
        index = queue.pop(int(torch.randint(len(queue), (1,), generator=rng)))
        batch = tokens[index, : int(lengths[index].max())]
        out, want = student(batch), target[index]
        loss = (1 - (out * want).sum(1)).mean() + relation(out, want)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 4 == 0:
            average(ema, student, step // 4, 0.98)
        if time.time() - said > 60 or (step - first) == 100:
            said = time.time()
            with torch.no_grad():
                got = ema(tokens[check])
            line = {"step": step, "minutes": round((time.time() - start) / 60, 1), "loss": round(loss.item(), 4),
                    "cosine": round((got * target[check]).sum(1).mean().item(), 4)}  # fmt: skip
            print(json.dumps(line), flush=True)
            with (args.run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            save_state(args.run, student, ema, optimiser, rng, step, 0.0)
    save_state(args.run, student, ema, optimiser, rng, step, 0.0)


def relation(out: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the two (B, B) cosine tables, scaled to weigh like the cosine itself."""
    return 10 * F.mse_loss(out @ out.T, want @ want.T)


if __name__ == "__main__":
    main()
