"""Which device runs the models, and in which arithmetic."""

from __future__ import annotations

import torch

from clipart.errors import UsageError


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" takes cuda, then mps, then cpu.

    Raises:
        UsageError: this machine or this build of torch has no such device.
    """
    if name == "auto":
        for found, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
            if there:
                return torch.device(found)
        return torch.device("cpu")
    device = torch.device(name)
    if device.type == "cuda":
        there = torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    else:
        there = device.type == "cpu" or torch.backends.mps.is_available()
    if not there:
        raise UsageError(f"--device {name}: there is none here. Type --device auto, or see `clipart doctor`.")
    return device


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic of a model on `device`; "auto" takes bfloat16 where the hardware has it."""
    if precision == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Say whether `device` multiplies bfloat16 in hardware, faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # Before torch 2.11 there was no way to ask; float32 is right everywhere.
        ask = getattr(torch.cpu, "get_capabilities", dict)
        found: dict[str, object] = ask()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False
