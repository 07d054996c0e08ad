"""Whether a picture fits in memory: an estimate before anything is loaded, and a refusal of what does not."""

from __future__ import annotations

import math
from pathlib import Path

from clipart.canvas import CANVASES
from clipart.errors import ResourceError
from clipart.recipe import Recipe

BASE = 1000 * 1024**2  # bytes of torch and the embedded models
PICTURE = 100  # bytes for each pixel of the picture: what is shown, and its way through the finish
_SURE = 2 * 1024**3  # bytes that are never refused: there the estimate says little
_GB = 1e9
_CGROUP = Path("/sys/fs/cgroup")


def estimate(recipe: Recipe) -> int:
    """Return about how many bytes a run of `recipe`, settled, needs at most on the CPU."""
    pixels, scale = math.prod(recipe.shape), recipe.scale or 1.0
    canvas = CANVASES[recipe.canvas].bytes_a_pixel(recipe) * scale**2
    return BASE + math.ceil(pixels * (canvas + PICTURE * recipe.upscale**2))


def available() -> float:
    """Return the bytes of memory that are free for this process; infinite where nobody says."""
    found = [math.inf]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
        limit = (_CGROUP / "memory.max").read_text().strip()
        found += [float(limit) - int((_CGROUP / "memory.current").read_text())] if limit != "max" else []
    except (OSError, ValueError, IndexError):
        pass
    return min(found)


def require_memory(recipe: Recipe) -> None:
    """See that a run of `recipe`, settled, fits in the memory that is free.

    Raises:
        ResourceError: it does not; the message has what is needed, what is free, and a size that fits.
    """
    needed, free = estimate(recipe), available()
    if needed <= max(free, _SURE):
        return
    part = math.sqrt(max(0.0, 0.8 * free - BASE) / (needed - BASE))
    width, height = (max(64, int(part * side) // 64 * 64) for side in reversed(recipe.shape))
    raise ResourceError(
        f"A picture of {recipe.width}x{recipe.height} needs about {needed / _GB:.0f} GB of memory, and "
        f"{max(0.0, free) / _GB:.1f} GB are free. "
        f"Type a smaller --size, such as {width}x{height}, or a smaller --scale."
    )
