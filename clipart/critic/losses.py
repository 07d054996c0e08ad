"""The losses of a step: they stay on the device, and come over in one transfer when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor


class Losses(Mapping[str, float]):
    """Losses by name, with "total" as the last: the weighted sum of what was added.

    Until it is looked at it is a few numbers on the device; reading any of them waits for the step.
    """

    def __init__(self) -> None:
        self._names: list[list[str]] = []
        self._weights: list[float] = []
        self._values: list[Tensor] = []
        self._read: dict[str, float] | None = None

    def add(self, names: Sequence[str], values: Tensor, weight: float, whole: Tensor) -> None:
        """Add `values`, (n,) or a scalar, under `names`; the scalar `whole` counts `weight` times in all."""
        self._names.append(list(names))
        self._weights.append(weight)
        self._values += [values.reshape(-1).float(), whole.reshape(1).float()]

    def finite(self) -> Tensor:
        """Return whether all that counts is finite, as a bool on the device."""
        return torch.isfinite(torch.cat(self._values)).all()

    def _all(self) -> dict[str, float]:
        if self._read is None:
            numbers = iter(torch.cat(self._values).tolist())
            self._read, total = {}, 0.0
            for names, weight in zip(self._names, self._weights, strict=True):
                self._read |= {name: next(numbers) for name in names}
                total += weight * next(numbers)
            self._read["total"] = total
            self._values.clear()
        return self._read

    def __getitem__(self, name: str) -> float:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
