"""Drawings out of joint: all their parts, or half of them, and not the thing.

A tower that averages its last map is content with parts that lie about, and pictures climbed on it fall apart. Here it learns
that tiles which changed places, a shape bent until it folds, and a drawing of which half is gone are not to be called by the
drawing's name (`training.losses.broken_loss`). Shuffled tiles are the jigsaw puzzles of Noroozi and Favaro (arXiv 1603.09246).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from training.runtime import normal, uniform

BEND = 0.45  # standard deviation of the displacement, in half views


def break_up(layer: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Drawings (B, 4, S, S), premultiplied, out of joint: a sixth in 2 x 2 tiles, a sixth in 4 x 4, a third bent, a third hollow.

    Shapes do not depend on what is drawn, so that nothing waits for the host. S is a multiple of 4.
    """
    n = len(layer)
    if n == 0:
        return layer
    coarse, fine, folded, faded = layer.tensor_split([n // 6, n // 3, 2 * n // 3])
    return torch.cat(
        [shuffled(coarse, 2, rng), shuffled(fine, 4, rng), bent(folded, rng), hollow(faded, rng)]
    )


def shuffled(layer: torch.Tensor, count: int, rng: torch.Generator) -> torch.Tensor:
    """`count` x `count` tiles of (B, 4, S, S) change places; now and then they fall back into their own."""
    n, _, size, _ = layer.shape
    side = size // count
    tiles = layer.view(n, 4, count, side, count, side).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    order = uniform(n, count**2, rng=rng).argsort(1)
    tiles = tiles.gather(1, order[:, :, None, None, None].expand_as(tiles)).unflatten(1, (count, count))
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(layer.shape)


def bent(layer: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """(B, 4, S, S) resampled through a smooth flow with 4 x 4 knots, so wide that it folds.

    The elastic distortions of Simard, Steinkraus and Platt (2003), far beyond what leaves a drawing readable.
    """
    n, _, size, _ = layer.shape
    if n == 0:
        return layer
    flow = F.interpolate(BEND * normal(n, 2, 4, 4, rng=rng), (size, size), mode="bicubic", align_corners=True)
    still = torch.eye(2, 3, device=layer.device).expand(n, 2, 3)
    grid = F.affine_grid(still, list(layer.shape), align_corners=False) + flow.permute(0, 2, 3, 1)
    return F.grid_sample(layer, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def hollow(layer: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Of (B, 4, S, S) about a half fades away, in smooth patches."""
    n, _, size, _ = layer.shape
    mask = F.interpolate(normal(n, 1, 5, 5, rng=rng), (size, size), mode="bicubic")
    return layer * (8 * mask).sigmoid()
