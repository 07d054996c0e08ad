"""Where in a picture a CLIP finds the parts of a prompt, and which of their words it goes by.

The heat of a place is the product of two answers. One is how much the picture loses of the part's cosine when
the place is covered (occlusion, after Zeiler and Fergus, arXiv 1311.2901). The other is how surely squares
around the place are taken for the part when each is looked at by itself. Of a part that no square is taken
for, all heat is faint. `bench/explain.py` measures how much of the heat lies on the right thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from clipart.critic.clip import Clip
from clipart.critic.rivals import rivals
from clipart.critic.views import resample, whole
from clipart.prompt import Part, Prompt, parse
from clipart.seeing.looking import looking, read, still

CELLS = 32  # of a heat map along the short side of the picture
# How many places along a side, and how large they are, as a part of the short side.
COVERED = ((12, 0.25), (8, 0.4))
LOOKED_AT = ((8, 0.35), (8, 0.5), (8, 0.7))
CLEAR = 0.2  # how surely the best square is the part, 0 to 1, from which on the heat is at its full
SOFTNESS = 0.5  # of the CLIP's own scale, for how sure a square is: at all of it, few squares are anything
_AT_ONCE = 64  # views of 80 pixels; larger ones are fewer


@dataclass(frozen=True)
class WordLost:
    """A word of a part, and how much of the cosine goes when it is left out; below 0 where it hinders."""

    text: str
    lost: float


@dataclass(frozen=True)
class Explained:
    """What is known of one part of a prompt in a picture.

    `heat` is (rows, columns) in [0, 1], highest where most of the match comes from. The highest is 1 if some
    square is taken for the part with `CLEAR` or more, and as much lower as it is less sure; it is 0 where
    there is nothing. `words` is empty for a part of one word. `cosine` and `match` are those of the whole
    picture.
    """

    text: str
    weight: float
    cosine: float
    match: float
    heat: Tensor
    words: tuple[WordLost, ...]

    def share(self, top: float, left: float, bottom: float, right: float) -> float:
        """Return the share of the heat, 0 to 1, in a box, given in parts of the height and width."""
        rows, columns = self.heat.shape
        inside = self.heat[
            round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)
        ]
        return float(inside.sum() / self.heat.sum().clamp(min=1e-9))


def explain(image: Path | str | Tensor, prompt: str | Prompt, *, clip: str | None = None) -> list[Explained]:
    """Say of every part of a prompt where a CLIP finds it in a picture, and by which words.

    Args:
        image: a file, or (1, 3, height, width) in [0, 1].
        prompt: its parts are looked for in all of the picture, wherever a run would place them.
        clip: the CLIP that looks; by default the judge of the embedded critic.

    Raises:
        UsageError: it is no picture; a wrong prompt.
        ModelError: the CLIP is not on this machine.
    """
    parsed = parse(prompt) if isinstance(prompt, str) else prompt
    picture = read(image) if isinstance(image, Path | str) else image
    with still():
        return explained(looking(clip), picture, parsed)


def explained(
    clip: Clip, image: Tensor, prompt: Prompt, held: Mapping[str, Tensor] | None = None
) -> list[Explained]:
    """Return what `explain` does of `image` (1, 3, height, width), by a CLIP that is loaded.

    `held` are the pictures of the prompt's parts, by key.
    """
    texts = torch.stack([clip.encode_part(part, held) for part in prompt.parts])
    others = rivals(clip, prompt, texts)
    small = _shrunk(image.to(clip.device), clip.side)
    seen = _see(clip, [small])[0]
    cosines = texts @ seen
    match = _surely(clip, seen[None], texts, others, 1.0)[0]
    found, surest = _found(clip, small, texts, others)
    heat = _missed(clip, small, texts, cosines) * found
    for _ in range(2):  # the edges of the squares are no edges in the picture
        heat = F.avg_pool2d(heat, 3, stride=1, padding=1, count_include_pad=False)
    heat = heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    heat = heat * (torch.maximum(surest, match.cpu()) / CLEAR).clamp(max=1).view(-1, 1, 1)
    return [
        Explained(
            part.text,
            part.weight,
            float(cosines[k]),
            float(match[k]),
            heat[k].cpu(),
            _words(clip, part, seen, float(cosines[k])),
        )
        for k, part in enumerate(prompt.parts)
    ]


def _shrunk(image: Tensor, side: int) -> Tensor:
    """Return `image` with a short side of twice `side`, if it is larger: no view looks more closely."""
    height, width = image.shape[-2:]
    factor = min(1.0, 2 * side / min(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return F.interpolate(image, size=size, mode="bilinear", antialias=True) if factor < 1 else image


def _see(clip: Clip, images: list[Tensor]) -> Tensor:
    """Return the embedding of each of `images` (1, 3, height, width), as the judge looks at them: (n, d)."""
    found = clip.encode_images(torch.cat([whole(image, clip.side) for image in images]))
    return found.view(len(images), -1, found.shape[1]).mean(dim=1)


def _surely(clip: Clip, seen: Tensor, texts: Tensor, others: Tensor, softness: float) -> Tensor:
    """Return how surely each of `seen` (n, d) is each of `texts` (m, d), and none of `others`: (n, m)."""
    scale = softness * clip.scale
    own = scale * seen @ texts.T
    rest = (scale * seen @ others.T).logsumexp(dim=1, keepdim=True)
    return (own - torch.logaddexp(own, rest)).exp()


def _boxes(count: int, size: float, height: int, width: int) -> Iterator[tuple[float, float, float, float]]:
    """Yield the top, left, bottom and right of squares over a picture, in parts of its height and width.

    `count` of them stand along the short side; each has `size` of it.
    """
    short = min(height, width)
    rows, columns = round(count * height / short), round(count * width / short)
    tall, wide = size * short / height, size * short / width
    for row in range(rows):
        for column in range(columns):
            y, x = (row + 0.5) / rows, (column + 0.5) / columns
            yield y - tall / 2, x - wide / 2, y + tall / 2, x + wide / 2


def _missed(clip: Clip, image: Tensor, texts: Tensor, cosines: Tensor) -> Tensor:
    """Return the cosine that is lost where a place is covered in the colour of the picture's edge.

    (parts, rows, columns)
    """
    height, width = image.shape[-2:]
    edge = torch.cat([image[0, :, 0], image[0, :, -1], image[0, :, :, 0], image[0, :, :, -1]], dim=1)
    paper = edge.median(dim=1).values.view(1, 3, 1, 1)
    painted = _Painted(len(texts), height, width)
    for count, size in COVERED:
        boxes = list(_boxes(count, size, height, width))
        for some in range(0, len(boxes), _AT_ONCE):
            group = boxes[some : some + _AT_ONCE]
            covered = []
            for box in group:
                copy = image.clone()
                rows, columns = _slices(box, height, width)
                copy[:, :, rows, columns] = paper
                covered.append(copy)
            lost = (cosines - _see(clip, covered) @ texts.T).clamp(min=0)
            painted.add(group, lost.cpu())
        painted.next()
    return painted.total


def _found(clip: Clip, image: Tensor, texts: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return how surely squares around a place are the parts, each looked at by itself.

    (parts, rows, columns), and how surely the best square is each part, in the unit of a match: (parts,)
    """
    height, width = image.shape[-2:]
    surest = torch.zeros(len(texts))
    painted = _Painted(len(texts), height, width)
    for count, size in LOOKED_AT:
        boxes = list(_boxes(count, size, height, width))
        for some in range(0, len(boxes), _AT_ONCE):
            group = boxes[some : some + _AT_ONCE]
            maps = torch.zeros(len(group), 3, 3)
            for index, (top, left, bottom, right) in enumerate(group):
                maps[index, 0, 0], maps[index, 1, 1], maps[index, 2, 2] = right - left, bottom - top, 1
                maps[index, 0, 2], maps[index, 1, 2] = left + right - 1, top + bottom - 1
            views = resample(image, maps.to(image), (size, size), clip.side)
            seen = clip.encode_images(views)
            painted.add(group, _surely(clip, seen, texts, others, SOFTNESS).cpu())
            surest = torch.maximum(surest, _surely(clip, seen, texts, others, 1.0).amax(dim=0).cpu())
        painted.next()
    return painted.total, surest


def _slices(box: tuple[float, float, float, float], rows: int, columns: int) -> tuple[slice, slice]:
    top, left, bottom, right = box
    return (
        slice(max(0, round(top * rows)), max(0, round(bottom * rows))),
        slice(max(0, round(left * columns)), max(0, round(right * columns))),
    )


class _Painted:
    """Values of boxes laid over one another: the mean over boxes of one size at a place, then the sum."""

    def __init__(self, parts: int, height: int, width: int) -> None:
        short = min(height, width)
        self.rows, self.columns = round(CELLS * height / short), round(CELLS * width / short)
        self.total = torch.zeros(parts, self.rows, self.columns)
        self._sum, self._count = torch.zeros_like(self.total), torch.zeros(self.rows, self.columns)

    def add(self, boxes: list[tuple[float, float, float, float]], values: Tensor) -> None:
        """Lay down the values (boxes, parts) of boxes."""
        for box, value in zip(boxes, values, strict=True):
            rows, columns = _slices(box, self.rows, self.columns)
            self._sum[:, rows, columns] += value.view(-1, 1, 1)
            self._count[rows, columns] += 1

    def next(self) -> None:
        """Add what was laid down to the total, and begin anew."""
        self.total += self._sum / self._count.clamp(min=1)
        self._sum.zero_()
        self._count.zero_()


def _words(clip: Clip, part: Part, seen: Tensor, cosine: float) -> tuple[WordLost, ...]:
    """Return what each word of `part` is worth: the cosine that goes when it alone is left out."""
    words = part.text.split()
    if len(words) < 2:
        return ()
    without = [" ".join(words[:k] + words[k + 1 :]) for k in range(len(words))]
    lost = cosine - clip.encode_texts(without) @ seen
    return tuple(WordLost(word, value) for word, value in zip(words, lost.tolist(), strict=True))
