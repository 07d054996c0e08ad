"""What to try when the judge does not know the picture, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clipart.cli.progress import percent, shorten
from clipart.errors import shell_word
from clipart.near import singular_forms
from clipart.template import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipart.iterates import Reading
    from clipart.prompt import Prompt
    from clipart.runs import Result

UNSURE = 0.1  # a match below which the judge does not know the thing
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6}
MOST_NAMED = 3  # parts that are named


def advice(result: Result) -> str:
    """Return what to try if the judge is not sure of a part that was wanted, empty where it is sure of all.

    A run that was cut short is not advised.
    """
    unsure = [each for each in result.check.readings if each.weight > 0 and not each.match >= UNSURE]
    if not unsure or result.stop not in ("steps", "seconds"):
        return ""
    named = ", ".join(f"{shorten(each.text)!r} ({percent(each.match)})" for each in unsure[:MOST_NAMED])
    more = f" and {len(unsure) - MOST_NAMED} more" if len(unsure) > MOST_NAMED else ""
    return f"The judge does not see {named}{more}. Try another --seed{_instead(result, unsure[0])}."


def _instead(result: Result, reading: Reading) -> str:
    """Return what else to try for one part: its thing alone, as often as asked for, or another word."""
    from clipart.models import embedded

    if result.recipe.template != MARK:
        return f", or without the template: --template {shell_word(MARK)}"
    if not all(spec.name in embedded.NAMES for spec in result.recipe.clip):
        return ", or more --steps"
    words = embedded.everyday_words()
    thing, count = _thing(reading.text, words)
    if not thing:
        if hint := strange(
            result.recipe.parts, [spec.name for spec in result.recipe.clip], only=reading.text
        ):
            return f", or another word: {hint}"
        text = shorten(reading.text)
        return f", or another word: {text!r} has none of the {len(words):,} everyday words that it draws best"
    prompt = " ".join([f"{thing}::"] * count) if count > 1 else thing
    return f", or {shell_word(prompt)}" if prompt != reading.text else ", or --until 80% with more --steps"


def strange(prompt: Prompt, clips: Sequence[str], only: str = "") -> str:
    """Return which words of `prompt` none of the embedded `clips` has met, and what is spelt like them.

    `only` is the text of the one part that is looked at; empty where all words are known.
    """
    from clipart.critic.vocabulary import near_words, unknown_to_all

    wanted = [part for part in prompt.parts if part.weight > 0 and not part.picture]
    texts = [part.text for part in wanted if only in ("", part.text)]
    words = unknown_to_all(clips, " ".join(texts))
    if not words:
        return ""
    named = ", ".join(repr(shorten(word)) for word in words[:MOST_NAMED])
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    near = [each for word in words[:MOST_NAMED] for each in near_words(word)][:MOST_NAMED]
    spelt = f"; spelt alike: {', '.join(near)}" if near else ""
    return f"the embedded CLIP has not met {named}{more} (it knows English words){spelt}"


def _thing(text: str, known: list[str]) -> tuple[str, int]:
    """Return the last everyday word in `text`, longer ones first, and how many of it are asked for."""
    words = re.findall(r"\d+\.\d+|[\w'-]+", text.lower())  # 0.5 is no count of five
    count = next((COUNTS[word] for word in words if word in COUNTS), 1)
    singular = " ".join(_singular(word, known) for word in words)
    found = [each for each in known if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", singular)]
    if not found:
        return "", count
    return max(found, key=lambda each: (singular.rfind(each) + len(each), len(each))), count


def _singular(word: str, known: list[str]) -> str:
    return next((form for form in singular_forms(word) if form in known), word)
