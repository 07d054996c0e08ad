"""Fetch the pinned picture sets, render them with alpha, and pack them with captions into `training/data/`.

    python -m training.build_data

Writes `pictures.bin` (WebP blobs, SIZE x SIZE RGBA, back to back) and `pictures.json` (one record a picture: set, concept,
group, weight, captions with weights, place of the blob). Pictures of the held-out family have "held_out": true and are
used by `bench/retrieval.py` alone.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import resvg_py
from fontTools.ttLib import TTFont
from PIL import Image

from training import words
from training.sources import DATA, EMOJI_WORDS, SOURCES, WORDNET, Source

SIZE = 80
SKIN = re.compile(
    r"skin-tone|-(light|medium-light|medium|medium-dark|dark)(-(light|medium-light|medium|medium-dark|dark))?$"
)
TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
GROUP_WEIGHT = {0: 0.7, 1: 0.35, 2: 0.0, 8: 0.15, 9: 0.1}
NO_GLYPH = frozenset(
    [
        "arrow",
        "align",
        "text",
        "letter",
        "number",
        "circle",
        "square",
        "rectangle",
        "shape",
        "point",
        "line",
        "format",
        "code",
        "file",
        "folder",
        "badge",
    ]
)


@dataclass
class Job:
    """One picture to render: SVG text, the path of a WebP or SVG file, or SVG text with the path of its font."""

    svg: str
    path: str
    record: dict


@dataclass
class Record:
    """What the loader knows of a picture."""

    set: str
    name: str
    concept: str
    group: int | None
    weight: float
    glyph: bool
    held_out: bool
    captions: dict[str, float]


# --- fetching -------------------------------------------------------------------------------------------------------


def fetch(root: Path) -> None:
    """Install the npm packages and unpack the Debian ones under `root`. Does nothing when it has done the same before."""
    npm = [f"{s.package}@{s.version}" for s in SOURCES if not s.debian] + [
        f"{EMOJI_WORDS[0]}@{EMOJI_WORDS[1]}"
    ]
    debian = [f"{s.package}={s.version}" for s in SOURCES if s.debian] + [f"{WORDNET[0]}={WORDNET[1]}"]
    wanted = "\n".join(npm + debian)
    if (root / "done").exists() and (root / "done").read_text() == wanted:
        return
    root.mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text('{"name": "pictures", "version": "1.0.0", "private": true}')
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *npm], cwd=root, check=True
    )
    subprocess.run(["apt-get", "download", *debian], cwd=root, check=True)
    for deb in root.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb.name, "debian"], cwd=root, check=True)
    (root / "done").write_text(wanted)


# --- what is in each set --------------------------------------------------------------------------------------------


class Emoji:
    """emojibase's labels, keywords and groups, found by code points or by a name in any spelling."""

    def __init__(self, root: Path) -> None:
        self.by_hex: dict[str, dict] = {}
        self.by_name: dict[str, dict] = {}
        for entry in json.loads((root / "node_modules/emojibase-data/en/data.json").read_text()):
            if entry.get("group") is None:
                continue
            self.by_hex[_hex(entry["hexcode"])] = entry
            self.by_name[_squash(entry["label"])] = entry

    def __iter__(self) -> Iterator[dict]:
        return iter(self.by_hex.values())

    def find(self, name: str, code: str | None) -> dict | None:
        name = name.replace("flag-for-", "flag-")
        return (self.by_hex.get(_hex(code)) if code else None) or self.by_name.get(_squash(name))


def _hex(code: str) -> str:
    return "-".join(p for p in code.lower().split("-") if p != "fe0f")


def _squash(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def iconify(root: Path, source: Source) -> Iterator[tuple[str, str, str | None]]:
    """(name, svg, code points or None) of every icon of an Iconify package."""
    folder = package(root, source)
    data = json.loads((folder / "icons.json").read_text())
    chars = folder / "chars.json"
    codes = {v: k for k, v in json.loads(chars.read_text()).items()} if chars.exists() else {}
    for name, icon in data["icons"].items():
        left, top, width, height = (
            icon.get(key, data.get(key, default))
            for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
        )
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}" width="160" height="160" color="#000">{icon["body"]}</svg>'
        )
        yield name, svg, codes.get(name)


def package(root: Path, source: Source) -> Path:
    """The folder into which `fetch` has unpacked the package of `source`."""
    return root / "debian" if source.debian else root / "node_modules" / source.package


def typed(root: Path, source: Source, emoji: Emoji) -> Iterator[tuple[str, str, str | None]]:
    """(name, svg, code points) of every emoji that the font of `source` has."""
    has = TTFont(package(root, source) / source.file).getBestCmap()
    for entry in emoji:
        codes = [code for code in entry["hexcode"].split("-") if code != "FE0F"]
        if any(int(code, 16) not in has for code in codes) or (len(codes) > 1 and not source.joins):
            continue
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><text x="30" y="200" font-size="120" '
            f'font-family="{source.name}">{"".join(f"&#x{code};" for code in codes)}</text></svg>'
        )
        yield entry["label"], svg, entry["hexcode"]


def emoji_jobs(
    root: Path, source: Source, emoji: Emoji, wordnet: words.WordNet, taken: frozenset[str]
) -> Iterator[Job]:
    """Emoji sets. Skin tones are left out, keycaps and most symbols too."""
    if source.kind == "webp":
        folder = package(root, source) / "assets"
        items = [(p.stem, "", p.stem, str(p)) for p in sorted(folder.glob("*.webp"))]
    elif source.kind == "font":
        font = str(package(root, source) / source.file)
        items = [(name, svg, code, font) for name, svg, code in typed(root, source, emoji)]
    else:
        items = [(name, svg, code, "") for name, svg, code in iconify(root, source)]
    seen: set[str] = set()
    for name, svg, code, path in items:
        if SKIN.search(name) or (code and TONES & set(code.split("-"))):
            continue
        bare = re.sub(r"-\d$", "", name) if source.name == "streamline-emojis" else name
        entry = emoji.find(bare, code)
        if entry is None or "keycap" in entry["label"]:
            continue
        label = words.clean(entry["label"])
        if source.held_out and (label in seen or entry["group"] == 9):
            continue
        seen.add(label)
        group = entry["group"]
        if source.kind == "font" and group in (2, 9):  # tones are patches there, and flags letters
            continue
        caps = words.captions(
            label,
            wordnet,
            styles=source.styles,
            group=group,
            keywords=tuple(entry.get("tags", ())),
            taken=taken,
        )
        key = words.concept(label)
        yield Job(
            svg,
            path,
            asdict(
                Record(
                    source.name,
                    label,
                    key,
                    group,
                    source.weight * GROUP_WEIGHT.get(group, 1.0),
                    source.glyph,
                    source.held_out,
                    caps,
                )
            ),
        )


def icon_jobs(
    root: Path, source: Source, emoji: Emoji, wordnet: words.WordNet, taken: frozenset[str]
) -> Iterator[Job]:
    """Icon and glyph sets: only names that are drawable nouns; in glyph sets the filled variant."""
    best: dict[str, tuple[str, str]] = {}
    for name, svg, _ in iconify(root, source):
        if any(
            part in name.split("-")
            for part in ("off", "outline", "logo", "brand", "negative", "thin", "light", "bold", "24px", "11")
        ):
            continue
        if source.name == "ph" and not name.endswith(("-fill", "-duotone")):
            continue
        if source.name == "tabler" and not name.endswith("-filled"):
            continue
        if source.name == "meteocons" and not name.endswith("-fill") and f"{name}-fill" in best:
            continue
        bare = re.sub(r"-(fill|filled|duotone|duo|alt|variant|outline|24px|round)$", "", name)
        bare = re.sub(r"-\d+$", "", bare)
        if source.name == "fluent-color":
            bare = re.sub(r"-\d+$", "", bare)
        if source.name == "meteocons":
            bare = bare.replace("-fill", "")
        best[bare if source.name != "ph" else name] = (
            bare,
            svg,
        )  # the last one is the largest or the filled one
    for bare, svg in best.values():
        name = words.clean(bare)
        glyph = source.glyph
        tail = name.split()[-1] if name else ""
        if not name or name in words.BRANDS or any(w in NO_GLYPH for w in name.split()):
            continue
        synset = wordnet.sense(name, depth=1 if glyph else 3)
        if synset is None and not (len(name.split()) <= 3 and wordnet.sense(tail, depth=1)):
            continue
        if glyph and (synset is None and (len(name.split()) > 2 or source.name != "game-icons")):
            continue
        entry = emoji.find(bare, None)
        group = entry["group"] if entry else None
        tags = tuple(entry.get("tags", ())) if entry else ()
        if entry:
            name = words.clean(entry["label"])
        caps = words.captions(name, wordnet, styles=source.styles, group=group, keywords=tags, taken=taken)
        yield Job(
            svg,
            "",
            asdict(Record(source.name, name, words.concept(name), group, source.weight, glyph, False, caps)),
        )


CLIPART_FOLDERS = (
    "animals", "buildings", "containers", "decorations", "education", "electronics", "food", "office", "people", "plants",
    "recreation", "science", "tools", "transportation", "unsorted", "computer",
)  # fmt: skip


def clipart_jobs(
    root: Path, source: Source, emoji: Emoji, wordnet: words.WordNet, taken: frozenset[str]
) -> Iterator[Job]:
    """Debian's openclipart: names from the title or the file name, keywords from the metadata, hypernyms from folders."""
    base = root / "debian/usr/share/openclipart/svg"
    for path in sorted(base.rglob("*.svg")):
        folders = path.relative_to(base).parts[:-1]
        if not folders or folders[0] not in CLIPART_FOLDERS or path.stat().st_size > 250_000:
            continue
        if set(folders) & {
            "roadsigns",
            "aiga-symbols",
            "cards",
            "dice",
            "icons",
            "connectors",
            "diagrams",
            "buttons",
            "jigsaw",
            "smilies",
        }:
            continue
        text = path.read_text("utf-8", errors="replace")
        title = re.search(r"<dc:title>([^<]*)</dc:title>", text)
        name = _noun_phrase(words.clean(title.group(1)) if title else "", wordnet) or _noun_phrase(
            words.clean(path.stem), wordnet
        )
        tags = [words.clean(t) for t in re.findall(r"<rdf:li>([^<]{2,24})</rdf:li>", text)]
        tags = [t for t in tags if wordnet.sense(t)][:5]
        if not name:
            if not tags:
                continue
            name = tags[0]
        if name in words.BRANDS or set(name.split()) & {
            "logo",
            "various",
            "icon",
            "border",
            "frame",
            "image",
            "button",
        }:
            continue
        caps = words.captions(
            name, wordnet, styles=source.styles, keywords=tuple(tags), folders=folders, taken=taken
        )
        yield Job(
            "",
            str(path),
            asdict(Record(source.name, name, words.concept(name), None, 1.0, False, False, caps)),
        )


def _noun_phrase(name: str, wordnet: words.WordNet) -> str:
    """The longest start of `name` that ends in a drawable noun; file names go on with the author ('sunflower benji park')."""
    parts = [p for p in re.sub(r"\d+", " ", name).split() if len(p) > 1]
    for n in (3, 2, 1):
        phrase = " ".join(parts[:n])
        if len(parts) >= n and wordnet.sense(phrase, depth=2):
            return phrase
    if 2 <= len(parts) <= 3 and all(wordnet.noun(p) for p in parts) and wordnet.sense(parts[-1], depth=1):
        return " ".join(parts)
    return ""


# --- rendering ------------------------------------------------------------------------------------------------------


def render(job: tuple[str, str]) -> tuple[bytes, str | None] | None:
    """(svg, path) to a WebP blob of SIZE x SIZE RGBA, cut to the drawing, and the colour it mostly has."""
    svg, path = job
    try:
        if path.endswith(".webp"):
            image = Image.open(path).convert("RGBA").resize((160, 160), Image.Resampling.BOX)
        else:
            text = svg or Path(path).read_text("utf-8", errors="replace")
            width = 160 if svg and not path else 480  # clip art is often small on its page, and so is text
            fonts = [path] if path.endswith(".ttf") else None
            png = bytes(
                resvg_py.svg_to_bytes(
                    svg_string=text, width=width, dpi=96, skip_system_fonts=True, font_files=fonts
                )
            )
            image = Image.open(io.BytesIO(png)).convert("RGBA")
    except BaseException as problem:  # resvg's panics are BaseExceptions
        if isinstance(problem, KeyboardInterrupt):
            raise
        return None
    box = image.getchannel("A").point(lambda a: 255 * (a > 12)).getbbox()
    if box is None or max(image.size) > 4000:
        return None
    image = image.crop(box)
    side = max(image.size)
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    square = square.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    pixels = np.asarray(square)
    if pixels[..., 3].mean() < 255 * 0.04 or min(image.size) < side / 6:
        return None
    out = io.BytesIO()
    square.save(out, "WEBP", quality=88, alpha_quality=95, method=4)
    return out.getvalue(), main_colour(pixels)


def main_colour(rgba: np.ndarray) -> str | None:
    """The colour word of a (H, W, 4) uint8 picture if one colour covers 70 % of what is drawn."""
    opaque = rgba[..., 3] > 200
    if opaque.sum() < 100:
        return None
    names = list(words.COLOURS)
    table = np.array([words.COLOURS[n] for n in names], dtype=np.float32)
    drawn = rgba[opaque][:, :3].astype(np.float32)

    # hue decides, brightness little: compare chroma (minus the mean) strongly and lightness weakly
    def split(rgb: np.ndarray) -> np.ndarray:
        mean = rgb.mean(1, keepdims=True)
        return np.concatenate([rgb - mean, 0.6 * mean], 1)

    nearest = ((split(drawn)[:, None] - split(table)[None]) ** 2).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=len(names)) / len(drawn)
    return names[int(counts.argmax())] if counts.max() > 0.7 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="pictures per set, for a quick look")
    args = parser.parse_args()
    start = time.time()
    root = DATA / "packages"
    fetch(root)
    wordnet = words.WordNet(root / "debian/usr/share/wordnet")
    emoji = Emoji(root)
    taken = frozenset(words.clean(e["label"]) for e in emoji.by_hex.values())
    makers = {
        "emoji": emoji_jobs,
        "webp": emoji_jobs,
        "font": emoji_jobs,
        "icon": icon_jobs,
        "clipart": clipart_jobs,
    }
    jobs = []
    for source in SOURCES:
        mine = list(makers[source.kind](root, source, emoji, wordnet, taken))
        print(f"{source.name:28s} {len(mine):5d}", flush=True)
        jobs += mine[: args.limit or None]
    records, offset, lost, seen = [], 0, collections.Counter(), set()
    with ProcessPoolExecutor(args.workers) as pool, (DATA / "pictures.tmp").open("wb") as blobs:
        for job, done in zip(
            jobs, pool.map(render, [(j.svg, j.path) for j in jobs], chunksize=32), strict=True
        ):
            if done is None:
                lost[job.record["set"]] += 1
                continue
            blob, colour = done
            record = job.record
            if record["glyph"] and (record["set"], blob) in seen:  # a man's silhouette again, as a woman's
                lost[record["set"]] += 1
                continue
            seen.add((record["set"], blob))
            if (
                colour
                and not record["glyph"]
                and record["group"] not in words.NO_COLOUR_GROUPS
                and not set(record["name"].split()) & set(words.COLOURS)
            ):
                base = words.head(record["name"], wordnet) or record["name"]
                record["captions"][words.article(f"{colour} {base}")] = 0.15
            records.append(record | {"at": offset, "bytes": len(blob)})
            blobs.write(blob)
            offset += len(blob)
    (DATA / "pictures.json").write_text(
        json.dumps({"size": SIZE, "pictures": records}, separators=(",", ":"))
    )
    (DATA / "pictures.tmp").replace(DATA / "pictures.bin")
    counts = collections.Counter(r["set"] for r in records)
    print(
        json.dumps(
            {
                "pictures": len(records),
                "MiB": round(offset / 2**20, 1),
                "lost": lost,
                "counts": counts,
                "seconds": round(time.time() - start),
            }
        )
    )


if __name__ == "__main__":
    main()
