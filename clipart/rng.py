"""Named random streams: all of a run's randomness, derived from one seed.

Each stream is a CPU generator of its own, so that drawing more views never changes the start, and
a picture does not depend on the device that scores it. Nothing touches torch's global generator.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

STREAMS = ("init", "views", "augment", "evolve")
MAX_SEED = 2**63 - 1


def draw_seed() -> int:
    """Draw a seed in [0, 2**32) from the operating system: short enough to type again."""
    return secrets.randbelow(2**32)


def stream(seed: int, name: str) -> torch.Generator:
    """Return the CPU generator of the stream `name`, a function of (`seed`, `name`) alone."""
    import torch  # here, so that the command line's help does not wait for it

    digest = hashlib.sha256(f"clipart:{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Streams:
    """The generators of one run, one attribute a stream: `init`, `views`, `augment`, `evolve`.

    Another `start` of the same seed differs in `init` alone.
    """

    def __init__(self, seed: int, start: int = 0) -> None:
        self.init, self.views, self.augment, self.evolve = (stream(seed, n) for n in STREAMS)
        if start:
            self.init = stream(seed, f"init {start}")

    def state(self) -> dict[str, torch.Tensor]:
        """Return every generator's state as a uint8 tensor, by stream name."""
        return {name: getattr(self, name).get_state() for name in STREAMS}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Put every generator back to a state taken by `state`."""
        for name in STREAMS:
            getattr(self, name).set_state(state[name])
