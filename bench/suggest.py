"""Which everyday words the embedded critic draws so that the judge names them: the table of `clipart suggest`.

    python bench/suggest.py [--words 426] [--seeds 1 2] [--out FOLDER]     (makes what is missing, and writes the table)
    python bench/suggest.py --check 50                                     (draws words of the table with another seed)

Each word is drawn at the settings below, once for each seed; a picture that is there is not made again, so that the
same command goes on where it was cut short. A word that fails with one seed is not drawn with the next. Counted is
whether the judge puts the word before all everyday words that
say something else (`clipart.critic.rivals`), and its match. The table is `clipart/models/drawn.txt`: a line a word, with
the seeds for which it was first, and the mean match in percent. Words come in this order: first those that the held-out
emoji family has a picture of (`python -m training.build_data`), since these are things that can be drawn.

--check draws words that `clipart suggest` would call reliable with seed 9. Bar: the judge has 80 % of them first.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine
from quality import REAL, make
from retrieval import held_out

from clipart.critic.judge import Judge
from clipart.layout import lay_out
from clipart.models.embedded import everyday_words
from clipart.pictures import from_pil, open_picture
from clipart.prompt import parse
from clipart.recipe import make_recipe
from clipart.record.files import slug
from clipart.seeing.looking import looking, still
from clipart.seeing.suggesting import TABLE, is_reliable, measured
from clipart.shelf import Shelf

SETTINGS = {"steps": 100, "starts": 2}
CHECKED, BAR = 9, 80.0  # a seed; percent


def in_order() -> list[str]:
    """Return the everyday words, those with a picture in the held-out family first."""
    drawn = {*held_out(REAL)[1]}
    return sorted(everyday_words(), key=lambda word: word not in drawn)


def judged(word: str, seed: int, out: Path) -> tuple[bool, float]:
    """Draw a word, and return whether the judge has it first, and its match."""
    path = out / f"{slug(word)}-{seed}.png"
    recipe = make_recipe(SETTINGS | {"prompt": word, "seed": seed})
    make(recipe, path)
    with still():
        prompt = parse(word)
        judge = Judge(looking(), prompt, lay_out(prompt, apart=False))
        image = from_pil(open_picture(path))[None]
        seen, reading = judge.see(image)[0], judge.check(image, 0).readings[0]
        return bool(seen @ judge.texts[0] > (judge.words @ seen).max()), reading.match


def write(found: dict[str, list[tuple[bool, float]]], seeds: list[int]) -> None:
    """Write the table."""
    how = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
    lines = [f"# {machine()}; tiny judged by tiny-judge; {how}, seeds {' '.join(map(str, seeds))}"]
    for word in sorted(found):
        first = sum(right for right, _ in found[word])
        lines.append(f"{word}\t{first}\t{len(found[word])}\t{100 * fmean(m for _, m in found[word]):.0f}")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(count: int, out: Path) -> int:
    """Draw words that are called reliable anew, and print how many the judge has first."""
    words = sorted(word for word, each in measured().items() if is_reliable(each))
    chosen = random.Random(CHECKED).sample(words, min(count, len(words)))  # noqa: S311
    first = 0
    for word in chosen:
        right, match = judged(word, CHECKED, out)
        first += right
        if not right:
            print(f"{word}: match {match:.0%}", file=sys.stderr)
    percent = 100 * first / len(chosen)
    verdict = "ok" if percent >= BAR else "MISSED"
    print(machine())
    print(
        f"{len(words)} of {len(measured())} words are reliable; {first} of {len(chosen)} first with seed {CHECKED}"
    )
    print(f"{percent:.0f} %, bar {BAR:.0f} %: {verdict}")
    return int(percent < BAR)


def main() -> int:
    """Make the table, or check it; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=426)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("outputs/suggest"))
    parser.add_argument("--check", type=int, metavar="N", help="draw N reliable words with another seed")
    args = parser.parse_args()
    with Shelf().used():
        if args.check:
            return check(args.check, args.out)
        found: dict[str, list[tuple[bool, float]]] = {}
        words = in_order()[: args.words]
        for seed in args.seeds:
            for number, word in enumerate(words, 1):
                if not all(right for right, _ in found.get(word, [])):
                    continue
                found.setdefault(word, []).append(judged(word, seed, args.out))
                right, match = found[word][-1]
                print(
                    f"seed {seed}, {number}/{len(words)}: {word} {'first' if right else ''} {match:.0%}",
                    file=sys.stderr,
                )
        write(found, args.seeds)
    print(
        f"{TABLE}: {len(words)} words, first for every seed {sum(all(r for r, _ in f) for f in found.values())}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
