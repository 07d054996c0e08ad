"""Checkpoints as safetensors: weights, their average, the optimiser's moments, and how far it got. Never pickle.

They are written on the CPU and load on any device. Random numbers follow from the step (`training.runtime.reseed`).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn


def save_state(
    folder: Path,
    model: nn.Module,
    ema: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> None:
    """Write `state.safetensors` atomically; a call that is cut off leaves the last state."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()} | {
        f"ema.{k}": v for k, v in ema.state_dict().items()
    }
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    path = folder / "state.safetensors"
    save_file(
        {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()},
        path.with_suffix(".tmp"),
        {"step": str(step), "seconds": str(seconds)},
    )
    path.with_suffix(".tmp").replace(path)


def load_state(
    folder: Path, model: nn.Module, ema: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Load what `save_state` wrote; returns (step, seconds), zeros when there is nothing yet."""
    path = folder / "state.safetensors"
    if not path.exists():
        return 0, 0.0
    facts = facts_of(folder)
    tensors = load_file(path)
    for name, module in (("model", model), ("ema", ema)):
        module.load_state_dict(part(tensors, f"{name}."))
    state = optimiser.state_dict()
    for key, value in part(tensors, "optimiser.").items():
        index, field = key.split(".", 1)
        state["state"].setdefault(int(index), {})[field] = value
    optimiser.load_state_dict(state)
    return int(facts["step"]), float(facts["seconds"])


def save_averaged(folder: Path) -> None:
    """Write `averaged.safetensors`: a quarter of the state, and all that `training.align` and `training.export` need."""
    facts = {k: str(v) for k, v in facts_of(folder).items()}
    save_file(averaged(folder), folder / "averaged.safetensors", facts)


def averaged(folder: Path) -> dict[str, torch.Tensor]:
    """The averaged weights of a run, under the names of its module; the state itself may have stayed elsewhere."""
    if (folder / "state.safetensors").exists():
        return part(load_file(folder / "state.safetensors"), "ema.")
    return load_file(folder / "averaged.safetensors")


def facts_of(folder: Path) -> dict[str, str]:
    """`step` and `seconds` of a run."""
    path = folder / "state.safetensors"
    with safe_open(path if path.exists() else folder / "averaged.safetensors", "pt") as file:
        facts = file.metadata()
    if "seconds" not in facts:  # of the time when they stood in a file of their own
        facts = json.loads((folder / "state.json").read_text())
    return facts


def part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The entries whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
