"""Tokenizers of transformers', as SigLIP and SigLIP 2 have: read from files on this machine, by open_clip.

`pip install "clipart[hub]"` brings transformers. It is given a folder, is told to stay on this machine, and
runs no code that lies in the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.errors import ModelError
from clipart.models import hub
from clipart.models.store import TOKENIZER

FILE, *_ = FILES = TOKENIZER  # a repository may lack the last of them
_SPACE = "\u2581"  # what stands for a space in a token


def is_foreign(text: Mapping[str, Any]) -> bool:
    """Whether a model with `text_cfg` has such a tokenizer, and not open_clip's own."""
    return bool(text.get("hf_tokenizer_name"))


def require_package(name: str) -> None:
    """See that transformers is installed.

    Raises:
        ModelError: it is not; the message says what to type.
    """
    if find_spec("transformers") is None:
        raise ModelError(f'{name} has a tokenizer of transformers. Type: pip install "clipart[hub]"')


def read(name: str, folder: Path, text: Mapping[str, Any]) -> Any:
    """Return the tokenizer in `folder` of the model called `name`, whose `text_cfg` is `text`.

    Called with a list of texts, it returns their numbers (n, context) int64, as open_clip's own does.

    Raises:
        ModelError: transformers is not installed, or the files are no tokenizer.
    """
    require_package(name)
    path = folder / FILE
    if path.stat().st_size > limits.TOKENIZER_BYTES:
        raise ModelError(
            f"{name}: {path} is too large; a tokenizer has at most {limits.TOKENIZER_BYTES:,} bytes."
        )
    options = {"clean": "whitespace", **text.get("tokenizer_kwargs", {})}
    try:
        return _read(folder, int(text.get("context_length", 77)), tuple(sorted(options.items())))
    except Exception as error:  # whatever broken files make of it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{name}: {folder} has no tokenizer that can be read ({reason[:200]}).") from error


def _read(folder: Path, context: int, options: tuple[tuple[str, Any], ...]) -> Any:
    here = {"local_files_only": True, "trust_remote_code": False}
    with hub.quietly():
        made = hub.open_clip().tokenizer.HFTokenizer
        return made(str(folder), context_length=context, **here, **dict(options))


def pieces(tokenizer: Any, text: str) -> tuple[list[str], int]:
    """Return `text` in tokens as people read them, and how many of them fit."""
    inner = tokenizer.tokenizer
    found = inner.convert_ids_to_tokens(numbers(tokenizer, text))
    return [each.replace(_SPACE, "") or " " for each in found], room(tokenizer)


def numbers(tokenizer: Any, text: str) -> list[int]:
    """Return the numbers of the tokens of `text`, without those at its ends."""
    return list(tokenizer.tokenizer(tokenizer.clean_fn(text), add_special_tokens=False).input_ids)


def room(tokenizer: Any) -> int:
    """Return how many tokens of a text fit beside those at its ends."""
    return int(tokenizer.context_length) - int(tokenizer.tokenizer.num_special_tokens_to_add())
