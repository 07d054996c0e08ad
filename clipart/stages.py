"""A stage of a run: a stretch of its steps with settings of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from clipart import limits
from clipart.fields import CanvasName, NamedCritics, Names, OptimizerKind, ProcessName, listed
from clipart.schema import Schema


class Stage(Schema):
    """A stretch of the run with settings of its own; whatever is not set stays as the recipe has it.

    `clip` are the critics that are climbed in it, models with a name; distance, layout and judge stay.
    """

    name: str = Field(min_length=1, max_length=40, description="what the stage is called")
    share: float = Field(gt=0, description="its part of the steps; shares are relative")
    left: Names = listed("settings here that were left open when the run began", limits.NAMES_LEFT)
    process: ProcessName | None = None
    canvas: CanvasName | None = None
    clip: NamedCritics | None = None
    optimizer: OptimizerKind | None = None
    scale: float | None = None
    lr: float | None = None
    views: int | None = None
    overview: float | None = None
    detail: float | None = None
    noise: float | None = None
    low_pass: float | None = None
    tv: float | None = None
    range: float | None = None
    saturation: float | None = None
    ink: float | None = None
    margin: float | None = None

    @property
    def overrides(self) -> dict[str, Any]:
        """Its settings by name, as they are laid over those of the recipe."""
        names = [name for name in Stage.model_fields if name not in ("name", "share", "left")]
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def stage_at(stages: Sequence[Stage], step: int, steps: int) -> Stage | None:
    """Return the one of `stages` that `step` (1 to `steps`) falls in, None where there are none."""
    total = sum(stage.share for stage in stages)
    end = 0.0
    for stage in stages:
        end += stage.share / total * steps
        if step <= math.floor(end + 1e-6) or stage is stages[-1]:
            return stage
    return None
