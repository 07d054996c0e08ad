"""Begin with the weights of a finished open_clip model, as `training.export` writes it, where its run is no more, or of a run.

The image tower and the text tower are in it whole. What stood for the text side while the image tower learnt is not: the
linear map and the names' own rows are fitted to what the finished text tower says. The optimiser begins anew.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from training.checkpoint import averaged, part
from training.model import ImageTower

WEIGHTS = "open_clip_model.safetensors"


def load_finished(folder: Path) -> dict[str, torch.Tensor]:
    """State of the open_clip model in `folder`, as float32."""
    return {k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / WEIGHTS).items()}


@torch.no_grad()
def encode(folder: Path, texts: list[str]) -> torch.Tensor:
    """What the finished text tower says of `texts`, unit (N, EMBED)."""
    import open_clip

    clip = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    batches = [texts[i : i + 256] for i in range(0, len(texts), 256)]
    return torch.cat([clip.encode_text(tokenizer(batch), normalize=True) for batch in batches])


def begin(model: ImageTower, folder: Path, teacher: torch.Tensor, texts: list[str]) -> None:
    """Put a finished model, or the averaged weights of a run of the same tower, such as a mean, into `model`."""
    if (folder / WEIGHTS).exists():
        begin_image(model, folder, teacher, encode(folder, texts))
    else:
        model.load_state_dict(averaged(folder))


@torch.no_grad()
def begin_image(model: ImageTower, folder: Path, teacher: torch.Tensor, said: torch.Tensor) -> None:
    """Put the finished image tower into `model`, and fit its text side to `said`, unit (texts, EMBED), for `teacher` (texts, 384)."""
    state = load_finished(folder)
    model.visual.load_state_dict(part(state, "visual."))
    model.scale.copy_(state["logit_scale"])
    begin_words(model, teacher, said)


@torch.no_grad()
def begin_words(model: ImageTower, teacher: torch.Tensor, said: torch.Tensor) -> None:
    """Fit what stands for the text side of `model` to `said`, unit (texts, EMBED), for `teacher` (texts, 384).

    The map is the least-squares one; a name's own row makes up for what it leaves.
    """
    centred = teacher.cpu() - model.teacher_mean.cpu()
    model.map.weight.copy_(torch.linalg.lstsq(centred, said.cpu()).solution.T)
    names = model.slot.nonzero()[:, 0]
    model.place(teacher[names], names, said.to(teacher)[names])


@torch.no_grad()
def begin_text(tower: nn.Module, vocabulary: torch.Tensor, folder: Path) -> None:
    """Put the finished text tower into `tower`, open_clip's with the tokens of `vocabulary` only."""
    state = load_finished(folder)
    own = {name: state[name] for name in tower.state_dict()}
    tower.load_state_dict(own | {"token_embedding.weight": own["token_embedding.weight"][vocabulary.cpu()]})
