"""Checkpoints as safetensors and JSON: weights, their average, AdamW's moments, the random stream. Never pickle."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn


def save_state(
    folder: Path,
    model: nn.Module,
    ema: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: torch.Generator,
    step: int,
    seconds: float,
) -> None:
    """Write `state.safetensors` and `state.json` atomically (the JSON last; it carries the step that must match)."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()} | {
        f"ema.{k}": v for k, v in ema.state_dict().items()
    }
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    tensors["rng"] = rng.get_state()
    _replace(
        folder / "state.safetensors",
        lambda p: save_file({k: v.clone().contiguous() for k, v in tensors.items()}, p, {"step": str(step)}),
    )
    _replace(folder / "state.json", lambda p: p.write_text(json.dumps({"step": step, "seconds": seconds})))


def load_state(
    folder: Path, model: nn.Module, ema: nn.Module, optimiser: torch.optim.Optimizer, rng: torch.Generator
) -> tuple[int, float]:
    """Load what `save_state` wrote; returns (step, seconds), zeros when there is nothing yet."""
    if not (folder / "state.json").exists():
        return 0, 0.0
    facts = json.loads((folder / "state.json").read_text())
    tensors = load_file(folder / "state.safetensors")
    for name, module in (("model", model), ("ema", ema)):
        module.load_state_dict(
            {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        )
    state = optimiser.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, field = key.split(".", 2)
            state["state"].setdefault(int(index), {})[field] = value
    optimiser.load_state_dict(state)
    rng.set_state(tensors["rng"])
    return int(facts["step"]), float(facts["seconds"])


def _replace(path: Path, write) -> None:
    temporary = path.with_suffix(path.suffix + ".tmp")
    write(temporary)
    temporary.replace(path)
