"""clipart in another program: what may be given, what is set around it, and what it leaves as it was."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import multiprocessing
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image

import clipart
from clipart.errors import UsageError
from clipart.recipe import Recipe
from clipart.surroundings import as_needed

ROOT = Path(__file__).parents[1]
NOTHING = clipart.Outputs(folder=None)
Settings = dict[str, Any]


def draw(settings: Settings, **changes: Any) -> clipart.Result:
    return clipart.generate(**{**settings, "steps": 2, "outputs": NOTHING, **changes})


# --- what is set around it ---


@contextlib.contextmanager
def in_float64() -> Any:
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def without_gradients() -> Any:
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        yield
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(before)


AROUND = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "grad off": without_gradients,
    "float64": in_float64,
    "meta device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("canvas", ["multires", "shapes"])
def test_a_picture_does_not_depend_on_what_is_set_around_it(settings: Settings, canvas: str) -> None:
    expected = draw(settings, canvas=canvas).image.tobytes()
    for name, around in AROUND.items():
        with around():
            assert draw(settings, canvas=canvas).image.tobytes() == expected, name


@pytest.mark.parametrize("name", AROUND)
def test_a_consumer_has_the_programs_own_settings(settings: Settings, name: str) -> None:
    def now() -> tuple[Any, ...]:
        autocast = torch.is_autocast_enabled("cpu")
        return (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_dtype(),
            torch.get_default_device(),
            autocast,
        )

    recipe = Recipe(**{**settings, "steps": 2})
    with AROUND[name]():
        before = now()
        for it in clipart.iterate(recipe):
            assert now() == before
            assert not it.image.is_inference()
        assert now() == before


def test_a_run_goes_on_in_inference_mode(settings: Settings, tmp_path: Path) -> None:
    with torch.inference_mode():
        first = draw(settings, outputs=clipart.Outputs(folder=tmp_path, video="none"))
        again = clipart.resume(str(first.paths["picture"].parent), steps=3)
    assert again.steps == 3


def test_what_was_set_comes_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="stop"), as_needed():
        raise ValueError("stop")
    with in_float64(), torch.no_grad():
        with as_needed():
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()


def _in_the_child(_: int) -> float:
    image = torch.zeros(1, 3, 256, 256, requires_grad=True)  # large enough for all threads
    torch.nn.functional.interpolate(image + 1, scale_factor=2.0, mode="bicubic").mean().backward()
    return float(image.grad.sum())


def test_a_program_may_fork_after_a_run(settings: Settings) -> None:
    torch.set_num_threads(2)
    try:
        draw(settings, steps=1)
        assert _in_the_child(0) == pytest.approx(1)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply_async(_in_the_child, [0]).get(timeout=60) == pytest.approx(1)
    finally:
        torch.set_num_threads(1)


# --- what may be given ---


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"no": "text"}, {"no": ("text",)}),
        ({"no": ["text", "fog"]}, {"no": ("text", "fog")}),
        ({"clip": "tiny"}, {"clip": ["tiny"]}),
        ({"clip": ["tiny", "tiny-judge::0.5"]}, {"clip": ["tiny", "tiny-judge::0.5"]}),
        ({"until": 0.31}, {"until": "0.31"}),
        ({"until": np.float32(0.25)}, {"until": "0.25"}),
        ({"until": Decimal("0.00001")}, {"until": "0.00001"}),
        ({"until": "80%"}, {"until": "80%"}),
        ({"init": Path("a") / "b.png"}, {"init": str(Path("a") / "b.png")}),
        ({"vqgan": Path("f16.safetensors")}, {"vqgan": "f16.safetensors"}),
        ({"steps": np.int64(7)}, {"steps": 7}),
        ({"size": 64}, {"width": 64, "height": 64}),
        ({"size": (64, 32)}, {"width": 64, "height": 32}),
        ({"size": "64x32"}, {"width": 64, "height": 32}),
        ({"finish": "clean,flat"}, {"finish": ("clean", "flat")}),
    ],
)
def test_values_are_taken_for_what_they_mean(given: Settings, expected: Settings) -> None:
    recipe = Recipe(prompt="apple::2", **given)
    found = recipe.model_dump()
    assert {name: [*v] if isinstance(v := found[name], tuple) else v for name in expected} == {
        name: [*v] if isinstance(v, tuple) else v for name, v in expected.items()
    }
    assert Recipe(prompt="apple::2").with_(**given) == recipe


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": "many"}, "steps = 'many'"),
        ({"stepz": 3}, "Did you mean 'steps'"),
        ({"size": "large"}, "size = 'large'"),
        ({"size": (1, 2, 3)}, "size ="),
        ({"size": (4, 64)}, "width = 4"),
        ({"size": 64, "width": 32}, "either size, or width and height"),
        ({"init": 3}, "init = 3"),
        ({"no": [3]}, "no.0 = 3"),
        ({"until": True}, "until"),
        ({"until": [1]}, "until"),
        ({"clip": None}, "clip"),
        ({"stages": [{"name": "a", "share": -1}]}, "stages.0.share = -1"),
        ({"stages": 5}, "stages = 5"),
        ({"extras": {"a": object()}}, "extras"),
    ],
)
def test_what_cannot_be_taken_is_our_own_error(given: Settings, said: str) -> None:
    for make in (Recipe, clipart.generate):
        with pytest.raises(UsageError, match="(?s)" + said.replace("(", r"\(")):
            make(prompt="apple", **given)


def test_a_stage_says_what_is_wrong_too() -> None:
    with pytest.raises(UsageError, match="share = 0"):
        clipart.Stage(name="a", share=0)


def test_a_picture_in_memory_is_a_start(settings: Settings, tmp_path: Path) -> None:
    blue = Image.new("RGB", (8, 8), "blue")
    blue.save(tmp_path / "blue.png")
    one, same = (draw(settings, init=init) for init in (blue, tmp_path / "blue.png"))
    assert one.image.tobytes() == same.image.tobytes()
    assert one.recipe.init != same.recipe.init
    with pytest.raises(UsageError, match="given in memory"):
        draw(settings, init="image:0000")


def test_paths_are_text_or_path_objects(settings: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("views = 2\n")
    del settings["views"]
    for kind in (str, Path):
        result = draw(settings, outputs=clipart.Outputs(file=kind("x.png")), preset=kind("mine.toml"))
        assert (result.recipe.views, result.paths) == (2, {"picture": Path("x.png")})
        run = draw(settings, outputs=clipart.Outputs(folder=kind("o"), video="none")).paths["picture"].parent
        assert clipart.resume(kind(run), steps=3).steps == 3


# --- names, and how they are found ---


def test_no_public_name_is_that_of_a_module(settings: Settings) -> None:
    assert not {*clipart.__all__} & {path.stem for path in (ROOT / "clipart").iterdir()}
    _ = clipart.generate
    assert callable(clipart.run)
    assert clipart.run(Recipe(**{**settings, "steps": 1}), NOTHING).steps == 1


def test_the_typed_settings_are_those_of_the_schema() -> None:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert (ROOT / "clipart" / "settings.py").read_text() == maker.module(), "python docs/make_settings.py"
    from clipart.models.spec import ModelSpec
    from clipart.recipe import Stage
    from clipart.settings import Settings as Typed
    from clipart.target import Target

    names = {"Image": Image.Image, "ModelSpec": ModelSpec, "Stage": Stage, "Target": Target}
    hints = get_type_hints(Typed, localns=names)
    assert {*hints} == {*Recipe.model_fields, "size"} - {"prompt", "left"}


def test_loading_torch_is_said(monkeypatch: Any, caplog: Any, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys.modules["torch"])
    with caplog.at_level(logging.INFO, "clipart"):
        _ = clipart.generate
        assert not caplog.messages  # it is there already
        monkeypatch.delitem(sys.modules, "torch")
        _ = clipart.generate
        assert "loading torch" in caplog.text
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
        _ = clipart.generate
    assert capsys.readouterr().err.startswith("clipart: loading torch")
