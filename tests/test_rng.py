"""Explicit randomness: streams are functions of seed and name, and nothing draws from the global RNG."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import torch

from clipart.loop import iterate
from clipart.recipe import make_recipe
from clipart.rng import STREAMS, Streams, stream

PACKAGE = Path(__file__).parents[1] / "clipart"


def test_streams_depend_on_seed_and_name_alone() -> None:
    draws = {(seed, name): torch.rand(4, generator=stream(seed, name)) for seed in (1, 2) for name in STREAMS}
    assert len({tuple(draw.tolist()) for draw in draws.values()}) == len(draws)
    assert torch.equal(draws[1, "init"], torch.rand(4, generator=stream(1, "init")))


def test_state_brings_a_stream_back() -> None:
    streams = Streams(3)
    torch.rand(5, generator=streams.views)
    state = streams.state()
    first = torch.rand(5, generator=streams.views)
    other = Streams(99)
    other.load(state)
    assert torch.equal(torch.rand(5, generator=other.views), first)


def test_a_run_leaves_every_global_generator_alone(settings: dict[str, object]) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    list(iterate(make_recipe(settings)))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    assert (before[2] == after[2]).all()


def test_no_source_draws_without_a_generator() -> None:
    # torch's drawing functions, each of whose calls must name a generator on the same line or the next ones.
    drawing = re.compile(r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)\(")
    forbidden = re.compile(
        r"torch\.manual_seed|np\.random|numpy\.random|\brandom\.(seed|random|choice|randint)"
        r"|\b(rand|randn)_like\(|\.(normal|uniform|bernoulli|exponential)_\((?!.*generator)"
    )
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert not forbidden.search(text), path
        for found in drawing.finditer(text):
            call = text[found.start() : found.start() + 200]
            assert "generator=" in call, f"{path}: {call.splitlines()[0]}"
