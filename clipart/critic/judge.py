"""The judge: the fixed, un-augmented check that `until` and the summary believe."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from clipart.critic.clip import Clip
from clipart.critic.rivals import rivals
from clipart.critic.views import placed, whole
from clipart.iterates import Check, Reading
from clipart.layout import Layout
from clipart.prompt import Prompt


class Judge:
    """Scores the picture, each part of a prompt at its place.

    `match` is the probability of a part's text in a softmax, at the model's own temperature, over it and
    the shipped everyday words, without those that mean the same as a part of this prompt. Of a part that is a
    picture, from `held`, it says how surely that picture is meant and none of the words.
    """

    def __init__(
        self, clip: Clip, prompt: Prompt, layout: Layout, held: Mapping[str, Tensor] | None = None
    ) -> None:
        self.clip, self.prompt, self.layout = clip, prompt, layout
        self.texts = torch.stack([clip.encode_part(part, held) for part in prompt.parts])
        self.words = rivals(clip, prompt, self.texts)

    @torch.no_grad()
    def see(self, image: Tensor) -> Tensor:
        """Return the embedding of `image` (1, 3, height, width) where each part is looked for: (parts, d)."""
        clip, layout = self.clip, self.layout
        image = image.to(clip.device)
        if layout.count == 1 and not layout.boxes:
            looks = [whole(image, clip.side)]
        else:
            looks = placed(image, clip.side, layout)
        found = clip.encode_images(torch.cat(looks))
        there = torch.stack([each.mean(dim=0) for each in torch.split(found, [len(look) for look in looks])])
        return torch.stack([found.mean(dim=0) if p is None else there[p] for p in layout.of])

    @torch.no_grad()
    def check(self, image: Tensor, step: int) -> Check:
        """Look at `image` (1, 3, height, width) in [0, 1] after `step` steps."""
        seen = self.see(image)
        cosines = (seen * self.texts).sum(dim=1)
        rivals = torch.cat([cosines[:, None], seen @ self.words.T], dim=1)
        matches = (self.clip.scale * rivals).softmax(dim=1)[:, 0]
        return Check(
            step,
            tuple(
                Reading(part.text, part.weight, cosine, match)
                for part, cosine, match in zip(
                    self.prompt.parts, cosines.tolist(), matches.tolist(), strict=True
                )
            ),
        )
