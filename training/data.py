"""Batches for training: pictures and captions drawn by concept, composed and corrupted as tensors.

All pictures lie in the memory of the device that trains, and a batch is made there by whole-batch tensor operations whose
shapes do not depend on what was drawn: nothing waits for the host. Everything random comes from one generator of that
device. One affine resampling takes the packed pictures (80 px, premultiplied alpha) to the views (64 or 80 px); the corruptions
are the ones that the generator loop applies.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from training.broken import break_up
from training.runtime import normal, uniform
from training.sources import SOURCES
from training.words import COLOURS

NO_FLIP_GROUPS = {8, 9}
SIDED = {"left", "right", "o'clock", "thirty", "moon", "globe"}  # words of things that are others in a mirror
SILHOUETTES = {s.name for s in SOURCES if s.glyph and s.kind in ("emoji", "font")}
COLOURED = set(COLOURS) | {"gold", "rainbow", "traffic"}  # words that tell the colour of a thing
MAX_CAPTIONS = 24


@dataclass
class Batch:
    """A batch of B pictures and scenes.

    `views` (B + N, 3, S, S) in [0, 1], the last N of them the first N drawings again, out of joint; `caption` (B,) rows of the
    teacher; `names` (B, 2) rows of the names of both things, the same one twice where there is only one; `thing` (B,), the same
    number for pictures of the same, one of its own below 0 for a scene of two.
    """

    views: torch.Tensor
    caption: torch.Tensor
    names: torch.Tensor
    thing: torch.Tensor


@dataclass(frozen=True)
class Split:
    """Which training pictures a model sees: all but a share `dropped`, drawn by a hash of `salt`, set and name.

    And how often, besides the pictures' own weights: `groups` are factors by Unicode's group of emoji, as emojibase numbers
    them, `silhouettes` is one of emoji in one colour.
    """

    salt: str = ""
    dropped: float = 0.0
    groups: tuple[tuple[int, float], ...] = ()
    silhouettes: float = 1.0

    def weight(self, record: dict) -> float:
        """What a picture weighs among those of its concept."""
        silhouette = self.silhouettes if record["set"] in SILHOUETTES else 1.0
        return record["weight"] * dict(self.groups).get(record["group"], 1.0) * silhouette

    def keeps(self, record: dict) -> bool:
        """The same answer on every machine; files of one set and name stay together."""
        digest = hashlib.sha256(f"{self.salt}/{record['set']}/{record['name']}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 >= self.dropped


class Pictures:
    """Pictures with their captions in the memory of a device: the training sets or the held-out family.

    `limit` keeps so many pictures only, for a quick look at whether everything runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        held_out: bool,
        split: Split = Split(),
        device: torch.device | str = "cpu",
        limit: int | None = None,
    ) -> None:
        known = {s.name for s in SOURCES}
        pack = json.loads((folder / "pictures.json").read_text())
        meta = json.loads((folder / "captions.json").read_text())
        rows = {text: i for i, text in enumerate(meta["texts"])}
        self.texts: list[str] = meta["texts"]
        self.records = [
            r for r in pack["pictures"] if r["held_out"] == held_out and r["set"] in known and r["weight"] > 0
            and (held_out or split.keeps(r))
        ]  # fmt: skip
        if limit is not None:
            self.records = self.records[:: max(1, len(self.records) // limit)]
        self.rgba = load_pictures(
            folder / "pictures.bin", self.records, pack["size"]
        )  # (N, 4, P, P) uint8, premultiplied
        n = len(self.records)
        concepts = {c: i for i, c in enumerate(sorted({r["concept"] for r in self.records}))}
        self.concept = torch.tensor([concepts[r["concept"]] for r in self.records])
        self.name = torch.tensor([rows[r["name"]] for r in self.records])
        # what is the same thing to the losses: a man that runs and a woman that runs are one concept, but two emoji
        things = [r["concept"] if r["group"] is None else r["name"] for r in self.records]
        number = {thing: i for i, thing in enumerate(sorted(set(things)))}
        self.thing = torch.tensor([number[thing] for thing in things])
        self.is_emoji = torch.zeros(len(self.texts), dtype=torch.bool)
        self.is_emoji[[rows[r["name"]] for r in self.records if r["group"] is not None]] = True
        self.glyph = torch.tensor([r["glyph"] for r in self.records])
        names = {r["name"] for r in self.records}
        self.flip = torch.tensor([may_flip(r, names) for r in self.records])
        self.tells_colour = torch.tensor([bool(COLOURED & set(text.split())) for text in self.texts])
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
        self.weight = concept_weights(torch.tensor([split.weight(r) for r in self.records]), self.concept)
        self.cumulative = cumulative(self.weight)
        self.caption_cumulative = cumulative(self.caption_weight)
        # pictures of each concept, so that a pair of concepts gives a pair of pictures: `by_concept[first : first + count]`
        self.by_concept = self.concept.argsort(stable=True)
        self.concept_count = torch.bincount(self.concept, minlength=len(concepts))
        self.concept_first = self.concept_count.cumsum(0) - self.concept_count
        colourful = set(self.concept[~self.glyph].tolist())
        scenes = [
            (concepts[a], concepts[b], rows[t]) for a, b, t in meta["scenes"]
            if concepts.get(a) in colourful and concepts.get(b) in colourful
        ]  # fmt: skip
        self.scenes = torch.tensor(scenes, dtype=torch.long).view(
            -1, 3
        )  # concept, concept, row of the caption
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, value.to(device))


def may_flip(record: dict, names: set[str]) -> bool:
    """Whether a picture is still called by its name in a mirror, when there are pictures of those `names`."""
    sided = bool(SIDED & set(record["name"].split())) or f"{record['name']} facing right" in names
    return record["group"] not in NO_FLIP_GROUPS and not sided


def load_pictures(path: Path, records: list[dict], size: int) -> torch.Tensor:
    """Decode WebP blobs into (N, 4, size, size) uint8 with colour premultiplied by alpha."""
    blobs = path.read_bytes()
    out = np.empty((len(records), size, size, 4), dtype=np.uint8)

    def decode(i: int) -> None:
        at, length = records[i]["at"], records[i]["bytes"]
        pixels = np.array(Image.open(io.BytesIO(blobs[at : at + length])).convert("RGBA"))
        pixels[..., :3] = (pixels[..., :3].astype(np.uint16) * pixels[..., 3:] // 255).astype(np.uint8)
        out[i] = pixels

    with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock
        list(pool.map(decode, range(len(records))))
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def concept_weights(weight: torch.Tensor, concept: torch.Tensor) -> torch.Tensor:
    """Chance of each picture, (N,): a concept weighs as the square root of its pictures' weight, shared among them."""
    total = torch.zeros(int(concept.max()) + 1).index_add_(0, concept, weight)
    p = weight / total[concept].clamp_min(1e-9) ** 0.5
    return p / p.sum()


def cumulative(weight: torch.Tensor) -> torch.Tensor:
    """Running sums of (..., N) weights as shares, ending at exactly 1: a uniform number falls into place by comparison.

    Instead of `torch.multinomial`, which on a GPU may check its weights on the host and so wait for all work before it.
    """
    total = weight.double().cumsum(-1)
    if not (total[..., -1] > 0).all():
        raise ValueError("something to draw from weighs nothing: build the captions again (training.teacher)")
    return (total / total[..., -1:]).float()


# --- one batch ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How views are made. The defaults are the corruptions of the generator loop.

    `extent` is the least and the largest size of a picture that is alone, of the view's side. `bend` is how far drawings are bent:
    the standard deviation of moves at 4 x 4 knots, of half a picture (elastic distortions, Simard et al. 2003). `dye_share` of the
    coloured pictures have other hues, or are grey, unless name or caption tells the colour.
    `broken_share` of a batch comes a second time, out of joint: its first drawings. The scenes of two, `scene_share`, are its
    last ones, and the two shares must sum to 1 at most.
    """

    size: int = 64
    extent: tuple[float, float] = (0.6, 1.12)
    bend: float = 0.0
    scene_share: float = 0.18
    noise: float = 0.15
    erase_share: float = 0.15
    noise_share: float = 0.6
    blur_share: float = 0.2
    dye_share: float = 0.0
    broken_share: float = 0.0


def some_of(count: int, share: float, rng: torch.Generator) -> torch.Tensor:
    """Places of a share of `count` views, drawn without replacement: always as many, so that shapes are known."""
    return uniform(count, rng=rng).argsort()[: round(count * share)]


def draw_batch(pictures: Pictures, count: int, look: Look, rng: torch.Generator) -> Batch:
    """`count` views with one caption each; the last `scene_share` of them are scenes of two things."""
    n_scenes = int(count * look.scene_share) if len(pictures.scenes) else 0
    index = torch.searchsorted(pictures.cumulative, uniform(count, rng=rng), right=True)
    slot = (pictures.caption_cumulative[index] <= uniform(count, 1, rng=rng)).sum(1, keepdim=True)
    caption = pictures.caption[index].gather(1, slot)[:, 0]
    thing = pictures.thing[index]
    last = slice(count - n_scenes, count)
    if n_scenes:
        index[last], second, row = draw_scenes(pictures, n_scenes, rng)
        caption[last] = row
        thing[last] = -1 - torch.arange(n_scenes, device=rng.device)  # a scene is like no single picture
    names = pictures.name[index][:, None].repeat(1, 2)
    if n_scenes:
        names[last, 1] = pictures.name[second]
    layer, colour = take(pictures, index, caption, look, rng)
    coloured = pictures.coloured[index].gather(1, colour[:, None])[:, 0]
    told = (coloured > 0) & (uniform(count, rng=rng) < 0.6) & (thing >= 0)
    caption = torch.where(told, coloured, caption)
    theta = placements(count, pictures.flip[index], rng, look.extent)
    if n_scenes:
        layer2, _ = take(pictures, second, row, look, rng)
        theta2 = placements(n_scenes, pictures.flip[second], rng, look.extent)
        sides(theta[last], theta2, rng)
    layer = warp(layer, theta, look.size, bends(count, look.bend, rng))
    if n_scenes:
        layer[last] = over(warp(layer2, theta2, look.size, bends(n_scenes, look.bend, rng)), layer[last])
    views = show(layer, look, rng)
    if look.broken_share:
        views = torch.cat([views, show(break_up(layer[: round(count * look.broken_share)], rng), look, rng)])
    return Batch(views, caption, names, thing)


def show(layer: torch.Tensor, look: Look, rng: torch.Generator) -> torch.Tensor:
    """Premultiplied layers (B, 4, S, S) on grounds of their own, corrupted: (B, 3, S, S) in [0, 1]."""
    return corrupt(composite(layer, backgrounds(len(layer), look.size, rng)), look, rng)


def take(
    pictures: Pictures, index: torch.Tensor, caption: torch.Tensor, look: Look, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (B, 4, P, P) premultiplied in [0, 1], glyphs painted, others dyed, and the colour of each glyph, (B,)."""
    layer = pictures.rgba[index].float().div_(255)
    colour = paint(layer, pictures.glyph[index], rng)
    if look.dye_share:
        fast = (
            pictures.glyph[index]
            | pictures.tells_colour[pictures.name[index]]
            | pictures.tells_colour[caption]
        )
        dye(layer, ~fast & (uniform(len(layer), rng=rng) < look.dye_share), rng)
    return layer, colour


def draw_scenes(
    pictures: Pictures, count: int, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`count` pairs of things: a picture of one, a picture of the other, the row of the caption, (count,) each."""
    scene = (uniform(count, rng=rng) * len(pictures.scenes)).long()
    a, b, row = pictures.scenes[scene].unbind(1)

    def one_of(concept: torch.Tensor) -> torch.Tensor:
        place = (uniform(count, rng=rng) * pictures.concept_count[concept]).long()
        return pictures.by_concept[pictures.concept_first[concept] + place]

    return one_of(a), one_of(b), row


@functools.cache
def palette(device: torch.device) -> torch.Tensor:
    """(colours, 3) in [0, 1], in the order of their names."""
    return torch.tensor(list(COLOURS.values()), device=device) / 255


def paint(layer: torch.Tensor, glyph: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Give the glyphs, (B,) bool, of a (B, 4, P, P) premultiplied batch a named colour in place; its index, (B,)."""
    table = palette(layer.device)
    colour = torch.randint(len(table), (len(layer),), generator=rng, device=rng.device)
    rgb = (table[colour] + 0.06 * normal(len(layer), 3, rng=rng)).clamp_(0, 1)
    layer[:, :3] = torch.where(glyph[:, None, None, None], layer[:, 3:] * rgb[:, :, None, None], layer[:, :3])
    return colour


def dye(layer: torch.Tensor, some: torch.Tensor, rng: torch.Generator) -> None:
    """Turn the hues of `some`, (B,) bool, of a (B, 4, P, P) premultiplied batch in place, and change their saturation; a sixth are grey."""
    n = len(layer)
    angle = 0.35 * normal(n, 1, 1, rng=rng)
    saturation = torch.where(uniform(n, 1, 1, rng=rng) < 1 / 6, 0.0, 0.4 + uniform(n, 1, 1, rng=rng))
    eye, grey = torch.eye(3, device=layer.device), torch.full((3, 3), 1 / 3, device=layer.device)
    luma = torch.tensor([0.299, 0.587, 0.114], device=layer.device).expand(3, 3)
    across = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=layer.device) / 3**0.5
    turn = grey + torch.cos(angle) * (eye - grey) + torch.sin(angle) * across  # about the grey axis
    turn = torch.where(some[:, None, None], luma + saturation * (turn - luma), eye)
    rgb = torch.einsum("bij,bjhw->bihw", turn, layer[:, :3])
    layer[:, :3] = torch.minimum(rgb.clamp_min_(0), layer[:, 3:])  # premultiplied: no colour above its alpha


def placements(
    count: int, flip: torch.Tensor, rng: torch.Generator, extent: tuple[float, float] = Look.extent
) -> torch.Tensor:
    """(count, 2, 3) maps from view to picture coordinates: mostly the whole thing, turned, sheared and moved a little."""
    rand = lambda low, high: low + (high - low) * uniform(count, rng=rng)  # noqa: E731
    zoom = 1 / rand(*extent)
    angle = 0.16 * normal(count, rng=rng)
    shear = 0.06 * normal(count, rng=rng)
    stretch = torch.exp(0.07 * normal(count, rng=rng))
    sign = torch.where(flip & (uniform(count, rng=rng) < 0.5), -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack([sign * zoom * stretch * cos, zoom * (sin + shear), rand(-0.22, 0.22),
                         -sign * zoom * sin, zoom / stretch * cos, rand(-0.22, 0.22)], 1)  # fmt: skip
    return theta.view(count, 2, 3)


def sides(first: torch.Tensor, second: torch.Tensor, rng: torch.Generator) -> None:
    """Change placements in place so that two things stand side by side or one above the other, each at half the size."""
    n = len(first)
    sign = torch.where(uniform(n, rng=rng) < 0.5, -1.0, 1.0)
    across = (uniform(n, rng=rng) < 0.8).float()
    for theta, s in ((first, sign), (second, -sign)):
        scale = 1.55 + 0.35 * uniform(n, rng=rng)
        theta[:, :, :2] /= theta[:, :, :2].abs().amax((1, 2), keepdim=True)
        theta[:, :, :2] *= scale[:, None, None]
        # a thing at (x, y) in the view: theta maps (x, y) to the picture's middle
        where = torch.stack([0.5 * s * across, 0.5 * s * (1 - across)], 1) + 0.06 * normal(n, 2, rng=rng)
        theta[:, :, 2] = -(theta[:, :, :2] @ where[:, :, None])[:, :, 0]


def bends(count: int, bend: float, rng: torch.Generator) -> torch.Tensor | None:
    """Moves (count, 2, 4, 4) across and down, in halves of a picture, at knots evenly spread over a view; None for no bend."""
    return bend * normal(count, 2, 4, 4, rng=rng) if bend else None


def warp(
    layer: torch.Tensor, theta: torch.Tensor, size: int, moves: torch.Tensor | None = None
) -> torch.Tensor:
    """One bilinear resampling of a (B, 4, P, P) batch to (B, 4, size, size), bent by `moves`; outside is transparent."""
    grid = F.affine_grid(theta, [len(layer), 4, size, size], align_corners=False)
    if moves is not None:
        grid += F.interpolate(moves, (size, size), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
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
    kind = uniform(count, 1, 1, 1, rng=rng)
    a, b = uniform(2, count, 3, 1, 1, rng=rng)
    light = 0.82 + 0.18 * uniform(count, 3, 1, 1, rng=rng)
    light = torch.where(uniform(count, 1, 1, 1, rng=rng) < 0.5, 1.0, light)
    a = torch.where(kind < 0.45, light, a)
    b = torch.where(kind < 0.6, a, b)
    ramp = torch.linspace(-0.5, 0.5, coarse, device=rng.device)
    angle = 6.2832 * uniform(count, 1, 1, rng=rng)
    t = 0.5 + (torch.cos(angle) * ramp[None, None] + torch.sin(angle) * ramp[None, :, None])[:, None] / 1.3
    clouds = F.interpolate(uniform(count, 3, 5, 5, rng=rng) - 0.5, (coarse, coarse), mode="bicubic")
    fine = uniform(count, 3, coarse, coarse, rng=rng) - 0.5
    faint = 0.15 * (uniform(count, 1, 1, 1, rng=rng) < 0.3)
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
    contrast = 1 + 0.35 * (uniform(n, 1, 1, 1, rng=rng) - 0.7)
    offset = 0.12 * (uniform(n, 3, 1, 1, rng=rng) - 0.5) * (uniform(n, 1, 1, 1, rng=rng) < 0.5)
    mean = views.mean((1, 2, 3), keepdim=True)
    views.mul_(contrast).add_(mean * (1 - contrast) + offset)
    some = some_of(n, look.blur_share, rng)
    soft = views[some]
    for _ in range(2):
        soft = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    views[some] = soft
    some = some_of(n, look.erase_share, rng)
    views[some] = torch.where(
        boxes(len(some), look.size, rng), uniform(len(some), 3, 1, 1, rng=rng), views[some]
    )
    some = some_of(n, look.noise_share, rng)
    amount = look.noise * uniform(len(some), 1, 1, 1, rng=rng)
    views[some] += amount * normal(len(some), *views.shape[1:], rng=rng)
    return views.clamp_(0, 1)


def boxes(count: int, size: int, rng: torch.Generator) -> torch.Tensor:
    """(count, 1, size, size) bool: a rectangle of 4 to size / 3 + 4 pixels a side in each, wholly inside."""
    side = 4 + uniform(2, count, 1, rng=rng) * (size // 3)
    start = uniform(2, count, 1, rng=rng) * (size - side)
    along = torch.arange(size, device=rng.device) + 0.5
    down, across = (start < along) & (along < start + side)
    return (down[:, :, None] & across[:, None, :])[:, None]


def plain_views(pictures: Pictures, size: int) -> torch.Tensor:
    """(N, 3, size, size): every picture once, whole, a little smaller than the frame, on white. For measuring."""
    theta = torch.tensor([[1.08, 0.0, 0.0], [0.0, 1.08, 0.0]], device=pictures.rgba.device)
    out = []
    for chunk in pictures.rgba.split(256):
        layer = warp(chunk.float() / 255, theta.expand(len(chunk), 2, 3), size)
        out.append(composite(layer, torch.ones_like(layer[:, :3])))
    return torch.cat(out)


def picture_names(folder: Path) -> torch.Tensor:
    """The rows of all training pictures' names among the texts, sorted, whatever the split."""
    rows = {text: i for i, text in enumerate(json.loads((folder / "captions.json").read_text())["texts"])}
    records = json.loads((folder / "pictures.json").read_text())["pictures"]
    return torch.tensor(sorted({rows[r["name"]] for r in records if not r["held_out"]}))


def load_teacher(folder: Path) -> torch.Tensor:
    """(texts, 384) float32 unit rows."""
    return F.normalize(load_file(folder / "captions.safetensors")["teacher"].float(), dim=-1)
