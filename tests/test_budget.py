"""What a run may take: seconds that cover all of it, a small canvas for large pictures, and memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from clipart import memory
from clipart.canvas.size import at_most_small, canvas_size
from clipart.errors import ResourceError
from clipart.iterates import Iterate
from clipart.loop import go_on, iterate
from clipart.recipe import make_recipe
from clipart.session import Session
from clipart.starts import KEPT, SHARE, TRIED

Settings = dict[str, Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of a clock that goes on by itself no more than the test lets it."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def timed(settings: Settings, clock: list[float], per_step: float, loading: float = 0.0) -> tuple[Any, ...]:
    """Run with steps that take `per_step` seconds: the iterates, and how many steps the choice of a start took."""
    session = Session(make_recipe(settings))
    clock[0] += loading
    step, taken = session.take_step, [0]

    def take_step(*args: Any) -> Any:
        clock[0] += per_step
        taken[0] += 1
        return step(*args)

    session.take_step = take_step  # type: ignore[method-assign]
    seen: list[Iterate] = list(go_on(session))
    return seen, taken[0] - seen[-1].step


@pytest.mark.parametrize(("per_step", "tried"), [(0.01, 6), (0.1, 6), (0.2, 3), (2.0, 0)])
def test_seconds_cover_the_choice_of_a_start(
    settings: Settings, clock: list[float], per_step: float, tried: int
) -> None:
    seen, spent = timed(settings | {"seconds": 20.0, "steps": 500, "starts": 6}, clock, per_step)
    assert spent >= tried * TRIED // 2 + (tried == 6 and per_step < 0.1) * KEPT * TRIED // 2
    assert spent * per_step <= SHARE * 20 + TRIED * per_step * (tried == 0) * 0.2
    if per_step > 0.01:
        assert (seen[-1].stop, seen[-1].step >= 20 * (1 - SHARE) / per_step - 4) == ("seconds", True)
    assert clock[0] <= 20 + per_step or seen[-1].stop == "steps"


def test_loading_counts_and_the_last_picture_is_no_static(settings: Settings, clock: list[float]) -> None:
    seen, spent = timed(settings | {"seconds": 20.0, "steps": 500, "starts": 6}, clock, 1.0, loading=15)
    assert spent <= 3
    assert (seen[-1].stop, seen[-1].step + spent) == ("seconds", 5)
    moved = [float((it.image - seen[0].image).abs().mean()) for it in seen]
    assert moved[-1] > 3 * moved[-2]  # the average still had much of the start in it


def test_a_budget_that_is_not_reached_changes_nothing(settings: Settings) -> None:
    with_it, without = (
        [it.image for it in iterate(make_recipe(settings | {"starts": 2} | more))][-1]
        for more in ({"seconds": 600.0}, {})
    )
    assert torch.equal(with_it, without)


# --- large pictures ---


def sizes(**settings: Any) -> list[tuple[int, int]]:
    recipe = make_recipe({"prompt": "a", "steps": 60, **settings}).resolve()
    return [canvas_size(recipe.at(step), step) for step in (1, 30, 31, 45, 46, 60)]


@pytest.mark.parametrize("side", [16, 64, 256])
def test_a_picture_of_up_to_256_pixels_has_one_canvas(side: int) -> None:
    assert set(sizes(width=side, height=side)) == {(side, side)}
    assert set(sizes(width=4 * side, height=side)) == {(side, 4 * side)}


def test_a_large_picture_begins_small_and_ends_whole() -> None:
    assert [size[0] for size in sizes(width=1024, height=1024)] == [256, 256, 512, 512, 1024, 1024]
    assert sizes(width=2048, height=400)[0] == (256, 1311)
    assert sizes(width=2048, height=400)[-1] == (400, 2048)
    assert set(sizes(width=1024, height=1024, scale=1.0)) == {(1024, 1024)}  # somebody chose it
    assert set(sizes(width=1024, height=1024, zoom=1.1)) == {(1024, 1024)}
    assert len(set(sizes(width=300, height=300, canvas="pixelart"))) == 1  # its pixels are its own
    stages = [{"name": "a", "share": 1, "scale": 0.5}, {"name": "b", "share": 1}]
    assert sizes(width=1024, height=1024, stages=stages)[0] == (512, 512)


def test_starts_are_tried_on_a_small_canvas(settings: Settings) -> None:
    assert at_most_small((40, 60)) == (40, 60)
    assert at_most_small((512, 1024)) == (256, 512)
    session = Session(make_recipe(settings | {"width": 320, "height": 280, "scale": 1.0}))
    session.begin_at(1, small=True)
    assert session.canvas.size == (256, 293)
    session.begin_at(1)
    assert session.canvas.size == (280, 320)


def test_a_canvas_grows_on_the_way_and_a_run_goes_on_with_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipart.canvas.size.SMALL", 16)  # as if 40 pixels were many
    recipe = make_recipe(settings)
    session, states, seen = Session(recipe), {}, []
    for it in go_on(session):
        seen.append((session.canvas.size[0], it.image))
        states[it.step] = {name: each.clone() for name, each in session.state().items()}
    assert [size for size, _ in seen] == [16, 16, 16, 16, 32, 32, 40]
    for step in (2, 4, 5):
        *_, last = go_on(Session.restore(states[step], recipe))
        assert torch.equal(last.image, seen[-1][1])
    longer = Session.restore(states[6], recipe.with_(steps=30), recipe)
    *_, last = go_on(longer)
    assert longer.canvas.size == (40, 40)  # a canvas does not shrink again


# --- memory ---


def test_a_picture_that_does_not_fit_is_refused_before_anything_is_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 8e9)
    monkeypatch.setattr(Session, "_load_models", lambda self: pytest.fail("loaded"))
    large = make_recipe(settings | {"width": 8192, "height": 4096})
    with pytest.raises(
        ResourceError, match=r"8192x4096 needs about \d+ GB.*8\.0 GB are free.*such as (\d+)x(\d+)"
    ):
        Session(large)
    for side in (1024, 2048, 4096):
        memory.require_memory(make_recipe(settings | {"width": side, "height": side}).resolve())


def test_the_size_that_is_named_fits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for free in (3e9, 5e9, 1e10):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        with pytest.raises(ResourceError) as caught:
            memory.require_memory(make_recipe(settings | {"width": 8192, "height": 8192}).resolve())
        size = str(caught.value).split("such as ")[1].split(",")[0]
        width, height = map(int, size.split("x"))
        memory.require_memory(make_recipe(settings | {"width": width, "height": height}).resolve())


def test_a_small_picture_is_never_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 0.0)
    memory.require_memory(make_recipe(settings | {"width": 256, "height": 256}).resolve())
    assert memory.available() >= 0
