"""The critic while it is trained: open_clip's image tower and a linear map from the teacher's space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from open_clip.timm_model import TimmModel
from torch import nn

EMBED = 256
# cs3darknet: SiLU throughout, plain 3x3 convolutions, the fastest smooth network of its size on a CPU (measured).
VISION = {
    "timm_model_name": "cs3darknet_s",
    "timm_model_pretrained": False,
    "timm_pool": "avg",
    "timm_proj": "linear",
    "image_size": 64,
}
# Loader statistics in open_clip's preprocess_cfg; the network sees (x - MEAN) / STD.
MEAN, STD = 0.5, 0.25


class Critic(nn.Module):
    """`image`: views (B, 3, S, S) in [0, 1] to unit (B, EMBED). `text`: teacher rows (B, 384) to unit (B, EMBED)."""

    def __init__(self, teacher_mean: torch.Tensor) -> None:
        super().__init__()
        self.visual = TimmModel(
            VISION["timm_model_name"],
            EMBED,
            VISION["image_size"],
            pool=VISION["timm_pool"],
            proj=VISION["timm_proj"],
        )
        self.map = nn.Linear(len(teacher_mean), EMBED, bias=False)
        self.register_buffer("teacher_mean", teacher_mean.clone())
        self.scale = nn.Parameter(torch.tensor(2.7))

    def image(self, views: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.visual((views - MEAN) / STD), dim=-1)

    def text(self, teacher: torch.Tensor) -> torch.Tensor:
        """Centred first: MiniLM's short texts share a large common part."""
        return F.normalize(self.map(teacher - self.teacher_mean), dim=-1)


def unit(x: torch.Tensor) -> torch.Tensor:
    """Each row of a (B, ...) batch at L2 length 1."""
    return x / x.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (x.ndim - 1))
