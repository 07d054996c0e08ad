"""Parts of other packages: a canvas, a process and a finish step that are added by registration alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from clipart import presets
from clipart.canvas import CANVASES
from clipart.canvas.base import Canvas
from clipart.cli import main
from clipart.errors import ClipartError, UsageError
from clipart.finish import FINISHES
from clipart.process import PROCESSES
from clipart.process.base import Process, Step
from clipart.recipe import Recipe, make_recipe
from clipart.record.checkpoint import latest
from clipart.rng import Streams


class Bands(Canvas):
    """A colour for each of a few bands."""

    extras = {"bands": 4}  # noqa: RUF012
    optimizer = "adam"

    def __init__(self, start: Tensor, bands: int) -> None:
        super().__init__(start)
        self.colours = nn.Parameter(torch.zeros(1, 3, bands, 1))

    @classmethod
    def build(
        cls, start: Tensor, settings: Recipe, models: Mapping[str, Any], generator: torch.Generator | None
    ) -> Self:
        return cls(start, int(settings.extras["bands"]))

    def forward(self) -> Tensor:
        return self.start + nn.functional.interpolate(self.colours, self.size)


class Nudge(Process):
    """Changes all parameters a little at random, and keeps the change where the objective falls."""

    extras = {"nudge": 0.2}  # noqa: RUF012

    def __init__(self, canvas: Canvas, streams: Streams) -> None:
        self.canvas, self.streams = canvas, streams
        self.tried = torch.tensor(0)

    @classmethod
    def build(cls, canvas: Canvas, settings: Recipe, streams: Streams, before: Process | None) -> Self:
        return cls(canvas, streams)

    @torch.no_grad()
    def step(self, objective: Any, views: Any, settings: Recipe, step: int) -> Step:
        size = float(settings.extras["nudge"])
        old = [parameter.clone() for parameter in self.canvas.parameters()]
        (was,) = objective.score(self.image(), views, settings)
        for parameter in self.canvas.parameters():
            parameter += size * torch.randn(parameter.shape, generator=self.streams.evolve)
        (now,) = objective.score(self.image(), views, settings)
        if now > was:
            for parameter, value in zip(self.canvas.parameters(), old, strict=True):
                parameter.copy_(value)
        self.tried += 1
        return Step({"total": min(now, was)}, size)

    def image(self) -> Tensor:
        return self.canvas().detach()

    def move(self, settings: Recipe) -> None:
        self.canvas.move(self.image().clamp(0, 1), settings)

    def state(self) -> dict[str, Tensor]:
        return {f"canvas/{k}": v for k, v in self.canvas.state_dict().items()} | {"tried": self.tried}

    def load(self, tensors: dict[str, Tensor]) -> None:
        self.tried = tensors["tried"].clone()
        own = {k.removeprefix("canvas/"): v for k, v in tensors.items() if k.startswith("canvas/")}
        self.canvas.load_state_dict(own)


def darken(image: Tensor, amount: float = 0.5) -> Tensor:
    """Return `image`, (3, H, W), times 1 - amount."""
    return image * (1 - amount)


@pytest.fixture
def toys() -> Iterator[None]:
    CANVASES.add("bands", Bands)
    PROCESSES.add("nudge", Nudge)
    FINISHES.add("darken", darken)
    yield
    CANVASES.remove("bands")
    PROCESSES.remove("nudge")
    FINISHES.remove("darken")


def pixels(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(path).convert("RGB"))


TOYS = """
finish = "clean,darken:0.25"

[[stages]]
name = "nudged"
share = 2
canvas = "bands"
process = "nudge"

[[stages]]
name = "painted"
share = 1
"""
SMALL = ["--size", "32", "--starts", "1", "--seed", "1", "--views", "2", "--device", "cpu", "--video", "none"]


@pytest.mark.usefixtures("toys", "few_words")
def test_toys_run_from_the_command_line_in_stages_and_go_on_and_are_replayed(
    random_clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "toys.toml"
    preset.write_text(TOYS)
    options = [*SMALL, "--clip", random_clip, "--preset", str(preset), "--set", "extras.bands=8"]
    folder = tmp_path / "runs"
    assert main(["an apple", *options, "--steps", "9", "--folder", str(folder), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    start = next(event for event in events if event["event"] == "start")["recipe"]
    assert start["extras"] == {"bands": 8, "nudge": 0.2}
    assert (start["stages"][0]["optimizer"], start["optimizer"]) == ("adam", "sgd")
    (run,) = folder.iterdir()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == [""] + ["nudged"] * 6 + ["painted"] * 3
    whole = pixels(run / "picture.png")
    assert whole.max() <= 0.75 * 255 + 1  # the finish step

    assert (
        main(
            [
                "replay",
                str(run),
                "--clip",
                random_clip,
                "--video",
                "none",
                "--folder",
                str(tmp_path / "again"),
            ]
        )
        == 0
    )
    (again,) = (tmp_path / "again").iterdir()
    assert np.array_equal(pixels(again / "picture.png"), whole)

    half = tmp_path / "half"
    assert main(["an apple", *options, "--steps", "4", "--folder", str(half)]) == 0
    (short,) = half.iterdir()
    assert latest(short).recipe.stages[0].process == "nudge"
    assert main(["resume", str(short), "--steps", "9"]) == 0
    assert pixels(short / "picture.png").shape == whole.shape


@pytest.mark.usefixtures("toys", "few_words")
def test_an_interrupted_toy_goes_on_to_the_bit(settings: dict[str, object], tmp_path: Path) -> None:
    from clipart.runs import Outputs, resume, run

    recipe = make_recipe(settings | {"canvas": "bands", "process": "nudge", "finish": "darken", "starts": 1})
    outputs = Outputs(folder=tmp_path / "whole", video="none")
    whole = run(recipe, outputs)
    steps = iter([False, False, True])
    cut = run(recipe, Outputs(folder=tmp_path / "cut", video="none"), stop_now=lambda: next(steps))
    assert cut.stop == "interrupted"
    done = resume(cut.paths["log"].parent)
    assert np.array_equal(pixels(done.paths["picture"]), pixels(whole.paths["picture"]))


@pytest.mark.usefixtures("toys")
def test_settings_of_its_own_are_checked() -> None:
    with pytest.raises(UsageError, match=r"extras.stripes: no such setting .* There is: bands"):
        make_recipe({"prompt": "a", "canvas": "bands", "extras": {"stripes": 3}}).resolve()
    with pytest.raises(UsageError, match=r"extras.bands = 'many': type a value such as 4"):
        make_recipe({"prompt": "a", "canvas": "bands", "extras": {"bands": "many"}}).resolve()
    with pytest.raises(UsageError, match="They have none"):
        make_recipe({"prompt": "a", "extras": {"bands": 3}}).resolve()
    settled = make_recipe({"prompt": "a", "canvas": "bands"}).resolve()
    assert settled.extras == {"bands": 4}
    assert settled.with_(canvas="plain").resolve().extras == {}


def test_a_name_is_given_once() -> None:
    with pytest.raises(UsageError, match="another canvas"):
        CANVASES.add("plain", Bands)
    with pytest.raises(UsageError, match="no canvas that was added"):
        CANVASES.remove("plain")


def test_parts_of_other_packages_are_found_by_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fine.py").write_text("class Mosaic:\n    extras = {}\n")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = {name: EntryPoint(name, f"{name}:Mosaic", "clipart.canvases") for name in ("broken", "fine")}
    monkeypatch.setattr(CANVASES, "foreign", points)
    assert CANVASES.names()[-2:] == ("broken", "fine")
    assert "fine" not in sys.modules  # names load nothing
    assert CANVASES["fine"].__name__ == "Mosaic"
    with pytest.raises(ClipartError, match=r"canvas 'broken' of another package cannot be loaded"):
        CANVASES["broken"]
    CANVASES._loaded.pop("fine")
    with pytest.raises(UsageError, match=r"no canvas 'fne'. Did you mean 'fine'"):
        CANVASES.check("fne")


def test_presets_of_other_packages_are_found_by_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = tmp_path / "other_looks"
    looks.mkdir()
    (looks / "__init__.py").write_text("raise ImportError('nothing of it has to run')")
    (looks / "sepia.toml").write_text('about = "brown"\nextends = "draft"\npaper = "#e8d8b8"\n')
    (looks / "default.toml").write_text('about = "in the way"\n')
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("looks", "other_looks", "clipart.presets"),
        EntryPoint("gone", "no_such_package.looks", "clipart.presets"),
    ]
    monkeypatch.setattr("clipart.presets.entry_points", lambda group: points)
    presets.foreign_presets.cache_clear()
    try:
        assert presets.preset_names()[-1] == "sepia"
        assert presets.load_preset("sepia").settings["paper"] == "#e8d8b8"
        assert presets.load_preset("default").about != "in the way"
        assert main(["presets", "sepia"]) == 0
        assert "#e8d8b8" in capsys.readouterr().out
    finally:
        presets.foreign_presets.cache_clear()
