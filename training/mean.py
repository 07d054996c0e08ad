"""The mean of finished runs of one tower, as a run of its own (model soups, arXiv 2203.05482).

    python -m training.mean training/runs/judge training/runs/judge-bent --run training/runs/judge-mean
    python -m training.mean training/runs/old training/runs/new --weights 0.6 0.4 --run training/runs/between

For runs that began with the same weights, or one where another ended: between such the mean often names more than either.
`training.align` and `training.export` take it as they take any other, and `training.train --from` begins with it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from training.checkpoint import averaged, facts_of


def mean(
    states: list[dict[str, torch.Tensor]], weights: list[float] | None = None
) -> dict[str, torch.Tensor]:
    """Of each tensor of numbers the mean, by `weights` if they are given; whole numbers (counters) are the first state's.

    Raises:
        ValueError: the states are of different modules.
    """
    first, weights = states[0], weights or [1.0] * len(states)
    share = [weight / sum(weights) for weight in weights]
    shapes = {name: value.shape for name, value in first.items()}
    if any({name: value.shape for name, value in state.items()} != shapes for state in states):
        raise ValueError("the runs are not of the same tower")
    return {
        name: sum(k * state[name] for k, state in zip(share, states, strict=True))
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="runs of training.train")
    parser.add_argument("--run", type=Path, required=True, help="where the mean goes")
    parser.add_argument("--weights", type=float, nargs="+", help="one for each run; default: all the same")
    args = parser.parse_args()
    if args.weights and len(args.weights) != len(args.runs):
        parser.error("--weights: one for each run")
    facts = [facts_of(run) for run in args.runs]
    total = {
        "step": str(sum(int(each["step"]) for each in facts)),
        "seconds": str(sum(float(each["seconds"]) for each in facts)),
    }
    args.run.mkdir(parents=True, exist_ok=True)
    save_file(
        mean([averaged(run) for run in args.runs], args.weights), args.run / "averaged.safetensors", total
    )
    print(json.dumps({"run": str(args.run)} | total))


if __name__ == "__main__":
    main()
