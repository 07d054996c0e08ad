"""A text in the tokens of a CLIP. Neither weights nor, for byte pairs in a folder, torch is loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from clipart.models import bytepairs, foreign, hub
from clipart.models.config import read_json
from clipart.models.source import find_tokenizer, make_tokenizer, tokenizer_folder
from clipart.models.spec import LOCAL
from clipart.models.store import CONFIG

CONTEXT = 77  # tokens that a CLIP reads where its configuration does not say, with the two at the ends


def tokens(name: str, text: str) -> tuple[list[str], int]:
    """Return `text` in the tokens of the CLIP called `name`, and how many of them it can read.

    Raises:
        ModelError: there is no such model, or its configuration is not on this machine.
    """
    location = find_tokenizer(name)
    context, merges = _context(name, location), bytepairs.vocabulary()
    if context is not None and merges is not None:
        return bytepairs.tokens(text, merges), context - 2
    tokenizer = _tokenizer(name, location)
    if hasattr(tokenizer, "tokenizer"):  # of transformers'
        return foreign.pieces(tokenizer, text)
    pieces = [tokenizer.decoder[token] for token in tokenizer.encode(text)]
    return pieces, int(tokenizer.context_length) - 2


def token_numbers(name: str, text: str) -> list[int]:
    """Return the numbers of the tokens of `text`, rows of the embedding table of the CLIP called `name`.

    Raises:
        ModelError: as `tokens`.
    """
    location = find_tokenizer(name)
    merges = bytepairs.vocabulary()
    if merges is not None and _context(name, location) is not None:
        numbers = bytepairs.numbers(merges)
        return [numbers[token] for token in bytepairs.tokens(text, merges)]
    tokenizer = _tokenizer(name, location)
    if hasattr(tokenizer, "tokenizer"):
        return foreign.numbers(tokenizer, text)
    return list(tokenizer.encode(text))


def _context(name: str, location: str) -> int | None:
    """Return how many tokens a CLIP in a folder reads; None where its tokens are not the usual byte pairs."""
    if not location.startswith(LOCAL):
        return None
    about = read_json(name, Path(location.removeprefix(LOCAL)) / CONFIG)["model_cfg"]["text_cfg"]
    if about.get("hf_tokenizer_name") or about.get("tokenizer_kwargs"):
        return None
    return int(about.get("context_length", CONTEXT))


@cache
def _tokenizer(name: str, location: str) -> Any:
    with hub.quietly():
        return make_tokenizer(name, location, tokenizer_folder(name))
