"""A CLIP: pictures and texts to unit vectors in one space. Any open_clip model, the embedded one included."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.critic.concepts import NAMED, key_of, load
from clipart.critic.texts import encode
from clipart.critic.views import closer
from clipart.device import pick_dtype
from clipart.errors import ModelError
from clipart.models import hub
from clipart.models.source import Source, find_source, make_tokenizer
from clipart.models.weights import SAFE, read_tensors, require_tensors
from clipart.prompt import Part


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
    _source: Source

    def encode_images(self, images: Tensor) -> Tensor:
        """Return unit vectors (n, d) float32 of `images` (n, 3, side, side), RGB in [0, 1]."""
        images = (images.to(self.device) - self._mean) / self._std
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            features = self._model.encode_image(images)
        return F.normalize(features.float(), dim=-1)

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return unit vectors (n, d) float32 of `texts`, always in float32 arithmetic.

        Those of a long list are kept on disk for the next run.
        """
        found = encode(texts, self._encode_texts, lambda: f"{self._source.identity()} {self.device.type}")
        return found.to(self.device)

    @torch.no_grad()
    def _encode_texts(self, texts: list[str]) -> Tensor:
        features = self._model.encode_text(self._tokenizer(texts).to(self.device))
        return F.normalize(features.float(), dim=-1)

    def encode_part(self, part: Part, held: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the unit vector (d,) of a part of a prompt, its emphasis applied.

        e = normalise(e_full + sum over spans of (w - 1) (e_full - e_without the span)). Of a part that is a
        picture, (1, 3, height, width) in `held`, it is the mean of the CLIP's views of it.
        """
        if part.picture:
            return self.encode_shown((held or {})[part.picture])
        if held and (key := key_of(self.name, part)) in held:
            return held[key].to(self.device)
        emphases = part.emphases()
        full, *without = self._with_concepts([part.text, *(text for text, _ in emphases)])
        moved = full.clone()
        for (_, weight), other in zip(emphases, without, strict=True):
            moved += (weight - 1) * (full - other)
        return F.normalize(moved, dim=-1)

    def _with_concepts(self, texts: list[str]) -> Tensor:
        """Return unit vectors (n, d) of `texts`, with what the concepts in them differ by from their words.

        A text that is a concept and nothing else is its vector. Where other words stand around it, they are
        read with its word in its place, and moved by the difference of vector and word.

        Raises:
            UsageError: there is no concept of that name, or it was not learned with this CLIP.
        """
        if not any(NAMED.search(text) for text in texts):
            return self.encode_texts(texts)
        concepts = {name: load(name) for text in texts for name in NAMED.findall(text)}
        found = self.encode_texts([NAMED.sub(lambda m: concepts[m[1]].word, text) for text in texts])
        words = self.encode_texts([each.word for each in concepts.values()])
        moves = {
            name: each.vector(self.identity, self.name, len(word)).to(self.device) - word
            for (name, each), word in zip(concepts.items(), words, strict=True)
        }
        rows = [
            row + sum((moves[name] for name in NAMED.findall(text)), torch.zeros_like(row))
            for row, text in zip(found, texts, strict=True)
        ]
        return F.normalize(torch.stack(rows), dim=-1)

    @property
    def identity(self) -> str:
        """A name that no other model has: of the weights, and of how they are used."""
        return self._source.identity()

    @torch.no_grad()
    def encode_shown(self, picture: Tensor) -> Tensor:
        """Return the unit vector (d,) of `picture` (1, 3, height, width): the mean of views of it."""
        return F.normalize(self.encode_images(closer(picture.to(self.device), self.side)).mean(dim=0), dim=0)

    @property
    def image_tower(self) -> Any:
        """The module that sees pictures, for those who look into it."""
        return self._model.visual


def load_clip(name: str, device: torch.device, precision: str = "auto") -> Clip:
    """Load the CLIP called `name`, in a notation of `clipart.models.spec`; it is never fetched here.

    Raises:
        ModelError: the model is not there, or does not fit its own description.
    """
    open_clip = hub.open_clip()

    source = find_source(name)
    try:
        # Weights are drawn before they are read; that must not move the caller's generator.
        with hub.quietly(), torch.random.fork_rng(devices=[]):
            model = open_clip.create_model(
                source.location, load_weights=False, pretrained_text=False, **source.options
            )
            tokenizer = make_tokenizer(name, source.location, source.tokenizer)
            _fill(model, source.weights)
    except (MemoryError, ModelError):
        raise
    except Exception as error:  # what a configuration or weights that do not fit make of a model
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"--clip {name}: the model cannot be loaded ({reason}). `clipart doctor` shows what is there."
        ) from error
    model = model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    dtype = cast_once(model.visual, pick_dtype(precision, device))
    side = model.visual.image_size
    preprocess = model.visual.preprocess_cfg
    return Clip(
        name=name,
        side=int(side if isinstance(side, int) else side[0]),
        scale=float(model.logit_scale.detach().exp()),
        device=device,
        dtype=dtype,
        _model=model,
        _tokenizer=tokenizer,
        _mean=torch.tensor(preprocess["mean"], device=device).view(3, 1, 1),
        _std=torch.tensor(preprocess["std"], device=device).view(3, 1, 1),
        _source=source,
    )


def cast_once(tower: nn.Module, dtype: torch.dtype) -> torch.dtype:
    """Cast the weights of convolutions and linear layers to `dtype`, and return it.

    Autocast would do so at every call: it keeps what it has cast only of weights that want a gradient, and
    these want none. The arithmetic is the same. Layers inside an attention are left: it looks at the types
    of its weights by itself.
    """
    within = {
        id(each)
        for layer in tower.modules()
        if isinstance(layer, nn.MultiheadAttention)
        for each in layer.modules()
    }
    for layer in tower.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and id(layer) not in within:
            layer.to(dtype)
    return dtype


def _fill(model: Any, weights: Path) -> None:
    """Read `weights` into `model`; open_clip only ever sees safetensors."""
    open_clip = hub.open_clip()

    if weights.suffix == SAFE:
        require_tensors(weights)  # open_clip ends at the first of them
        open_clip.load_checkpoint(model, str(weights))
        return
    with tempfile.TemporaryDirectory(prefix="clipart-") as folder:
        safe = Path(folder) / "weights.safetensors"
        save_file({name: each.contiguous() for name, each in read_tensors(weights).items()}, safe)
        open_clip.load_checkpoint(model, str(safe))
