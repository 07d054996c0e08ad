"""Write the words of the captions that CLIP's tokeniser splits: which of the others were met, the token table says.

python -m training.met            # after training.build_data; writes clipart/models/met.txt
"""

from __future__ import annotations

import json
from pathlib import Path

from clipart.critic.vocabulary import words_of
from clipart.models.tokens import token_numbers
from training.sources import DATA

LIST = Path("clipart/models/met.txt")


def main() -> None:
    """Write one word a line, in order of the alphabet."""
    captions = json.loads((DATA / "captions.json").read_text(encoding="utf-8"))["texts"]
    words = {word for caption in captions for word in words_of(caption) if len(word) > 2}
    split = sorted(word for word in words if len(token_numbers("tiny", word)) > 1)
    LIST.write_text("".join(f"{word}\n" for word in split), encoding="utf-8")
    print(f"{len(split)} of {len(words)} words")


if __name__ == "__main__":
    main()
