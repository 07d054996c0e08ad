"""Art processes: how a canvas is changed from one step to the next. This is their table; it imports no torch.

A process is a class in a module of its own (`clipart.process.base` says what it has to be) and an entry here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipart.tables import Table

if TYPE_CHECKING:
    from clipart.process.base import Process

PROCESSES: Table[type[Process]] = Table(
    "process",
    "clipart.processes",
    {
        "gradient": "clipart.process.gradient:GradientProcess",
        "mutate": "clipart.process.mutate:MutateProcess",
        "evolve": "clipart.process.evolve:EvolveProcess",
    },
)
