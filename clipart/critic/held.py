"""Pictures that a recipe shows to its critics: read once, before the first step; a checkpoint has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL.Image import Resampling
from torch import Tensor

from clipart.critic.clip import Clip
from clipart.critic.concepts import NAMED, key_of
from clipart.given import MARK, recall
from clipart.pictures import from_pil, on_white, open_picture
from clipart.prompt import Prompt
from clipart.recipe import SHOWN, Recipe
from clipart.shown import KEY, read_shown
from clipart.text import real_name

LONGEST = 384  # pixels of the longer side that is kept: what the largest of the usual CLIPs sees
KEYS = dict(zip(SHOWN, (KEY, "style"), strict=True))


def read_pictures(recipe: Recipe) -> dict[str, Tensor]:
    """Return the pictures of `image_prompt` and `style`, each (1, 3, height, width) in [0, 1], by their keys.

    Raises:
        UsageError: one is not there, or is no picture.
    """
    return {
        f"{key}/{number}": _read(name, f"--{setting.replace('_', '-')}")
        for setting, key in KEYS.items()
        for number, name in enumerate(recipe.files.get(setting, ()))
    }


def _read(name: str, option: str) -> Tensor:
    given = recall(name, option) if name.startswith(MARK) else open_picture(Path(real_name(name)), option)
    picture = on_white(given)
    scale = min(1.0, LONGEST / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return from_pil(picture.resize(size, Resampling.LANCZOS) if scale < 1 else picture)[None].contiguous()


def styles_of(recipe: Recipe, held: Mapping[str, Tensor]) -> list[tuple[Tensor, float]]:
    """Return the pictures of `style` among what is `held`, with their weights."""
    return [(held[f"{KEYS['style']}/{k}"], read_shown(text)[1]) for k, text in enumerate(recipe.style)]


def parts_with_concepts(
    clips: Sequence[Clip], prompt: Prompt, held: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return what each of `clips` makes of the parts in which there is a concept, by their keys.

    Raises:
        UsageError: there is no such concept, or it was not learned with one of the CLIPs.
    """
    parts = [part for part in prompt.parts if not part.picture and NAMED.search(part.text)]
    return {key_of(clip.name, part): clip.encode_part(part, held) for clip in clips for part in parts}
