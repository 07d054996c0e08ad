"""What every training script shares: the device, repeatable random numbers, the budget of minutes, the log."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch

STARTED = time.time()  # of the process, near enough: `--stop-after` counts imports and loading too


def add_arguments(parser: argparse.ArgumentParser, *, minutes: float) -> None:
    """`--minutes`, `--stop-after` and `--device`, the same for every script."""
    parser.add_argument("--minutes", type=float, default=minutes, help="wall-clock budget over all calls")
    parser.add_argument(
        "--stop-after", type=float, metavar="MIN", help="end this call after so long; the next goes on"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def pick_device(name: str) -> torch.device:
    """`auto` is a GPU if torch sees one. On a GPU float32 products may use TF32."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True  # all batches have one shape
    return torch.device(name)


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 where it is safe: on a GPU, and on a CPU that is faster with it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or bfloat16_pays())


@functools.cache
def bfloat16_pays() -> bool:
    """Whether this CPU is faster in bfloat16, by one small convolution and one product of matrices, both ways.

    Measured and not read off its name: with instructions for it, it saves a third of a training step (AMD EPYC of family 25,
    model 17: 324 views a second for 224), without them its products of matrices have taken hundreds of times as long.
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        convolution = torch.nn.Conv2d(64, 64, 3, padding=1)
        maps, table = torch.randn(8, 64, 16, 16), torch.randn(256, 256, requires_grad=True)

        def seconds(enabled: bool) -> float:
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                out = convolution(maps).float().sum() + (table @ table).float().sum()
            out.backward()
            return time.process_time() - start

        for enabled in (False, True):
            seconds(enabled)  # the first time plans are made
        plain, half = (min(seconds(enabled) for _ in range(3)) for enabled in (False, True))
    return half < plain


def reseed(rng: torch.Generator, *key: int) -> torch.Generator:
    """Give `rng` the stream that belongs to `key`, such as (seed, worker, step), and return it.

    Batches are so a function of the step: nothing random needs saving, and a run that was resumed on the same kind of
    device draws what it would have drawn. Hashed, because the CPU's generator takes only 32 bits of a seed.
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    return rng.manual_seed(int.from_bytes(digest[:4], "big"))


def uniform(*shape: int, rng: torch.Generator) -> torch.Tensor:
    """Numbers in [0, 1) on the generator's device."""
    return torch.rand(*shape, generator=rng, device=rng.device)


def normal(*shape: int, rng: torch.Generator) -> torch.Tensor:
    """Standard normal numbers on the generator's device."""
    return torch.randn(*shape, generator=rng, device=rng.device)


def log(run: Path, line: dict[str, object]) -> None:
    """Print a line of the learning curve, and add it to `log.jsonl` in the run's folder."""
    text = json.dumps(line)
    print(text, flush=True)
    with (run / "log.jsonl").open("a") as file:
        file.write(f"{text}\n")


@dataclass
class Clock:
    """Wall-clock budget of a run over all its calls, `minutes`, and of this call, `stop_after` (None: no limit)."""

    minutes: float
    stop_after: float | None = None
    before: float = 0.0  # seconds that earlier calls spent
    start: float = field(default_factory=time.time)

    def spent(self) -> float:
        """Seconds of training so far, those of earlier calls included."""
        return self.before + time.time() - self.start

    def progress(self) -> float:
        """Share of the budget that is spent; 1 or more is the end."""
        return self.spent() / (60 * self.minutes)

    def called_off(self) -> bool:
        """Whether this call has had its minutes."""
        return self.stop_after is not None and time.time() - STARTED >= 60 * self.stop_after
