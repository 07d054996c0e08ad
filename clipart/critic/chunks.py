"""Views in chunks, and what is done where a chunk does not fit in memory: half of it is tried."""

from __future__ import annotations

from collections.abc import Callable

import torch

from clipart.critic.views import Views
from clipart.errors import ResourceError, is_out_of_memory
from clipart.notes import note


class Chunks:
    """Goes through views in chunks that fit in memory.

    A chunk that does not fit is done again as two halves, down to a single view, and later chunks are no
    larger than what did fit. That is said once.
    """

    def __init__(self) -> None:
        self.most: int | None = None  # views at once that are known to fit

    def each(self, views: Views, size: int, do: Callable[[slice], None]) -> None:
        """Call `do` with the slices of `views` in turn, of `size` views or as many as fit.

        `do` must have changed nothing where it raises. It is tried again outside of the handler, since the
        exception holds what its frames had allocated.

        Raises:
            ResourceError: a single view does not fit.
        """
        first = 0
        while first < len(views):
            at_once = min(size, self.most or size, len(views) - first)
            if self._fits(do, slice(first, first + at_once)):
                first += at_once
                continue
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if at_once == 1:
                raise ResourceError(
                    "The memory is used up with a single view at a time. "
                    "Type a smaller --size, a smaller --scale, or --precision bfloat16."
                )
            if self.most is None:
                note(
                    f"{at_once} views at once do not fit in memory: from here on there are fewer in a chunk."
                )
            self.most = at_once // 2

    @staticmethod
    def _fits(do: Callable[[slice], None], some: slice) -> bool:
        try:
            do(some)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True
