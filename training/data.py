"""Batches for training: pictures and captions drawn by concept, composed and corrupted as tensors.

Everything random comes from one CPU generator, so that a run can be resumed. One affine resampling takes the packed
pictures (80 px, premultiplied alpha) to the views (64 px); the corruptions are the ones that the generator loop applies.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from training.sources import SOURCES
from training.words import COLOURS

NO_FLIP_GROUPS = {8, 9}
MAX_CAPTIONS = 24


@dataclass
class Batch:
    """`views` (B, 3, S, S) in [0, 1]; `caption` (B,) rows of the teacher; `name` (B,) rows of the names; `concept` (B,)."""

    views: torch.Tensor
    caption: torch.Tensor
    name: torch.Tensor
    concept: torch.Tensor


class Pictures:
    """All pictures in memory with their captions, split into training and held-out."""

    def __init__(self, folder: Path, *, held_out: bool) -> None:
        known = {s.name for s in SOURCES}
        pack = json.loads((folder / "pictures.json").read_text())
        meta = json.loads((folder / "captions.json").read_text())
        rows = {text: i for i, text in enumerate(meta["texts"])}
        self.texts: list[str] = meta["texts"]
        self.records = [
            r for r in pack["pictures"] if r["held_out"] == held_out and r["set"] in known and r["weight"] > 0
        ]
        self.rgba = load_pictures(
            folder / "pictures.bin", self.records, pack["size"]
        )  # (N, 4, P, P) uint8, premultiplied
        n = len(self.records)
        concepts = {c: i for i, c in enumerate(sorted({r["concept"] for r in self.records}))}
        self.concept = torch.tensor([concepts[r["concept"]] for r in self.records])
        self.name = torch.tensor([rows[r["name"]] for r in self.records])
        self.glyph = torch.tensor([r["glyph"] for r in self.records])
        self.flip = torch.tensor([r["group"] not in NO_FLIP_GROUPS for r in self.records])
        self.caption = torch.zeros(n, MAX_CAPTIONS, dtype=torch.long)
        self.caption_weight = torch.zeros(n, MAX_CAPTIONS)
        for i, r in enumerate(self.records):
            for k, (text, weight) in enumerate(list(r["captions"].items())[:MAX_CAPTIONS]):
                if text not in rows:  # packed by a newer build than the teacher saw
                    continue
                self.caption[i, k], self.caption_weight[i, k] = rows[text], weight
        self.coloured = torch.zeros(n, len(COLOURS), dtype=torch.long)
        for i, r in enumerate(self.records):
            if r["glyph"] and r["name"] in meta["coloured"]:
                self.coloured[i] = torch.tensor(meta["coloured"][r["name"]])
        self.weight = concept_weights(torch.tensor([r["weight"] for r in self.records]), self.concept)
        # scenes: pictures of each concept, so that a pair of concepts gives a pair of pictures
        self.of_concept: dict[int, torch.Tensor] = {}
        for i, c in enumerate(self.concept.tolist()):
            self.of_concept.setdefault(c, []).append(i)  # type: ignore[union-attr, arg-type]
        self.of_concept = {c: torch.tensor(v) for c, v in self.of_concept.items()}
        colourful = {c for c, v in self.of_concept.items() if not self.glyph[v].all()}
        self.scenes = [
            (concepts[a], concepts[b], rows[t]) for a, b, t in meta["scenes"]
            if concepts.get(a) in colourful and concepts.get(b) in colourful
        ]  # fmt: skip


def load_pictures(path: Path, records: list[dict], size: int) -> torch.Tensor:
    """Decode WebP blobs into (N, 4, size, size) uint8 with colour premultiplied by alpha."""
    blobs = path.read_bytes()
    out = np.empty((len(records), size, size, 4), dtype=np.uint8)
    for i, r in enumerate(records):
        image = Image.open(io.BytesIO(blobs[r["at"] : r["at"] + r["bytes"]])).convert("RGBA")
        out[i] = np.asarray(image)
        out[i, ..., :3] = (out[i, ..., :3].astype(np.uint16) * out[i, ..., 3:] // 255).astype(np.uint8)
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def concept_weights(weight: torch.Tensor, concept: torch.Tensor) -> torch.Tensor:
    """Chance of each picture, (N,): a concept weighs as the square root of its pictures' weight, shared among them."""
    total = torch.zeros(int(concept.max()) + 1).index_add_(0, concept, weight)
    p = weight / total[concept].clamp_min(1e-9) ** 0.5
    return p / p.sum()


# --- one batch ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How views are made. The defaults are the corruptions of the generator loop."""

    size: int = 64
    scene_share: float = 0.12
    noise: float = 0.15
    erase_share: float = 0.15
    noise_share: float = 0.6
    blur_share: float = 0.2


def draw_batch(pictures: Pictures, count: int, look: Look, rng: torch.Generator) -> Batch:
    """`count` views with one caption each; the last `scene_share` of them are scenes of two things."""
    n_scenes = int(count * look.scene_share) if pictures.scenes else 0
    index = torch.multinomial(pictures.weight, count, replacement=True, generator=rng)
    slot = torch.multinomial(pictures.caption_weight[index], 1, generator=rng)[:, 0]
    caption = pictures.caption[index].gather(1, slot[:, None])[:, 0]
    name, concept = pictures.name[index].clone(), pictures.concept[index].clone()
    second = index[count - n_scenes :].clone()
    for k in range(n_scenes):
        a, b, row = pictures.scenes[_int(len(pictures.scenes), rng)]
        i = count - n_scenes + k
        index[i], second[k] = _one_of(pictures.of_concept[a], rng), _one_of(pictures.of_concept[b], rng)
        caption[i] = name[i] = row
        concept[i] = -1 - i  # a scene is like no single picture
    layer = pictures.rgba[index].float().div_(255)
    colour, painted = paint(layer, pictures.glyph[index], rng)
    told = (
        painted
        & (pictures.coloured[index, 0] > 0)
        & (torch.rand(count, generator=rng) < 0.6)
        & (concept >= 0)
    )
    caption = torch.where(told, pictures.coloured[index].gather(1, colour[:, None])[:, 0], caption)
    theta = placements(count, pictures.flip[index], rng)
    if n_scenes:
        layer2 = pictures.rgba[second].float().div_(255)
        paint(layer2, pictures.glyph[second], rng)
        theta2 = placements(n_scenes, pictures.flip[second], rng)
        sides(theta[count - n_scenes :], theta2, rng)
    layer = warp(layer, theta, look.size)
    if n_scenes:
        layer[count - n_scenes :] = over(warp(layer2, theta2, look.size), layer[count - n_scenes :])
    views = composite(layer, backgrounds(count, look.size, rng))
    return Batch(corrupt(views, look, rng), caption, name, concept)


def paint(
    layer: torch.Tensor, glyph: torch.Tensor, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give glyphs of a (B, 4, P, P) premultiplied batch a named colour in place; returns (colour index, painted)."""
    table = torch.tensor(list(COLOURS.values())).float() / 255
    colour = torch.randint(len(table), (len(layer),), generator=rng)
    jitter = 0.06 * torch.randn(len(layer), 3, generator=rng)
    rgb = (table[colour] + jitter).clamp(0, 1)
    some = torch.nonzero(glyph)[:, 0]
    layer[some, :3] = layer[some, 3:] * rgb[some][:, :, None, None]
    return colour, glyph


def placements(count: int, flip: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """(count, 2, 3) maps from view to picture coordinates: mostly the whole thing, turned, sheared and moved a little."""
    rand = lambda low, high: low + (high - low) * torch.rand(count, generator=rng)  # noqa: E731
    zoom = 1 / rand(0.6, 1.12)
    angle = 0.16 * torch.randn(count, generator=rng)
    shear = 0.06 * torch.randn(count, generator=rng)
    stretch = torch.exp(0.07 * torch.randn(count, generator=rng))
    sign = torch.where(flip & (torch.rand(count, generator=rng) < 0.5), -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack([sign * zoom * stretch * cos, zoom * (sin + shear), rand(-0.22, 0.22),
                         -sign * zoom * sin, zoom / stretch * cos, rand(-0.22, 0.22)], 1)  # fmt: skip
    return theta.view(count, 2, 3)


def sides(first: torch.Tensor, second: torch.Tensor, rng: torch.Generator) -> None:
    """Change placements in place so that two things stand side by side or one above the other, each at half the size."""
    n = len(first)
    sign = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    across = (torch.rand(n, generator=rng) < 0.8).float()
    for theta, s in ((first, sign), (second, -sign)):
        scale = 1.55 + 0.35 * torch.rand(n, generator=rng)
        theta[:, :, :2] /= theta[:, :, :2].abs().amax((1, 2), keepdim=True)
        theta[:, :, :2] *= scale[:, None, None]
        # a thing at (x, y) in the view: theta maps (x, y) to the picture's middle
        where = torch.stack([0.5 * s * across, 0.5 * s * (1 - across)], 1) + 0.06 * torch.randn(
            n, 2, generator=rng
        )
        theta[:, :, 2] = -(theta[:, :, :2] @ where[:, :, None])[:, :, 0]


def warp(layer: torch.Tensor, theta: torch.Tensor, size: int) -> torch.Tensor:
    """One bilinear resampling of a (B, 4, P, P) batch to (B, 4, size, size); outside is transparent."""
    grid = F.affine_grid(theta, [len(layer), 4, size, size], align_corners=False)
    return F.grid_sample(layer, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def over(top: torch.Tensor, bottom: torch.Tensor) -> torch.Tensor:
    """Porter-Duff 'over' of premultiplied (B, 4, S, S) layers."""
    return top + bottom * (1 - top[:, 3:])


def composite(layer: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """A premultiplied layer (B, 4, S, S) over an opaque ground (B, 3, S, S), in [0, 1]."""
    return torch.addcmul(layer[:, :3], ground, 1 - layer[:, 3:]).clamp_(0, 1)


def backgrounds(count: int, size: int, rng: torch.Generator, *, coarse: int = 16) -> torch.Tensor:
    """(count, 3, size, size): two fifths white or light, else plain, gradient, soft clouds or busy patches.

    Drawn at `coarse` pixels and enlarged once: nothing in a background is finer, and the cores go to the network.
    """
    kind = torch.rand(count, 1, 1, 1, generator=rng)
    a, b = torch.rand(2, count, 3, 1, 1, generator=rng)
    light = 0.82 + 0.18 * torch.rand(count, 3, 1, 1, generator=rng)
    light = torch.where(torch.rand(count, 1, 1, 1, generator=rng) < 0.5, torch.ones(()), light)
    a = torch.where(kind < 0.45, light, a)
    b = torch.where(kind < 0.6, a, b)
    ramp = torch.linspace(-0.5, 0.5, coarse)
    angle = 6.2832 * torch.rand(count, 1, 1, generator=rng)
    t = 0.5 + (torch.cos(angle) * ramp[None, None] + torch.sin(angle) * ramp[None, :, None])[:, None] / 1.3
    clouds = F.interpolate(torch.rand(count, 3, 5, 5, generator=rng) - 0.5, (coarse, coarse), mode="bicubic")
    fine = torch.rand(count, 3, coarse, coarse, generator=rng) - 0.5
    faint = 0.15 * (torch.rand(count, 1, 1, 1, generator=rng) < 0.3)
    ground = (
        a
        + (b - a) * t
        + torch.where(kind > 0.72, 0.7, faint) * clouds
        + torch.where(kind > 0.9, 0.8, 0.0) * fine
    )
    return F.interpolate(ground.clamp_(0, 1), (size, size), mode="bilinear")


def corrupt(views: torch.Tensor, look: Look, rng: torch.Generator) -> torch.Tensor:
    """Contrast and brightness, blur, erasing, noise, in place; (B, 3, S, S) in [0, 1] to the same."""
    n = len(views)
    contrast = 1 + 0.35 * (torch.rand(n, 1, 1, 1, generator=rng) - 0.7)
    offset = (
        0.12 * (torch.rand(n, 3, 1, 1, generator=rng) - 0.5) * (torch.rand(n, 1, 1, 1, generator=rng) < 0.5)
    )
    mean = views.mean((1, 2, 3), keepdim=True)
    views.mul_(contrast).add_(mean * (1 - contrast) + offset)
    some = torch.nonzero(torch.rand(n, generator=rng) < look.blur_share)[:, 0]
    if len(some):
        soft = views[some]
        for _ in range(2):
            soft = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
        views[some] = soft
    for i in torch.nonzero(torch.rand(n, generator=rng) < look.erase_share)[:, 0].tolist():
        h, w = _int(look.size // 3, rng) + 4, _int(look.size // 3, rng) + 4
        y, x = _int(look.size - h, rng), _int(look.size - w, rng)
        views[i, :, y : y + h, x : x + w] = torch.rand(3, 1, 1, generator=rng)
    amount = look.noise * torch.rand(n, generator=rng)
    some = torch.nonzero(torch.rand(n, generator=rng) < look.noise_share)[:, 0]
    views[some] += amount[some][:, None, None, None] * torch.randn(len(some), *views.shape[1:], generator=rng)
    return views.clamp_(0, 1)


def plain_views(pictures: Pictures, size: int) -> torch.Tensor:
    """(N, 3, size, size): every picture once, whole, a little smaller than the frame, on white. For measuring."""
    theta = torch.tensor([[1.08, 0.0, 0.0], [0.0, 1.08, 0.0]])
    out = []
    for chunk in pictures.rgba.split(256):
        layer = warp(chunk.float() / 255, theta.expand(len(chunk), 2, 3), size)
        out.append(composite(layer, torch.ones(len(chunk), 3, size, size)))
    return torch.cat(out)


def load_teacher(folder: Path) -> torch.Tensor:
    """(texts, 384) float32 unit rows."""
    return F.normalize(load_file(folder / "captions.safetensors")["teacher"].float(), dim=-1)


def _int(high: int, rng: torch.Generator) -> int:
    return int(torch.randint(high, (1,), generator=rng))


def _one_of(choices: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    return choices[_int(len(choices), rng)]
