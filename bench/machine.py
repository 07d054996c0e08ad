"""One line that says where and when a figure was measured."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import torch


def machine() -> str:
    """Return processor, cores, torch and date, and the GPU if there is one."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    today = datetime.date.today().isoformat()
    return f"{name}, {os.cpu_count()} cores{gpu}, torch {torch.__version__}, {today}"
