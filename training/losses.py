"""The contrastive loss with several positives, the mask of captions too alike to be called wrong, and unlikelihood."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def multi_positive(
    logits: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor | None = None
) -> torch.Tensor:
    """Cross-entropy of (B, N) logits against the uniform distribution over each row's positives (SupCon's L_out,
    arXiv 2004.11362). Ignored pairs are neither positive nor negative; rows without a positive do not count.
    """
    if ignored is not None:
        logits = logits.masked_fill(ignored & ~positive, float("-inf"))
    log_p = logits - logits.logsumexp(1, keepdim=True)
    count = positive.sum(1)
    per_row = -log_p.masked_fill(~positive, 0.0).sum(1) / count.clamp_min(1)
    return per_row.sum() / (count > 0).sum().clamp_min(1)  # a row without a positive has added 0


def clip_loss(
    image: torch.Tensor, text: torch.Tensor, thing: torch.Tensor, caption: torch.Tensor, teacher: torch.Tensor,
    scale: torch.Tensor, *, alike: float = 0.85, emoji: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Symmetric loss of unit (B, D) image and text embeddings.

    Pictures of one thing and equal captions are positives of one another; captions whose teacher embeddings (B, 384) have
    a cosine above `alike` are ignored, unless both are names of `emoji`, (B,) bool, which are drawn apart (`near_names`).
    """
    positive = (thing[:, None] == thing[None]) | (caption[:, None] == caption[None])
    ignored = teacher @ teacher.T > alike
    if emoji is not None:
        ignored &= ~(emoji[:, None] & emoji)
    logits = scale * image @ text.T
    return 0.5 * (multi_positive(logits, positive, ignored) + multi_positive(logits.T, positive, ignored))


def bank_loss(
    image: torch.Tensor, texts: torch.Tensor, ignored: torch.Tensor, bank: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Each image (B, D) against the names of what is in it and a bank of names (N, D) as wrong answers.

    `texts` (B, K, D) are the names' embeddings: a picture of two things has two positives, and is to lie between them.
    `ignored` (B, N) marks what is no wrong answer in the bank: those names, and what is near them or the caption.
    """
    right = scale * (image[:, None] * texts).sum(2)
    logits = torch.cat([right, scale * image @ bank.T], 1)
    positive = torch.zeros_like(logits, dtype=torch.bool)
    positive[:, : right.shape[1]] = True
    return multi_positive(logits, positive, torch.cat([positive[:, : right.shape[1]], ignored], 1))


def near_names(
    own_teacher: torch.Tensor, bank_teacher: torch.Tensor, own_emoji: torch.Tensor, bank_emoji: torch.Tensor,
    *, alike: float = 0.8,
) -> torch.Tensor:  # fmt: skip
    """(B, N): which names of the bank, by the teacher's (N, 384), say what one of a picture's texts, (B, K, 384), says.

    Of two emoji, `own_emoji` (B, K) and `bank_emoji` (N,), neither does: however alike "man running" and "woman running" or
    "five o'clock" and "six o'clock" sound, Unicode has them drawn apart.
    """
    near = own_teacher @ bank_teacher.T > alike
    return (near & ~(own_emoji[:, :, None] & bank_emoji)).any(1)


def broken_loss(
    image: torch.Tensor, text: torch.Tensor, near: torch.Tensor, bank: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """How sure the drawings out of joint are of their names: the mean of -log(1 - p) (unlikelihood, arXiv 1908.04319).

    `image` and `text`, unit (B, D), belong together; `near` (B, N) marks what says the same in the bank of names, unit (N, D),
    which has others too. p is the name's share of the softmax over it and those others.
    """
    others = (scale * image @ bank.T).masked_fill(near, float("-inf")).logsumexp(1)
    return F.softplus(scale * (image * text).sum(1) - others).mean()


def lesson_loss(guess: torch.Tensor, lesson: torch.Tensor) -> torch.Tensor:
    """How far unit (B, D) guesses are from what a frozen network saw in the same views, unit (B, D): the mean of 1 - cosine."""
    return (1 - (guess * lesson).sum(1)).mean()
