"""A CLIP: pictures and texts to unit vectors in one space. Any open_clip model, the embedded one included."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.device import pick_dtype
from clipart.errors import ModelError, UsageError
from clipart.models import embedded
from clipart.prompt import Part

LOCAL = "local-dir:"


@dataclass(frozen=True)
class Clip:
    """A loaded model, frozen, on its device.

    Attributes:
        name: what the user called it.
        side: height and width of the pictures that it takes, in pixels.
        scale: what cosines are multiplied with before a softmax, as trained.
    """

    name: str
    side: int
    scale: float
    device: torch.device
    dtype: torch.dtype
    _model: Any
    _tokenizer: Any
    _mean: Tensor
    _std: Tensor

    def encode_images(self, images: Tensor) -> Tensor:
        """Return unit vectors (n, d) float32 of `images` (n, 3, side, side), RGB in [0, 1]."""
        images = (images.to(self.device) - self._mean) / self._std
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            features = self._model.encode_image(images)
        return F.normalize(features.float(), dim=-1)

    @torch.no_grad()
    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return unit vectors (n, d) float32 of `texts`, always in float32 arithmetic."""
        features = self._model.encode_text(self._tokenizer(texts).to(self.device))
        return F.normalize(features.float(), dim=-1)

    def encode_part(self, part: Part) -> Tensor:
        """Return the unit vector (d,) of a part of a prompt, its emphasis applied.

        e = normalise(e_full + sum over spans of (w - 1) (e_full - e_without the span)).
        """
        emphases = part.emphases()
        full, *without = self.encode_texts([part.text, *(text for text, _ in emphases)])
        moved = full.clone()
        for (_, weight), other in zip(emphases, without, strict=True):
            moved += (weight - 1) * (full - other)
        return F.normalize(moved, dim=-1)


def load_clip(name: str, device: torch.device, precision: str = "auto") -> Clip:
    """Load a CLIP: `tiny` (embedded), `local-dir:PATH` or an open_clip `NAME/PRETRAINED`.

    Raises:
        ModelError: the model is not there, cannot be fetched, or does not fit its own description.
    """
    import open_clip

    location, pretrained = _locate(name)
    try:
        # Weights are drawn before they are read; that must not move the caller's generator.
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            # open_clip warns when no pretrained tag is given; a local folder has its weights with it.
            warnings.simplefilter("ignore")
            model = open_clip.create_model(location, pretrained=pretrained)
            tokenizer = open_clip.get_tokenizer(location)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"--clip {name}: the model cannot be loaded ({reason}). `clipart doctor` shows what is there."
        ) from error
    model = model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    side = model.visual.image_size
    preprocess = getattr(model.visual, "preprocess_cfg", {})
    return Clip(
        name=name,
        side=int(side if isinstance(side, int) else side[0]),
        scale=float(model.logit_scale.detach().exp()),
        device=device,
        dtype=pick_dtype(precision, device),
        _model=model,
        _tokenizer=tokenizer,
        _mean=torch.tensor(preprocess.get("mean", open_clip.OPENAI_DATASET_MEAN), device=device).view(
            3, 1, 1
        ),
        _std=torch.tensor(preprocess.get("std", open_clip.OPENAI_DATASET_STD), device=device).view(3, 1, 1),
    )


def split_weight(spec: str) -> tuple[str, float]:
    """Split `NAME[::WEIGHT]` as `--clip` takes it; the weight is 1 if not given.

    Raises:
        UsageError: the weight is no number above 0.
    """
    name, _, weight = spec.partition("::")
    try:
        value = float(weight) if weight else 1.0
    except ValueError:
        value = 0.0
    if not name or not 0 < value < float("inf"):
        raise UsageError(
            f"--clip {spec}: a weight is a number above 0. Type for example --clip {name or 'tiny'}::0.5."
        )
    return name, value


def tokens(name: str, text: str) -> tuple[list[str], int]:
    """Return `text` in the tokens of the CLIP called `name`, and how many of them it can read."""
    import open_clip

    tokenizer = _tokenizer(_locate(name)[0])
    if not isinstance(tokenizer, open_clip.SimpleTokenizer):
        raise UsageError(f"--clip {name} has a tokenizer of its own kind; its tokens cannot be shown.")
    pieces = [tokenizer.decoder[token] for token in tokenizer.encode(text)]
    return pieces, int(tokenizer.context_length) - 2


@cache
def _tokenizer(location: str) -> Any:
    import open_clip

    return open_clip.get_tokenizer(location)


def _locate(name: str) -> tuple[str, str | None]:
    """Return what open_clip calls the model `name`: its model name and its pretrained tag."""
    import open_clip

    logging.getLogger().setLevel(max(logging.getLogger().level, logging.WARNING))
    if name in embedded.NAMES:
        return LOCAL + str(embedded.folder(name)), None
    if name.startswith(LOCAL):
        folder = Path(name.removeprefix(LOCAL))
        for needed in ("open_clip_config.json", "open_clip_model.safetensors"):
            if not (folder / needed).is_file():
                raise ModelError(f"--clip {name}: there is no {needed} in {folder}.")
        return name, None
    model, _, tag = name.partition("/")
    known = open_clip.list_pretrained()
    if (model, tag) in known:
        return model, tag
    from difflib import get_close_matches

    near = get_close_matches(name, [*embedded.NAMES, *("/".join(pair) for pair in known)], n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ModelError(f"--clip {name}: no such model. Type tiny, local-dir:PATH or NAME/PRETRAINED.{hint}")
