"""What can be trained: the table of image towers, the text tower's shape, and the two sides while an image tower learns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from open_clip.timm_model import TimmModel
from torch import nn

from training.data import Look, Split

IMAGE_SIZE = 64
# Loader statistics in open_clip's preprocess_cfg; the network sees (x - MEAN) / STD.
MEAN, STD = 0.5, 0.25
# Of all text towers. Bytes of the finished models, as float16 (BatchNorm's running statistics too):
#   tiny           image   5,610,208   text  6,636,802    (49,408 tokens x 64 x 2 are 6,324,224 of the text's)
#   tiny-80        image   4,720,736   text  6,636,802
#   judge          image   4,720,736   text  6,636,802
#   judge-resnet   image   9,922,368   text  6,636,802
#   VQGAN                  5,408,438   in all 40,370,524 without judge-resnet and 56,929,694 with it, and some 100,000 for
#                                      the names of the tensors in the files' heads.
# At width 96 a table has 9,486,336.
TEXT_WIDTH = 64
OWN = 0.1  # what a name's own row counts: Adam's steps are of one size, and the rows begin at nothing
EMBED = TEXT_WIDTH  # a text tower's last projection spans no more (training/README.md)


LESSON = 256  # numbers of what a frozen network sees in a view (training/features.py)
# How both critics see drawings: the same views but for their size, so that they can be taught from the same lessons.
CRITIC_LOOK = Look(
    size=IMAGE_SIZE, extent=(0.7, 1.12), bend=0.07, erase_share=0.0, dye_share=0.5, broken_share=0.33
)


@dataclass(frozen=True)
class Tower:
    """An image tower and how it is trained.

    Attributes:
        timm: name of the network in timm.
        out: where the finished model goes.
        eps: largest L2 radius of the attack when it starts and when it has risen; zeros for no attack.
        clean_share: share of the budget before the attack starts.
        rise_share: share of the budget during which its radius rises.
    """

    timm: str
    out: str
    seed: int
    eps: tuple[float, float] = (0.0, 0.0)
    clean_share: float = 1.0
    rise_share: float = 0.4
    look: Look = Look(size=IMAGE_SIZE)  # noqa: RUF009  (frozen)
    split: Split = Split()  # noqa: RUF009  (frozen)

    @property
    def vision(self) -> dict[str, object]:
        """open_clip's `vision_cfg`."""
        return {
            "timm_model_name": self.timm,
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": self.look.size,
        }


TOWERS = {
    # cs3darknet: SiLU throughout, plain 3x3 convolutions, the fastest smooth network of its size on a CPU (measured).
    # It learns to be sure of whole things only: drawings out of joint, and no boxes blotted out of those that are sound.
    "tiny": Tower(
        "cs3darknet_s",
        "clipart/models/tiny",
        seed=0,
        eps=(1.0, 8.0),
        clean_share=0.19,
        look=CRITIC_LOOK,
    ),
    # The second critic, of the judge's network (below) and 80 px: another family, so that what one of them takes for a
    # thing by mistake the other does not. Attacked and shown what is out of joint as the first is.
    "tiny-80": Tower(
        "regnetx_002",
        "clipart/models/tiny-80",
        seed=2,
        eps=(1.0, 8.0),
        clean_share=0.19,
        look=replace(CRITIC_LOOK, size=80),
    ),
    # regnetx: ReLU and grouped convolutions, so another family; of those that fit it was the one with the most weights
    # and the most views a second in training on a CPU (measured: 374 a core, cs3darknet_s 284, starnet_s150 258,
    # dla46_c 220, convnext_zepto_rms 204, ese_vovnet19b_slim 136). Its attack is weaker: it is there to generalise.
    "judge": Tower(
        "regnetx_002",
        "clipart/models/tiny-judge",
        seed=1,
        eps=(0.5, 4.0),
        clean_share=0.88,
        rise_share=0.05,
        look=Look(size=80, extent=(0.75, 1.12), bend=0.07, noise=0.1, erase_share=0.1, dye_share=0.6),
        split=Split("judge", dropped=0.1, groups=((0, 1.4), (1, 2.8), (8, 3.3)), silhouettes=2.0),
    ),
    # A judge that has no part in any picture, now that the network of the judge above climbs as well (tiny-80): a third
    # family, plain 3x3 convolutions with shortcuts, twice the weights. Of those tried on a core at 80 px, 64 views in
    # bfloat16: regnetx_002 457 views a second, cs3darknet_s 389, mobilenetv4_conv_small 273, resnet10t 265, hgnetv2_b0 207,
    # repvgg_a0 208, resnet14t 156, tf_efficientnet_lite0 97. Its views are those of the lessons (training/features.py).
    "judge-resnet": Tower(
        "resnet10t",
        "clipart/models/tiny-resnet",
        seed=3,
        eps=(0.5, 4.0),
        clean_share=0.9,
        rise_share=0.05,
        look=replace(CRITIC_LOOK, size=80),
    ),
}


def text_config(width: int = TEXT_WIDTH) -> dict[str, int | bool]:
    """open_clip's `text_cfg`: a small transformer on the stock tokens."""
    return {
        "context_length": 32,
        "vocab_size": 49408,
        "width": width,
        "heads": 4,
        "layers": 3,
        "proj_bias": True,
    }


def clip_config(tower: Tower, width: int = TEXT_WIDTH) -> dict[str, object]:
    """open_clip's `model_cfg` of a finished model."""
    return {"embed_dim": EMBED, "vision_cfg": tower.vision, "text_cfg": text_config(width)}


class ImageTower(nn.Module):
    """open_clip's image tower, and a linear map of the teacher's embeddings that stands for the text side meanwhile.

    `image`: views (B, 3, S, S) in [0, 1] to unit (B, EMBED). `text`: teacher rows (B, 384) to unit (B, EMBED), where `row`
    (B,) says which texts they are, names are moved by what the pictures taught about them: MiniLM puts "cat" and "dog", or
    "man running" and "woman running", closer together than their drawings are. `guess` is for lessons (training/features.py)
    only, and is not exported.
    """

    def __init__(self, tower: Tower, teacher: torch.Tensor, names: torch.Tensor) -> None:
        """All texts' embeddings (N, 384), and which of their rows are names of pictures."""
        super().__init__()
        v = tower.vision
        self.visual = TimmModel(
            v["timm_model_name"], EMBED, v["image_size"], pool=v["timm_pool"], proj=v["timm_proj"]
        )
        self.guess = nn.Linear(self.visual.trunk.num_features, LESSON)
        self.map = nn.Linear(teacher.shape[1], EMBED, bias=False)
        self.own = nn.Embedding(len(names) + 1, EMBED, padding_idx=0)  # 0: a text that is no name
        nn.init.zeros_(self.own.weight)
        slot = torch.zeros(len(teacher), dtype=torch.long)
        slot[names.cpu()] = torch.arange(1, len(names) + 1)
        self.register_buffer("slot", slot)
        self.register_buffer("teacher_mean", teacher.mean(0).cpu())
        self.scale = nn.Parameter(torch.tensor(2.7))

    def image(self, views: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.visual((views - MEAN) / STD), dim=-1)

    def look(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What `image` says of views, (B, EMBED), and what the network believes that its teacher sees in them, unit (B, LESSON)."""
        seen = self.visual.trunk((views - MEAN) / STD)
        return F.normalize(self.visual.head(seen), dim=-1), F.normalize(self.guess(seen), dim=-1)

    def text(self, teacher: torch.Tensor, row: torch.Tensor | None = None) -> torch.Tensor:
        """Centred first: MiniLM's short texts share a large common part."""
        mapped = self.map(teacher - self.teacher_mean)
        if row is not None:
            mapped = mapped + OWN * self.own(self.slot[row])
        return F.normalize(mapped, dim=-1)

    @torch.no_grad()
    def place(self, teacher: torch.Tensor, row: torch.Tensor, where: torch.Tensor) -> None:
        """Give the names `row` (B,), of the teacher's (B, 384), own rows by which `text` puts them at `where`, unit (B, EMBED)."""
        mapped = self.map(teacher - self.teacher_mean)
        self.own.weight[self.slot[row]] = (where - mapped) / OWN


def unit(x: torch.Tensor) -> torch.Tensor:
    """Each row of a (B, ...) batch at L2 length 1."""
    return x / x.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (x.ndim - 1))
