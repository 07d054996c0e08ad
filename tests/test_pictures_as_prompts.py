"""Pictures as parts of a prompt and as styles: read once, exact in resume and replay, refused from strangers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import clipart
from clipart.cli import main
from clipart.critic.clip import Clip
from clipart.critic.style import LAYERS, listening, make_style
from clipart.critic.views import closer
from clipart.errors import UsageError
from clipart.layout import lay_out
from clipart.palettes import edge_colour
from clipart.pictures import from_pil
from clipart.recipe import make_recipe
from clipart.record.metadata import read_origin, require_harmless, shared
from clipart.runs import Outputs, resume
from clipart.seeing.looking import looking, still
from clipart.session import Session
from clipart.shown import canonical, parts_of, read_shown
from tests.drawings import draw_all

SMALL = {"seed": 1, "size": 64, "steps": 6, "starts": 1, "views": 2}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return draw_all(tmp_path_factory.mktemp("drawn"))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=int)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cat.png", ("cat.png", 1)),
        ("cat.png::2", ("cat.png", 2)),
        ("a b.png::-0.5", ("a b.png", -0.5)),
        ("cat.png:: .25 ", ("cat.png", 0.25)),
        ("c::at.png::1", ("c::at.png", 1)),
        ("cat.png::", ("cat.png", 1)),
        ("C:\\cat.png", ("C:\\cat.png", 1)),
    ],
)
def test_a_file_has_a_weight(text: str, found: tuple[str, float]) -> None:
    assert read_shown(text) == found


@pytest.mark.parametrize(
    ("text", "says"), [("", "names no picture"), ("::2", "names no picture"), ("a.png::101", "-100 to 100")]
)
def test_a_wrong_one_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_recipe({"prompt": "a", "image_prompt": [text]})


@pytest.mark.parametrize("text", ["a.png::0", "a.png::-1"])
def test_a_style_pushes_nothing_away(text: str) -> None:
    with pytest.raises(UsageError, match=r"weight of a style is above 0.*a\.png|a\.png.*weight of a style"):
        make_recipe({"prompt": "a", "style": text})


@pytest.mark.parametrize("text", ["a::2::1", "a.png::0.00001", "a.png::12.345678", "a::1"])
def test_it_is_written_as_it_is_read(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)
    assert read_shown(canonical(text)) == read_shown(text)


def test_pictures_are_parts_after_the_words() -> None:
    parts = parts_of("a cat::2", ("fog",), ("folder/the  sun.png::0.5",)).parts
    assert [(part.text, part.weight, part.picture) for part in parts] == [
        ("a cat", 2, ""),
        ("fog", -0.5, ""),
        ("the sun.png", 0.5, "shown/0"),
    ]


def test_a_picture_may_stand_alone_and_words_may_not_be_missing_otherwise() -> None:
    recipe = make_recipe({"prompt": "", "image_prompt": "sun.png"})
    assert [part.text for part in recipe.parts.parts] == ["sun.png"]
    assert recipe.title == "sun.png"
    recipe = make_recipe({"prompt": "", "image_prompt": "sun.png", "no": "fog"})
    assert [(part.text, part.weight) for part in recipe.parts.parts] == [("fog", -0.5), ("sun.png", 1)]
    with pytest.raises(UsageError, match="no text"):
        make_recipe({"prompt": " "})
    with pytest.raises(UsageError, match="sum to"):
        make_recipe({"prompt": "", "image_prompt": "sun.png::-1"})


def test_a_picture_has_no_place_as_long_as_there_are_words() -> None:
    assert lay_out(parts_of("a:: b::", (), ("s.png",)), apart=True).of == (0, 1, None)
    assert lay_out(parts_of("", (), ("s.png", "t.png")), apart=True).of == (0, 1)
    assert lay_out(parts_of("a", (), ("b/s.png",)), apart=True, boxes=("s.png=left",)).of == (1, 0)


def test_what_is_climbed_comes_near_the_picture(drawn: dict[str, Path]) -> None:
    long = SMALL | {"steps": 30, "views": 8}
    clip = looking("tiny")

    def cosine(**settings: object) -> float:
        made = clipart.generate(outputs=Outputs(folder=None), **(long | settings))  # type: ignore[arg-type]
        with still():
            seen = [
                clip.encode_shown(each)
                for each in (from_pil(made.image)[None], from_pil(Image.open(drawn["sun"]))[None])
            ]
        return float(seen[0] @ seen[1])

    near = cosine(prompt="", image_prompt=drawn["sun"])
    away = cosine(prompt="a cat", image_prompt=f"{drawn['sun']}::-0.9")
    assert near > 0.5 > away


def test_a_picture_in_memory_is_a_prompt_too(drawn: dict[str, Path]) -> None:
    made = [
        clipart.generate("a cat", image_prompt=given, style=given, outputs=Outputs(folder=None), **SMALL)
        for given in (drawn["sun"], Image.open(drawn["sun"]))
    ]
    assert np.array_equal(pixels(made[0].image), pixels(made[1].image))


def test_a_run_goes_on_without_the_files(drawn: dict[str, Path], tmp_path: Path) -> None:
    picture = tmp_path / "sun.png"
    picture.write_bytes(drawn["sun"].read_bytes())
    settings = SMALL | {"image_prompt": picture, "style": f"{picture}::2"}
    whole = clipart.generate("a cat", outputs=Outputs(folder=tmp_path / "a", video="none"), **settings)  # type: ignore[arg-type]
    steps = iter(range(100))
    half = clipart.run(
        make_recipe(settings | {"prompt": "a cat"}),
        Outputs(folder=tmp_path / "b", video="none"),
        stop_now=lambda: next(steps) >= 3,
    )
    assert half.steps < whole.steps
    picture.unlink()
    again = resume(half.folder)
    assert again.steps == whole.steps
    assert np.array_equal(pixels(again.image), pixels(whole.image))


def test_what_others_see_has_no_folders(drawn: dict[str, Path], tmp_path: Path) -> None:
    made = clipart.generate(
        "a cat",
        image_prompt=f"{drawn['sun']}::0.5",
        style=drawn["mushroom"],
        outputs=Outputs(file=tmp_path / "a.png"),
        **SMALL,
    )
    recipe = read_origin(tmp_path / "a.png").recipe
    assert recipe.image_prompt == ("sun.png::0.5",)
    assert recipe.style == ("mushroom.png",)
    assert recipe.paper == "#ffffff"
    assert str(drawn["sun"].parent) not in (tmp_path / "a.png").read_bytes().decode("latin-1")
    assert made.recipe.image_prompt == (f"{drawn['sun']}::0.5",)
    assert shared(read_origin(tmp_path / "a.png")).recipe == recipe


@pytest.mark.parametrize("name", ["image_prompt", "style"])
def test_a_recipe_of_others_must_not_choose_files(name: str) -> None:
    recipe = make_recipe({"prompt": "a", name: "/etc/passwd"})
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} /etc/passwd"):
        require_harmless(recipe, {})
    require_harmless(recipe, {name: ("/etc/passwd",)})


def test_what_to_type_has_the_weights() -> None:
    recipe = make_recipe({"prompt": "a", "image_prompt": ["a b.png::0.5", "c.png"]})
    with pytest.raises(UsageError, match=r"--image-prompt 'a b\.png::0\.5' --image-prompt c\.png$"):
        require_harmless(recipe, {})


def test_a_replay_is_the_same_picture_once_the_files_are_typed(
    drawn: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = ["--image-prompt", f"{drawn['sun']}::0.5", "--style", str(drawn["mushroom"])]
    small = ["--seed", "1", "--size", "64", "--steps", "3", "--starts", "1", "--views", "2"]
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    assert main(["a cat", *seen, *small, "-o", str(first)]) == 0
    assert main(["replay", str(first), "-o", str(second)]) == 2
    assert "--image-prompt sun.png::0.5" in capsys.readouterr().err
    assert main(["replay", str(first), *seen, "-o", str(second)]) == 0
    assert np.array_equal(pixels(Image.open(first)), pixels(Image.open(second)))


@pytest.mark.parametrize("name", ["image_prompt", "style"])
def test_a_file_that_is_no_picture_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "no.png"
    path.write_text("hello")
    with pytest.raises(UsageError, match=r"no\.png"):
        Session(make_recipe(SMALL | {"prompt": "a", name: path, "paper": "white"}))


def saved(kind: str, path: Path) -> None:
    """Write a red picture that is blue on its right side, in the way that `kind` says."""
    picture = Image.new("RGB", (60, 40), "red")
    picture.paste("blue", (30, 0, 60, 40))
    if kind == "cmyk.jpg":
        picture.convert("CMYK").save(path, quality=95)
    elif kind == "palette.png":
        picture.quantize(4).save(path)
    elif kind == "grey16.png":
        ramp = np.tile(np.linspace(0, 65535, 60).astype(np.uint16), (40, 1))
        Image.fromarray(ramp).save(path)
    elif kind == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(path, exif=exif, quality=95)
    elif kind == "animated.gif":
        picture.save(path, save_all=True, append_images=[Image.new("RGB", (60, 40), "lime")])
    else:
        picture.save(path)


@pytest.mark.parametrize(
    ("kind", "corner"),
    [
        ("cmyk.jpg", (255, 0, 0)),
        ("palette.png", (255, 0, 0)),
        ("grey16.png", (0, 0, 0)),
        ("turned.jpg", (255, 0, 0)),
        ("animated.gif", (255, 0, 0)),
        ("plain.webp", (255, 0, 0)),
        ("plain.avif", (255, 0, 0)),
        ("plain.tiff", (255, 0, 0)),
    ],
)
def test_what_people_have_is_read(kind: str, corner: tuple[int, int, int], tmp_path: Path) -> None:
    path = tmp_path / kind
    saved(kind, path)
    session = Session(make_recipe(SMALL | {"prompt": "a", "image_prompt": path, "style": path, "init": path}))
    for key in ("shown/0", "style/0"):
        held = session.held[key]
        assert held.shape == ((1, 3, 60, 40) if kind == "turned.jpg" else (1, 3, 40, 60))
        assert (held[0, :, 2, 2] * 255 - torch.tensor(corner)).abs().max() < 40
    assert (session.recipe.paper or "").startswith("#")


def test_the_paper_of_a_style_is_the_colour_of_its_edge(drawn: dict[str, Path], tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), "#123456").save(tmp_path / "blue.png")
    recipe = make_recipe({"prompt": "a", "style": tmp_path / "blue.png"}).resolve()
    assert recipe.paper == "#123456"
    assert "paper" in recipe.left
    assert (
        make_recipe({"prompt": "a", "style": tmp_path / "blue.png", "paper": "red"}).resolve().paper == "red"
    )
    assert make_recipe({"prompt": "a"}).resolve().paper == "white"
    assert recipe.with_(style=drawn["sun"]).resolve().paper == "#ffffff"
    assert edge_colour(str(drawn["mushroom"]), "--style") == "#ffffff"


@pytest.mark.parametrize("name", ["tiny", "tiny-80"])
def test_a_style_is_nearest_to_itself(name: str, drawn: dict[str, Path]) -> None:
    with still():
        clip = looking(name)
        sun, mushroom = (from_pil(Image.open(drawn[key]))[None] for key in ("sun", "mushroom"))
        style = make_style(clip, [(sun, 1.0)])
        assert len(style.targets) == LAYERS + 1
        losses = []
        for picture in (sun, mushroom, 1 - sun):
            views = closer(picture, clip.side)
            with listening(clip, views) as maps:
                clip.encode_images(views)
            losses.append(float(style.loss(maps).mean()))
    assert losses[0] < losses[1]
    assert losses[0] < losses[2]


def of_others(kind: str) -> Clip:
    """Return an image tower of open_clip's or timm's with random weights, as a CLIP that can be looked into."""
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    made = {
        "vit": {"image_size": 32, "layers": 6, "width": 32, "head_width": 16, "patch_size": 8},
        "resnet": {"image_size": 32, "layers": (1, 1, 1, 1), "width": 8, "head_width": 16},
        "timm vit": {"image_size": 32, "timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"},
        "convnext": {"image_size": 32, "timm_model_name": "test_convnext", "timm_proj": "linear"},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        visual = _build_vision_tower(16, CLIPVisionCfg(**made[kind])).eval().requires_grad_(False)
    model = SimpleNamespace(visual=visual, encode_image=visual)
    zero, one = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    cpu: Any = torch.device("cpu")
    return Clip("other", 32, 10.0, cpu, torch.float32, model, None, zero, one, cpu)


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm vit", "convnext"])
def test_the_layers_of_other_makes_are_found(kind: str, drawn: dict[str, Path]) -> None:
    clip = of_others(kind)
    sun, mushroom = (from_pil(Image.open(drawn[key]))[None] for key in ("sun", "mushroom"))
    style = make_style(clip, [(sun, 0.5), (sun, 1.5)])
    assert len(style.targets) == LAYERS + 1
    assert style.targets[0].shape == (3, 4)
    assert all(each.shape[1] == each.shape[0] + 1 for each in style.targets)
    views = closer(sun, clip.side).requires_grad_()
    with listening(clip, views) as maps:
        clip.encode_images(views)
    assert all(
        each.shape[:2] == (len(views), len(target)) for each, target in zip(maps, style.targets, strict=True)
    )
    own = style.loss(maps)
    (gradient,) = torch.autograd.grad(own.sum(), views)
    assert gradient.abs().sum() > 0
    with listening(clip, closer(mushroom, clip.side)) as maps:
        clip.encode_images(closer(mushroom, clip.side))
    assert float(own.detach().mean()) < float(style.loss(maps).mean())


@pytest.mark.parametrize("process", ["evolve", "mutate"])
def test_processes_without_a_gradient_know_pictures_and_styles(process: str, drawn: dict[str, Path]) -> None:
    shown = {"image_prompt": drawn["sun"], "style": drawn["mushroom"], "process": process, "steps": 2}
    session = Session(make_recipe(SMALL | {"prompt": "a", "mutants": 2} | shown))
    session.enter_stage(1)
    losses = session.take_step(1, session.recipe.at(1)).losses
    assert all(np.isfinite(value) for value in dict(losses).values())


def test_the_colours_of_a_style_are_taken(drawn: dict[str, Path], tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "#2040c0").save(tmp_path / "blue.png")
    long = SMALL | {"steps": 20, "views": 4}
    made = clipart.generate("a cat", style=tmp_path / "blue.png", outputs=Outputs(folder=None), **long)  # type: ignore[arg-type]
    red, _, blue = pixels(made.image).reshape(-1, 3).mean(axis=0)
    assert blue > red + 60
