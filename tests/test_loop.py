"""The loop: what it yields, when it stops, that it repeats to the bit, and its way back from NaN."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch

from clipart.canvas.pixel import MultiResCanvas
from clipart.canvas.start import make_start
from clipart.critic.objective import Objective
from clipart.errors import DivergedError, ModelError, UsageError
from clipart.iterates import Iterate
from clipart.loop import go_on, iterate
from clipart.process.gradient import GradientProcess, low_pass, rate_at
from clipart.recipe import Recipe, make_recipe
from clipart.rng import Streams
from clipart.session import Session, StateError
from clipart.starts import _try, choose_start

Settings = dict[str, object]


def run(settings: Settings, **changes: object) -> list[Iterate]:
    return list(iterate(make_recipe(settings | changes)))


def test_it_yields_the_start_and_every_step(settings: Settings) -> None:
    seen = run(settings)
    assert [i.step for i in seen] == list(range(7))
    assert [i.stop for i in seen] == [None] * 6 + ["steps"]
    assert [i.check.step for i in seen] == [0, 0, 0, 3, 3, 3, 6]
    assert [r.text for r in seen[-1].check.readings] == ["apple", "tart"]
    for it in seen:
        assert it.image.shape == (3, 40, 40)
        assert it.image.dtype == torch.float32
        assert 0 <= it.image.min() <= it.image.max() <= 1
    assert not torch.equal(seen[0].image, seen[-1].image)
    assert seen[0].losses == {}
    with pytest.raises(FrozenInstanceError):
        seen[0].step = 9  # type: ignore[misc]


@pytest.mark.parametrize("canvas", ["multires", "plain", "fourier", "shapes"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_one_seed_gives_one_picture_to_the_bit(settings: Settings, canvas: str, optimizer: str) -> None:
    one, same, other = (
        run(settings, canvas=canvas, optimizer=optimizer, seed=seed)[-1] for seed in (1, 1, 2)
    )
    assert torch.equal(one.image, same.image)
    assert one.losses == same.losses
    assert not torch.equal(one.image, other.image)


@pytest.mark.parametrize("canvas", ["multires", "shapes"])
def test_of_several_starts_the_surest_is_kept(settings: Settings, canvas: str) -> None:
    recipe = make_recipe(settings | {"starts": 4, "canvas": canvas})
    session, half, whole = Session(recipe), [], []
    for start in range(4):
        for last, losses in ((3, half), (6, whole)):
            session.begin_at(start)
            losses.append(_try(session, 1, last))
    assert len(set(half)) == len(set(whole)) == 4
    best = min(sorted(range(4), key=half.__getitem__)[:2], key=whole.__getitem__)
    session = Session(recipe)
    told: list[tuple[int, int]] = []
    choose_start(session, lambda: False, lambda *start: told.append(start))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert torch.equal(session.shown, make_start(recipe, Streams(7, best).init))
    for name in ("views", "augment"):  # what was tried has left no trace
        assert torch.equal(session.streams.state()[name], Streams(7).state()[name])
    assert all(bool((parameter == 0).all()) for parameter in session.canvas.parameters())
    first = run(settings, starts=4, canvas=canvas)[0]
    assert torch.equal(first.image, session.shown[0])
    assert first.start == best + 1


def test_a_start_that_goes_on_later_is_as_if_it_had_never_waited(settings: Settings) -> None:
    session = Session(make_recipe(settings | {"starts": 4}))
    session.begin_at(2)
    whole = _try(session, 1, 6)
    session.begin_at(2)
    _try(session, 1, 3)
    aside = session.aside()
    session.begin_at(1)
    _try(session, 1, 3)
    session.take_up(aside)
    assert _try(session, 4, 6) == whole


@pytest.mark.parametrize(("starts", "steps"), [(2, 12), (3, 15), (4, 18)])
def test_starts_that_trail_are_left_half_way(
    settings: Settings, starts: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, taken = Session(make_recipe(settings | {"starts": starts})), []
    step = session.take_step
    monkeypatch.setattr(session, "take_step", lambda *args: (taken.append(args[0]), step(*args))[1])
    choose_start(session, lambda: False, lambda *start: None)
    assert len(taken) == steps  # 6 each, or 3 each and 3 more of two


def test_no_more_starts_are_tried_once_the_run_is_to_stop(settings: Settings) -> None:
    recipe = make_recipe(settings | {"starts": 100})
    *_, last = go_on(Session(recipe), lambda: True)
    assert (last.step, last.stop) == (1, "interrupted")
    assert torch.equal(run(settings, steps=1)[0].image, run(settings, steps=1, starts=1)[0].image)


def test_several_starts_are_for_the_embedded_critics_unless_asked_for(tmp_path: Path) -> None:
    assert make_recipe({"prompt": "apple"}).resolve().starts == 6
    assert make_recipe({"prompt": "apple", "starts": 2}).resolve().starts == 2
    assert make_recipe({"prompt": "apple", "clip": ("ViT-B-32",)}).resolve().starts == 1
    assert make_recipe({"prompt": "apple", "init": str(tmp_path / "photo.png")}).resolve().starts == 1


def test_the_defaults_do_not_leave_the_sheet_blank() -> None:
    # The price of ink must not win over the first gradient, as it once did for this word.
    recipe = make_recipe({"prompt": "scarf", "seed": 1, "steps": 40, "width": 128, "height": 128})
    *_, last = iterate(recipe)
    assert (last.image < 0.8).float().mean() > 0.1


def test_a_canvas_sets_the_pace(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(pace: float) -> torch.Tensor:
        monkeypatch.setattr(MultiResCanvas, "pace", pace)
        start, *_, last = run(settings, steps=1, warmup=0, ema=0, low_pass=0)
        return last.image - start.image

    assert moved(0.25).abs().mean() < 0.5 * moved(1.0).abs().mean()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd"])
def test_every_optimizer_descends(settings: Settings, optimizer: str) -> None:
    still = {
        "noise": 0,
        "jitter": 0,
        "erase": 0,
        "shift": 0,
        "rotate": 0,
        "perspective": 0,
        "overview": 1,
        "detail": 1,
    }
    seen = run(settings, optimizer=optimizer, steps=25, ema=0, warmup=0, **still)
    assert seen[-1].losses["total"] < seen[1].losses["total"]


def test_a_cosine_target_stops_the_run(settings: Settings) -> None:
    free = run(settings, steps=30, check_every=1)
    reached = [min(r.cosine for r in it.check.readings) for it in free]
    goal = reached[0] + 0.5 * (max(reached) - reached[0])
    first = next(it.step for it, value in zip(free, reached, strict=True) if it.step and value >= goal)
    stopped = run(settings, steps=30, check_every=1, until=f"{goal:.6f}")
    assert stopped[-1].stop == "score"
    assert abs(stopped[-1].step - first) <= 1


def test_a_match_target_looks_at_the_wanted_parts_only(settings: Settings) -> None:
    assert run(settings, until="100%")[-1].stop == "steps"
    assert run(settings, until="0.000001%", check_every=1)[-1].step == 1
    against = run(settings, until="0.000001%", check_every=1, no=("worm",))
    assert against[-1].stop == "score"
    assert [r.weight for r in against[-1].check.readings] == [1, 1, -0.5]


def test_seconds_stop_the_run_with_a_fresh_check(settings: Settings) -> None:
    last = run(settings, steps=10_000, seconds=0.01, check_every=9_999)[-1]
    assert last.stop == "seconds"
    assert last.check.step == last.step


def test_each_canvas_has_the_optimiser_that_suits_it(settings: Settings) -> None:
    stages = [{"name": "cut", "share": 1, "canvas": "shapes"}, {"name": "paint", "share": 1}]
    session = Session(make_recipe(settings | {"steps": 4, "stages": stages}))
    found = {it.stage or it.step: type(session.process.optimizer) for it in go_on(session)}
    assert found == {0: torch.optim.Adam, "cut": torch.optim.Adam, "paint": torch.optim.SGD}
    assert (
        make_recipe(settings | {"canvas": "shapes", "optimizer": "rmsprop"}).resolve().optimizer == "rmsprop"
    )


def test_stages_change_scale_and_settings_on_the_way(settings: Settings) -> None:
    stages = [
        {"name": "static", "share": 1, "scale": 0.5, "lr": 0.1},
        {"name": "details", "share": 1, "views": 2, "tv": 1.0},
    ]
    session = Session(make_recipe(settings | {"stages": stages}))
    assert session.canvas.size == (20, 20)
    seen = run(settings, stages=stages)
    assert [it.stage for it in seen] == ["", *["static"] * 3, *["details"] * 3]
    assert all(it.image.shape == (3, 40, 40) for it in seen)
    assert "tv" not in seen[3].losses
    assert "tv" in seen[4].losses
    jump = (seen[4].image - seen[3].image).abs().mean()
    assert jump < 0.1  # the picture goes on from where the first stage left it


def test_init_picture_and_odd_sizes(settings: Settings) -> None:
    for size in ((16, 16), (17, 33), (64, 20)):
        it = run(settings, height=size[0], width=size[1], steps=2)[-1]
        assert it.image.shape == (3, *size)


def test_ema_is_a_running_mean_of_the_canvas(settings: Settings) -> None:
    session = Session(make_recipe(settings | {"ema": 0.75, "canvas": "multires"}))
    before = session.shown.clone()
    with torch.no_grad():
        session.canvas.levels[-1].add_(0.5)  # type: ignore[union-attr,operator]
    session.show(1, 0.0)
    expected = 0.75 * before + 0.25 * session.canvas().detach().clamp(0, 1)
    assert torch.allclose(session.shown, expected, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam", "rmsprop"])
@pytest.mark.parametrize("canvas", ["multires", "fourier", "shapes"])
def test_a_session_goes_on_from_its_saved_state_to_the_bit(
    settings: Settings, optimizer: str, canvas: str
) -> None:
    stages = [{"name": "rough", "share": 1, "scale": 0.5}, {"name": "fine", "share": 2}]
    recipe = make_recipe(settings | {"optimizer": optimizer, "canvas": canvas, "stages": stages})
    first, saved = Session(recipe), {}
    for it in go_on(first):
        saved[it.step] = {name: value.clone() for name, value in first.state().items()}
    for step in (0, 1, 2, 3, 5):
        later = Session.restore(saved[step], recipe)
        last = list(go_on(later))[-1]
        assert last.step == 6
        assert torch.equal(last.image, it.image), f"cut after step {step}"


class Poisoned(Objective):
    """An objective whose gradient is NaN at the given calls."""

    def __init__(self, inner: Objective, bad: set[int]) -> None:
        self.inner, self.bad, self.calls = inner, bad, 0
        self.prompt = inner.prompt

    def gradient(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def,override]
        self.calls += 1
        gradient, losses = self.inner.gradient(*args, **kwargs)  # type: ignore[arg-type]
        return (gradient * float("nan") if self.calls in self.bad else gradient), losses


def poison(monkeypatch: pytest.MonkeyPatch, bad: set[int]) -> None:
    init = Session.__init__

    def poisoned(self: Session, recipe: Recipe) -> None:
        init(self, recipe)
        self.objective = Poisoned(self.objective, bad)

    monkeypatch.setattr(Session, "__init__", poisoned)


def test_nan_halves_the_rate_and_the_run_goes_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = run(settings, schedule="constant", warmup=0)
    poison(monkeypatch, {3})
    seen = run(settings, schedule="constant", warmup=0)
    assert seen[-1].stop == "steps"
    assert seen[3].lr == 0
    assert [it.lr for it in seen[4:]] == pytest.approx([0.5 * it.lr for it in clean[4:]])
    assert all(torch.isfinite(it.image).all() for it in seen)


def test_nan_for_good_stops_and_keeps_the_last_good_picture(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, set(range(4, 100)))
    seen = run(settings, steps=50)
    assert seen[-1].stop == "diverged"
    assert seen[-1].step == 7  # three retries after the first NaN
    assert torch.isfinite(seen[-1].image).all()


def test_the_retries_are_those_of_the_run_and_not_of_a_stage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, {2, *range(5, 100)})
    stages = [{"name": "rough", "share": 1, "scale": 0.5}, {"name": "fine", "share": 9}]
    seen = run(settings, steps=30, stages=stages)
    assert seen[-1].stop == "diverged"
    assert seen[-1].step == 7  # one of the three was spent in the first stage


def test_the_process_raises_after_its_last_retry(settings: Settings) -> None:
    session = Session(make_recipe(settings))
    process = GradientProcess(session.canvas, session.recipe)
    before = [p.detach().clone() for p in session.canvas.parameters()]
    for _ in range(3):
        process._retry()
    with pytest.raises(DivergedError, match="--lr"):
        process._retry()
    assert process.retries == 3
    assert all(torch.equal(a, b) for a, b in zip(before, session.canvas.parameters(), strict=True))


def test_rate_warms_up_and_falls() -> None:
    recipe = make_recipe({"prompt": "a", "steps": 100, "lr": 1.0, "warmup": 0.1, "schedule": "linear"})
    rates = [rate_at(recipe, step) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] < 0.02
    assert rate_at(recipe.with_(schedule="constant"), 90) == 1.0
    assert rate_at(recipe.with_(schedule="cosine", warmup=0), 51) == pytest.approx(0.5)


def test_low_pass_keeps_the_mean_and_smooths() -> None:
    spike = torch.zeros(1, 3, 33, 33)
    spike[..., 16, 16] = 1
    smooth = low_pass(spike, 0.05)
    assert float(smooth.sum()) == pytest.approx(3, rel=1e-3)
    assert float(smooth.max()) < 0.1


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"prompt": "apple::-1"}, UsageError, "positive|above 0|more than 0|sum"),
        ({"clip": ("no-such-model",)}, ModelError, "no such model"),
        ({"clip": ("local-dir:/nowhere",)}, ModelError, "open_clip_config.json"),
        ({"clip": ("tiny::0",)}, UsageError, "above 0"),
        ({"device": "cuda:99"}, UsageError, "cuda:99"),
        ({"init": "/nowhere.png"}, UsageError, "nowhere.png"),
    ],
)
def test_what_cannot_run_says_so_before_the_first_step(
    settings: Settings, changes: Settings, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        next(iterate(make_recipe(settings | changes)))


@pytest.mark.parametrize("name", ["exp_avg", "step"])
def test_a_state_with_slots_of_another_shape_is_refused(settings: Settings, name: str) -> None:
    recipe = make_recipe(settings | {"optimizer": "adam", "canvas": "plain"})
    session = Session(recipe)
    *_, _ = go_on(session)
    saved = session.state()
    assert Session.restore(dict(saved), recipe).step == 6
    with pytest.raises(StateError, match=f"optimizer/0/{name} has the shape"):
        Session.restore(saved | {f"process/optimizer/0/{name}": torch.zeros(2, 2)}, recipe)
    with pytest.raises(StateError):
        Session.restore(saved | {"process/optimizer/9/exp_avg": torch.zeros(2, 2)}, recipe)
