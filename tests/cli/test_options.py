"""The options: one for each setting of the recipe, with the defaults of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from fake_run import FakeRun, completions

from clipart.canvas import CANVASES
from clipart.cli import main
from clipart.cli.app import command
from clipart.cli.options import OWN
from clipart.cli.reading import read_outputs
from clipart.errors import UsageError
from clipart.knobs import knobs
from clipart.recipe import make_recipe
from clipart.runs import Outputs

OTHERS: dict[str, Any] = {  # a value for each setting that is another than its default
    "no": ("fog", "text"), "seed": 5, "init": "a.png", "paper": "beige", "until": "80%", "seconds": 3.5,
    "clip": ("tiny", "tiny-judge::2"), "judge": "tiny", "device": "cpu", "finish": "flat", "process": "mutate", "palette": ("red", "white"),
    "canvas": "shapes", "vqgan": "a.safetensors", "place": ("apple=left",), "mask": "b.png", "symmetry": "mirror", "transparent": True,
    "steer": ("150=2",), "tile": True, "template": "{prompt}, linocut print", "share_views": True, "image_prompt": ("a.png", "b.png::-0.5"), "style": ("a.png",),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in knobs() if name != "prompt"])
def test_every_setting_is_an_option(name: str, fake: FakeRun) -> None:
    default, annotation = knobs()[name].default, knobs()[name].annotation
    value = OTHERS.get(name) or next(
        v for v in (*get_args(annotation), 64, 0.5, 0.2, 2) if fits(name, v, default)
    )
    flag, values = f"--{name.replace('_', '-')}", value if isinstance(value, tuple) else (value,)
    if (knobs()[name].json_schema_extra or {}).get("joined"):  # type: ignore[union-attr]
        values = (",".join(map(str, values)),)
    typed = [flag] if value is True else [word for each in values for word in (flag, str(each))]
    needed = {"mask": {"init": "a.png"}, "style": {"paper": "white"}}.get(name, {})
    more = [word for each in needed.items() for word in (f"--{each[0]}", each[1])]
    assert main(["apple::9", *typed, *more]) == 0
    assert getattr(fake.recipe, name) == getattr(
        make_recipe({"prompt": "apple::9", name: value, **needed}), name
    )
    assert name not in fake.recipe.left
    assert getattr(fake.recipe, name) != default


def test_a_flag_can_be_taken_back(fake: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "wall.toml").write_text("tile = true\n")
    preset = ["--preset", str(tmp_path / "wall.toml")]
    assert main(["apple", *preset]) == 0
    assert fake.recipe.tile
    assert main(["apple", *preset, "--no-tile"]) == 0
    assert not fake.recipe.tile


def fits(name: str, value: Any, default: Any) -> bool:
    """Whether `value` would do for the field, and is not what it has anyway."""
    try:
        return bool(getattr(make_recipe({"prompt": "apple", name: value}), name) == value != default)
    except UsageError:
        return False


def test_the_outputs_in_the_help_are_those_of_a_run() -> None:
    for name in ("folder", "video", "fps", "video_seconds"):
        shown = OWN[name].__metadata__[0].show_default
        assert type(getattr(Outputs(), name))(shown) == getattr(Outputs(), name)
    assert Outputs(**read_outputs({})) == Outputs()


def test_the_size_in_the_help_is_the_default_one() -> None:
    height, width = make_recipe({"prompt": "apple"}).resolve().shape
    assert OWN["size"].__metadata__[0].show_default == f"{width}x{height}"
    height, width = make_recipe({"prompt": "apple:: tart::"}).resolve().shape
    assert OWN["size"].__metadata__[0].help.endswith(f"two things {width}x{height}")


def test_no_two_options_share_a_flag() -> None:
    for each in command().commands.values():
        flags = [flag for param in each.params for flag in param.opts if flag.startswith("-")]
        assert len(flags) == len(set(flags))


def test_a_part_that_is_added_at_run_time_is_offered(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    CANVASES.add("mosaic", CANVASES["plain"])
    try:
        main(["--help"])
        assert "vqgan, mosaic" in " ".join(capsys.readouterr().out.split())
        assert completions("clipart apple --canvas m", monkeypatch, capsys) == ["multires", "mosaic"]
        monkeypatch.delenv("_CLIPART_COMPLETE")
        assert main(["apple", "--canvas", "mosaic"]) == 0
        assert fake.recipe.canvas == "mosaic"
    finally:
        CANVASES.remove("mosaic")
