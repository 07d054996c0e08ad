"""From the names of pictures to captions: WordNet senses, synonyms and hypernyms, colours, templates.

A caption is a pair (text, weight); the loader draws one of a picture's captions in proportion to the weights.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

Captions = dict[str, float]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40), "orange": (245, 130, 32), "yellow": (250, 204, 30), "green": (52, 160, 72),
    "blue": (38, 110, 220), "purple": (130, 60, 180), "pink": (240, 120, 170), "brown": (130, 82, 45),
    "black": (25, 25, 28), "white": (248, 248, 248), "gray": (130, 132, 136), "turquoise": (30, 180, 180),
}  # fmt: skip

# WordNet's lexicographer files (lexnames(5WN)) that hold things one can draw.
ANIMAL, ARTIFACT, BODY, FOOD, PLACE, OBJECT, PERSON, PHENOMENON, PLANT, SHAPE, SUBSTANCE = (
    5, 6, 8, 13, 15, 17, 18, 19, 20, 25, 27)  # fmt: skip
CONCRETE = frozenset({ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PERSON, PHENOMENON, PLANT, SHAPE, SUBSTANCE})
# emojibase groups: 0 smileys, 1 people, 3 animals and nature, 4 food, 5 travel, 6 activities, 7 objects, 8 symbols, 9 flags
NO_COLOUR_GROUPS = frozenset({0, 1, 8, 9})  # "a red detective", "a blue smile", "a green flag" say nothing
GROUP_SENSES: dict[int, frozenset[int]] = {
    1: frozenset({PERSON, BODY}),
    3: frozenset({ANIMAL, PLANT, OBJECT}),
    4: frozenset({FOOD, PLANT, ARTIFACT}),
    5: frozenset({ARTIFACT, OBJECT, PHENOMENON, PLACE}),
    6: frozenset({ARTIFACT, PLANT, SHAPE}),
    7: frozenset({ARTIFACT, FOOD, SUBSTANCE, OBJECT}),
}
# Hypernyms above these say nothing that a picture could show.
VAGUE = frozenset(
    [
        "entity",
        "object",
        "thing",
        "whole",
        "unit",
        "artifact",
        "matter",
        "substance",
        "structure",
        "instrumentality",
        "device",
        "way",
        "equipment",
        "organism",
        "causal",
        "agent",
        "person",
        "being",
        "abstraction",
        "attribute",
        "group",
        "covering",
        "commodity",
        "creation",
        "representation",
        "implement",
        "facility",
        "area",
        "part",
        "region",
        "solid",
        "nutriment",
        "foodstuff",
        "conveyance",
        "transport",
        "being",
        "body",
        "being",
        "chordate",
        "vertebrate",
        "placental",
        "eutherian",
        "craniate",
        "carnivore",
        "invertebrate",
        "arthropod",
        "living",
        "animate",
        "produce",
    ]
)
_ADJECTIVES = frozenset(COLOURS) | {
    "big",
    "small",
    "hot",
    "old",
    "dark",
    "light",
    "grey",
    "open",
    "closed",
    "ringed",
}
# These names mean a company or a program in icon sets, whatever the dictionary says.
BRANDS = frozenset(
    [
        "apple",
        "android",
        "windows",
        "microsoft",
        "google",
        "amazon",
        "twitter",
        "facebook",
        "slack",
        "steam",
        "chrome",
        "safari",
        "opera",
        "edge",
        "discord",
        "docker",
        "kubernetes",
        "python",
        "ruby",
        "swift",
        "rust",
        "java",
        "angular",
        "react",
        "vue",
        "github",
        "gitlab",
        "bitbucket",
        "jira",
        "evernote",
        "spotify",
        "pandora",
        "snapchat",
        "whatsapp",
        "telegram",
        "skype",
        "zoom",
        "unity",
        "unreal",
        "blender",
    ]
)


@dataclass
class Synset:
    """One WordNet noun sense."""

    lex: int
    lemmas: list[str]
    hypernyms: list[int]
    gloss: str
    hyponyms: list[int] = field(default_factory=list)


class WordNet:
    """The noun part of WordNet 3.0, read from its database files (wndb(5WN))."""

    def __init__(self, folder: Path) -> None:
        self.synsets: dict[int, Synset] = {}
        self.index: dict[str, list[int]] = {}
        self.counts: dict[str, int] = {}
        for line in _lines(folder / "data.noun"):
            head, gloss = line.split(" | ", 1)
            parts = head.split()
            n = int(parts[3], 16)
            lemmas = [w.replace("_", " ") for w in parts[4 : 4 + 2 * n : 2]]
            pointers = parts[5 + 2 * n :]
            ups = [int(pointers[i + 1]) for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i")]
            self.synsets[int(parts[0])] = Synset(int(parts[1]), lemmas, ups, gloss.split(";")[0].strip())
        for offset, synset in self.synsets.items():
            for up in synset.hypernyms:
                self.synsets[up].hyponyms.append(offset)
        for line in _lines(folder / "index.noun"):
            parts = line.split()
            self.index[parts[0].replace("_", " ")] = [int(p) for p in parts[-int(parts[2]) :]]
        for line in _lines(folder / "cntlist.rev"):
            key, _, count = line.split()
            lemma, rest = key.split("%")
            if rest[0] == "1":
                lemma = lemma.replace("_", " ")
                self.counts[lemma] = self.counts.get(lemma, 0) + int(count)

    def sense(self, word: str, wanted: frozenset[int] = CONCRETE, *, depth: int = 3) -> Synset | None:
        """The most frequent sense among the first `depth` that lies in the wanted lexicographer files."""
        for offset in self.index.get(word, ())[:depth]:
            if self.synsets[offset].lex in wanted:
                return self.synsets[offset]
        return None

    def noun(self, word: str) -> bool:
        return word in self.index


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("latin-1").splitlines() if line and not line.startswith("  ")]


def article(noun: str) -> str:
    """'a red apple', 'an owl', but 'grapes' and 'the sun' stay bare."""
    last = noun.split()[-1]
    if noun.startswith(("a ", "an ", "the ", "two ", "three ", "flag ")) or (
        last.endswith("s") and not last.endswith(("ss", "us", "is"))
    ):
        return noun
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def templates(noun: str, styles: tuple[str, ...]) -> list[str]:
    """Whole captions for a name: with its article, and one in the style words of its set (one, to keep the number of
    different texts that the teacher must embed small).
    """
    thing = article(noun)
    out = [f"a picture of {thing}"]
    for style in styles:
        out.append({
            "emoji": f"an emoji of {thing}", "icon": f"an icon of {thing}", "clip art": f"clip art of {thing}",
            "flat": f"a flat drawing of {thing}", "3d": f"a 3d render of {thing}", "glossy": f"a glossy {noun}",
            "glyph": f"a silhouette of {thing}",
        }[style])  # fmt: skip
    return [thing, out[zlib.crc32(noun.encode()) % len(out)]]


def clean(name: str) -> str:
    """'Flag: France' and 'red_apple' as people say them."""
    name = re.sub(r"[_\-]+", " ", name.lower().replace("’", "'"))
    name = re.sub(r"^flag: (.*)", r"flag of \1", name)
    name = re.sub(r"[^a-z0-9' ]+", " ", name)
    return re.sub(r"\s+", " ", name).strip()


@cache
def concept(name: str) -> str:
    """One key for the same thing in all sets: gender and direction words do not make a new thing."""
    words = [
        w
        for w in name.split()
        if w
        not in {"man", "woman", "person", "men", "women", "people", "a", "the", "facing", "right", "left"}
    ]
    return " ".join(words) or name


def head(name: str, wordnet: WordNet) -> str | None:
    """'red apple' is also an apple."""
    words = name.split()
    while len(words) > 1 and words[0] in _ADJECTIVES:
        words = words[1:]
    short = " ".join(words)
    return short if short != name and wordnet.noun(short) else None


def captions(
    name: str,
    wordnet: WordNet,
    *,
    styles: tuple[str, ...],
    group: int | None = None,
    keywords: tuple[str, ...] = (),
    folders: tuple[str, ...] = (),
    taken: frozenset[str] = frozenset(),
) -> Captions:
    """All captions of one picture with their weights. `taken` are other pictures' names, never used as a hyponym."""
    out: Captions = {name: 1.0}

    def add(text: str, weight: float) -> None:
        if text and len(text) < 60:
            out[text] = max(out.get(text, 0.0), weight)

    short = head(name, wordnet)
    if short:
        add(short, 0.8)
    for word in keywords[:8]:
        add(clean(word), 0.15)
    for folder in folders[-1:]:
        add(clean(folder).rstrip("s"), 0.12)
    wanted = GROUP_SENSES.get(group, CONCRETE) if group is not None else CONCRETE
    synset = wordnet.sense(name, wanted) or (wordnet.sense(short, wanted) if short else None)
    if synset and group not in (0, 8, 9):
        for lemma in synset.lemmas[:4]:
            if lemma.islower() and lemma not in taken:
                add(lemma, 0.3)
        for level, weight in ((1, 0.25), (2, 0.12)):
            ups = _ups(wordnet, synset, level)
            for lemma in ups[:1]:
                if lemma not in VAGUE and lemma.split()[-1] not in VAGUE:
                    add(lemma, weight)
        young = [wordnet.synsets[o].lemmas[0] for o in synset.hyponyms]
        known = sorted(
            (w for w in young if w.islower() and w not in taken), key=lambda w: -wordnet.counts.get(w, 0)
        )
        for lemma in known[:2]:
            add(lemma, 0.08)
    if group != 9:
        for text in templates(short or name, styles):
            add(text, 0.08)
        if short:
            for text in templates(name, styles)[:1]:
                add(text, 0.15)
    return out


def _ups(wordnet: WordNet, synset: Synset, level: int) -> list[str]:
    for _ in range(level):
        if not synset.hypernyms:
            return []
        synset = wordnet.synsets[synset.hypernyms[0]]
    return synset.lemmas
