"""What goes around a canvas: symmetry, tiles, masks, transparency; boxes of parts, and palettes of pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from clipart.around import maps_of
from clipart.canvas import MAPS
from clipart.canvas.base import over
from clipart.canvas.mask import Mask
from clipart.canvas.shapes import ShapesCanvas
from clipart.canvas.symmetry import Symmetry
from clipart.canvas.tile import Tile
from clipart.canvas.vector import mirrored
from clipart.cli import main
from clipart.critic.places import places
from clipart.critic.views import sample_views
from clipart.errors import UsageError
from clipart.layout import WHOLE, Box, lay_out, read_box
from clipart.loop import go_on, iterate
from clipart.pictures import to_pil
from clipart.prompt import parse
from clipart.recipe import make_recipe
from clipart.record.metadata import read_origin, require_harmless, shared
from clipart.rng import Streams, stream
from clipart.session import Session

SIDE = 64


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A picture of a red disc on blue, and a mask whose right half is white."""
    picture = Image.new("RGB", (80, 80), "#4080ff")
    ImageDraw.Draw(picture).ellipse((20, 20, 60, 60), fill="#ff2000")
    picture.save(tmp_path / "disc.png")
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (SIDE // 2, 0, SIDE, SIDE))
    mask.save(tmp_path / "mask.png")
    return {"init": str(tmp_path / "disc.png"), "mask": str(tmp_path / "mask.png")}


def asked(name: str, files: dict[str, str]) -> dict[str, Any]:
    """Settings that ask for the map called `name`."""
    return {
        "mirror": {"symmetry": "mirror"},
        "quarter": {"symmetry": "quarter"},
        "kaleidoscope": {"symmetry": "kaleidoscope:5"},
        "tile": {"tile": True},
        "mask": files,
        "transparent": {"transparent": True},
        "both": {"transparent": True, "symmetry": "mirror", "tile": True},
    }[name]


NAMES = ["mirror", "quarter", "kaleidoscope", "tile", "mask", "transparent", "both"]


# --- the maps ---


def image(height: int = 40, width: int = 56) -> torch.Tensor:
    rough = torch.rand(1, 3, 5, 7, generator=stream(1, "init"))
    return torch.nn.functional.interpolate(rough, size=(height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("size", [(40, 56), (41, 33)])
def test_mirrors_copy_the_first_half(size: tuple[int, int]) -> None:
    before = image(*size)
    half, quarter = Symmetry("mirror")(before), Symmetry("quarter")(before)
    assert torch.equal(half, half.flip(3))
    assert torch.equal(half[..., : size[1] // 2], before[..., : size[1] // 2])
    assert torch.equal(quarter, quarter.flip(3))
    assert torch.equal(quarter, quarter.flip(2))
    assert not torch.equal(half, half.flip(2))


def test_a_kaleidoscope_is_the_same_after_a_turn_and_in_a_mirror() -> None:
    four = Symmetry("kaleidoscope:4")(image(64, 64))
    assert (four - four.rot90(1, (2, 3))).abs().mean() < 1e-5
    assert (four - four.flip(3)).abs().mean() < 1e-5
    assert four.std() > 0.05
    exact = Symmetry("kaleidoscope:3")((image(64, 64) > 0.5).float(), exact=True)
    assert set(exact.unique().tolist()) <= {0.0, 1.0}  # no colours are mixed


def steps(tile: torch.Tensor) -> tuple[float, float]:
    """The mean step across the seams of `tile` laid out 2 x 2, and of neighbouring pixels inside."""
    seams = [(tile[..., 0] - tile[..., -1]).abs().mean(), (tile[..., 0, :] - tile[..., -1, :]).abs().mean()]
    inside = [tile.diff(dim=dim).abs().mean() for dim in (2, 3)]
    return float(sum(seams) / 2), float(sum(inside) / 2)


def test_a_tile_has_no_seam_and_the_rest_is_as_it_was() -> None:
    before = image(96, 128) * torch.linspace(0, 1, 128)
    after = Tile()(before)
    seam, inside = steps(before)
    assert seam > 5 * inside  # there was one
    seam, inside = steps(after)
    assert seam <= 1.2 * inside
    assert after.mean() == pytest.approx(float(before.mean()), abs=1e-4)
    periodic = torch.sin(2 * torch.pi * torch.arange(128) / 128).expand(1, 3, 96, 128)
    assert torch.allclose(Tile()(periodic), periodic, atol=0.03)


def test_a_mask_keeps_what_is_black_at_any_size() -> None:
    picture, mask = image(32, 32), torch.zeros(1, 1, 32, 32)
    mask[..., 16:] = 1
    found = Mask(picture, mask)(torch.zeros(1, 3, 32, 32))
    assert torch.equal(found[..., :16], picture[..., :16])
    assert not found[..., 16:].any()
    assert Mask(picture, mask)(torch.zeros(1, 3, 64, 48)).shape == (1, 3, 64, 48)


def test_over_lays_alpha_on_a_ground() -> None:
    clear = torch.zeros(1, 4, 2, 2)
    clear[:, :, 0] = 1.0
    assert over(clear, torch.full((1, 3, 1, 1), 0.25))[0, 0].tolist() == [[1, 1], [0.25, 0.25]]
    assert over(clear[:, :3], torch.zeros(1, 3, 1, 1)) is not None


@pytest.mark.parametrize("both", [False, True])
def test_a_mirrored_svg_is_the_picture(both: bool) -> None:
    resvg = pytest.importorskip("resvg_py")
    canvas = ShapesCanvas(torch.full((1, 3, 96, 128), 0.9), generator=stream(3, "init"), count=12)
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=stream(4, "init")))
    canvas.project(1.0)
    wanted = Symmetry("quarter" if both else "mirror")(canvas.final(96, 128))
    svg = mirrored(canvas.leaves(96, 128)[".svg"], both=both).decode()
    found = Image.open(io.BytesIO(bytes(resvg.svg_to_bytes(svg_string=svg)))).convert("RGB")
    assert np.abs(np.asarray(found, float) - 255 * wanted[0].permute(1, 2, 0).numpy()).mean() < 2


def test_a_transparent_svg_is_the_picture(settings: dict[str, object]) -> None:
    resvg = pytest.importorskip("resvg_py")
    sticker = {"canvas": "shapes", "shapes": 8, "transparent": True, "symmetry": "mirror", "starts": 1}
    session = Session(make_recipe(settings | sticker | {"width": 64, "height": 64, "lr": 0.3, "upscale": 2}))
    *_, _ = go_on(session)
    svg = session.leaves(session.finished())[".svg"].decode()
    found = Image.open(io.BytesIO(bytes(resvg.svg_to_bytes(svg_string=svg)))).convert("RGBA")
    wanted = to_pil(session.finished())
    assert 0.05 < np.asarray(wanted.getchannel("A")).mean() / 255 < 0.95
    grey = Image.new("RGBA", (128, 128), "#777")
    one, two = (np.asarray(Image.alpha_composite(grey, each), float) for each in (found, wanted))
    assert np.abs(one - two).mean() < 2


# --- in a run ---


@pytest.mark.parametrize("canvas", ["multires", "shapes", "pixelart"])
@pytest.mark.parametrize("name", NAMES)
def test_every_map_on_a_canvas_goes_on_to_the_bit(
    settings: dict[str, object], files: dict[str, str], name: str, canvas: str
) -> None:
    small = {"canvas": canvas, "shapes": 6, "grid": 8, "starts": 1, "steps": 4}
    recipe = make_recipe(settings | small | asked(name, files))
    whole = Session(recipe)
    *_, last = go_on(whole)
    half = Session(recipe)
    for it in go_on(half):
        if it.step == 2:
            break
    again = Session.restore(half.state(), recipe)
    *_, resumed = go_on(again)
    assert torch.equal(resumed.image, last.image)
    assert torch.equal(again.finished(), whole.finished())
    *_, other = iterate(recipe.with_(seed=8))
    assert not torch.equal(other.image, last.image)


@pytest.mark.parametrize("process", ["mutate", "evolve"])
def test_a_map_needs_no_gradient(settings: dict[str, object], process: str) -> None:
    few = {"canvas": "shapes", "shapes": 4, "steps": 2, "starts": 1, "process": process}
    *_, last = iterate(make_recipe(settings | few | {"symmetry": "mirror", "tile": True}))
    assert last.step == 2


@pytest.mark.parametrize("name", NAMES)
def test_every_map_runs_from_the_command_line(
    name: str, files: dict[str, str], tmp_path: Path, random_clip: str, few_words: None
) -> None:
    options = []
    for key, value in asked(name, files).items():
        options += [f"--{key}"] if value is True else [f"--{key}", value]
    place = ["--folder", str(tmp_path / "out"), "--video", "none", "-q"]
    plain = ["--size", "64", "--steps", "10", "--seed", "1", "--starts", "1", "--views", "2"]
    assert main(["apple", *plain, *options, "--clip", random_clip, "--finish", "clean", *place]) == 0
    (path,) = (tmp_path / "out").rglob("picture.png")
    picture = Image.open(path)
    recipe = read_origin(path).recipe
    assert maps_of(recipe) == maps_of(make_recipe({"prompt": "apple", **asked(name, files)}))
    levels = np.asarray(picture)
    if "symmetry" in asked(name, files) and name != "both":
        assert np.abs(levels.astype(int) - levels[:, ::-1]).max() <= (0 if name != "kaleidoscope" else 3)
    assert picture.mode == ("RGBA" if recipe.transparent else "RGB")
    if name == "tile":
        seam, inside = steps(torch.from_numpy(levels.astype(float)).permute(2, 0, 1)[None])
        assert seam <= 1.2 * inside
    if name == "mask":  # what is black is the picture to the bit, also after the finish
        kept = Image.open(files["init"]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        assert np.array_equal(levels[:, : SIDE // 2], np.asarray(kept)[:, : SIDE // 2])
        assert not np.array_equal(levels[:, SIDE // 2 :], np.asarray(kept)[:, SIDE // 2 :])


def test_a_transparent_picture_is_seen_on_grounds_that_are_drawn_anew() -> None:
    recipe = make_recipe({"prompt": "a", "transparent": True, "views": 16})
    layout = lay_out(recipe.parts, apart=False)
    one, two = (sample_views(recipe, 40, 40, 0.0, streams, layout) for streams in [Streams(0)] * 2)
    assert one.grounds is not None
    assert two.grounds is not None
    assert not torch.equal(one.grounds, two.grounds)
    clear = torch.zeros(1, 4, 40, 40)
    assert one.render(clear, 32).std() > 0.1  # of a clear picture, the ground is what is seen
    opaque = torch.ones(1, 4, 40, 40)
    still = make_recipe(recipe.model_dump() | {"jitter": 0, "noise": 0})
    views = sample_views(still, 40, 40, 0.0, Streams(0), layout)
    assert torch.allclose(views.render(opaque, 32), torch.ones(1), atol=1e-3)


def test_jpeg_has_no_transparency(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apple", "--transparent", "-o", str(tmp_path / "a.jpg")]) == 2
    assert "JPEG has no transparency. Type a.png" in " ".join(capsys.readouterr().err.split())


def test_views_of_a_tile_look_over_its_edge() -> None:
    still = {"rotate": 0, "perspective": 0, "noise": 0, "jitter": 0, "overview": 1, "detail": 1, "largest": 1}
    recipe = make_recipe({"prompt": "a", "tile": True, "views": 8, **still})
    views = sample_views(recipe, 32, 32, 0.0, Streams(0), lay_out(recipe.parts, apart=False))
    assert views.homographies[1::2, :2, 2].abs().max() > 0.3
    tile = torch.zeros(1, 3, 32, 32)
    tile[..., 8:24] = 1.0
    assert torch.allclose(views.render(tile, 32).mean((1, 2, 3)), torch.full((8,), 0.5), atol=0.05)


def test_what_does_not_go_together_is_refused(files: dict[str, str]) -> None:
    for wrong, said in (
        ({"tile": True, "zoom": 1.02}, "--tile and a camera"),
        ({"symmetry": "mirror", "spin": 2.0}, "--symmetry and --spin"),
        ({"mask": files["mask"]}, "--init FILE"),
        (files | {"init_strength": 0.0}, "--init FILE"),
        (files | {"tile": True}, "--mask and --tile"),
        (files | {"transparent": True}, "--mask and --transparent"),
        ({"place": "a=left", "symmetry": "mirror"}, "--place and --symmetry"),
        ({"place": "a=left", "layout": "blend"}, "--place and --layout blend"),
        ({"symmetry": "kaleidoscope:1"}, "kaleidoscope:N with N from 2 to 24"),
        ({"symmetry": "both"}, "there is none, mirror, quarter"),
    ):
        with pytest.raises(UsageError, match=said):
            make_recipe({"prompt": "a", **wrong})
    make_recipe({"prompt": "a", "symmetry": "mirror", "zoom": 1.02})


def test_every_map_has_a_setting() -> None:
    assert set(MAPS.names()) <= set(make_recipe({"prompt": "a"}).model_dump())


def test_with_output_the_picture_is_all_that_is_written(
    tmp_path: Path, random_clip: str, few_words: None
) -> None:
    (tmp_path / "a.svg").write_text("mine")
    plain = ["--size", "64", "--steps", "2", "--starts", "1", "--views", "2", "--clip", random_clip, "-q"]
    assert main(["apple", "--canvas", "shapes", *plain, "-o", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.svg").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


# --- boxes ---


def test_a_box_is_read_in_words_and_in_per_cent() -> None:
    assert read_box("cat=left") == ("cat", Box(0, 0, 0.5, 1))
    assert read_box("a = b = 70%, 0%,30%,30.5%") == ("a = b", Box(0.7, 0, 0.3, 0.305))
    for wrong in ("cat", "=left", "cat=leftish", "cat=70,0,30,30", "cat=1%,2%,3%", "cat=0%,0%,0%,9%"):
        with pytest.raises(UsageError, match="--place"):
            read_box(wrong)
    with pytest.raises(UsageError, match="beyond the picture"):
        read_box("cat=80%,0%,30%,30%")


def test_parts_without_a_box_have_all_of_the_picture() -> None:
    prompt = parse("Cat:: sun:: sky::0.5 fog::-0.2")
    layout = lay_out(prompt, apart=True, boxes=["cat=left", "sun=70%,0%,30%,30%"])
    assert layout.of == (0, 1, 2, None)
    assert layout.boxes[2] == WHOLE
    with pytest.raises(UsageError, match=r"no such part\. It has: 'Cat', 'sun'"):
        lay_out(prompt, apart=True, boxes=["dog=left"])
    with pytest.raises(UsageError, match="no such part once more"):
        lay_out(prompt, apart=True, boxes=["cat=left", "cat=right"])


def test_a_box_is_where_it_says_and_views_stay_in_it() -> None:
    recipe = make_recipe(
        {"prompt": "sun:: cat::", "place": ["sun=70%,0%,30%,40%", "cat=left"], "largest": 1, "rotate": 0}
    )
    layout = lay_out(recipe.parts, apart=True, boxes=recipe.place)
    there = places(layout, 100, 200)
    assert there.sizes == ((40.0, 60.0), (100.0, 100.0))
    corners = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    assert torch.allclose((there.maps[0] @ corners.T).T[:, :2], torch.tensor([[0.4, -1.0], [1.0, -0.2]]))
    views = sample_views(recipe, 100, 200, 0.0, Streams(0), layout)
    seen = (views.homographies @ corners.T)[..., 0] / (views.homographies @ corners.T)[..., 2, :1]
    assert (seen[views.place == 0, 0] > 0.3).all()
    assert (seen[views.place == 1, 0] < 0.1).all()


def test_a_part_grows_in_its_box(settings: dict[str, object]) -> None:
    where = {"prompt": "apple:: tart::", "place": ["apple=top-left", "tart=bottom-right"], "starts": 1}
    still = {"tv": 0, "ink": 0, "margin": 0, "saturation": 0, "range": 0, "low_pass": 0, "canvas": "plain"}
    recipe = make_recipe(settings | where | still | {"width": 64, "height": 64, "largest": 1})
    session = Session(recipe)
    before = session.shown.clone()
    *_, last = go_on(session)
    changed = (last.image - before[0]).abs().mean(dim=0)
    assert changed[4:28, 4:28].mean() > 3 * changed[4:28, 36:60].mean()
    assert changed[36:60, 36:60].mean() > 3 * changed[36:60, 4:28].mean()
    assert recipe.resolve().layout == "apart"


def test_a_box_without_room_is_refused() -> None:
    recipe = make_recipe({"prompt": "sun", "place": "sun=0%,0%,10%,10%", "width": 64, "height": 64})
    with pytest.raises(UsageError, match="the smallest box has 6 pixels on 64x64, and needs 16"):
        Session(recipe)


# --- a palette of a picture ---


def test_a_palette_is_taken_from_a_picture_once(files: dict[str, str]) -> None:
    recipe = make_recipe({"prompt": "a", "canvas": "palette", "palette": files["init"], "colours": 4})
    assert recipe.palette == (files["init"],)
    with pytest.raises(UsageError, match="a preset must not"):
        require_harmless(recipe, {})
    settled = recipe.resolve()
    assert settled.palette[:2] == ("#4080ff", "#ff2000")  # the commonest first
    Path(files["init"]).unlink()
    assert settled.resolve() == settled  # it replays without the file
    require_harmless(settled, {})
    with pytest.raises(UsageError, match=r"--palette .*disc\.png"):
        recipe.resolve()


def test_a_palette_is_colours_or_one_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one picture, or colours"):
        make_recipe({"prompt": "a", "palette": "red,a.png"})
    plain = tmp_path / "plain.png"
    Image.new("RGB", (8, 8), "red").save(plain)
    with pytest.raises(UsageError, match="has one colour"):
        make_recipe({"prompt": "a", "palette": str(plain)}).resolve()


def test_a_picture_says_no_path_of_its_mask(files: dict[str, str]) -> None:
    from clipart.record.metadata import Origin

    recipe = make_recipe({"prompt": "a", **files})
    assert shared(Origin(recipe)).recipe.mask == "mask.png"
    with pytest.raises(UsageError, match="--mask"):
        require_harmless(recipe, {"init": files["init"]})
