"""Finish steps that change or keep an alpha channel, and those that leave a file beside the picture."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from clipart.cli import main
from clipart.errors import UsageError
from clipart.finish import FINISHES
from clipart.finish.chain import leaves, make_chain
from clipart.pictures import open_picture, to_pil, with_alpha
from clipart.recipe import Recipe
from clipart.runs import Outputs, generate

resvg = pytest.importorskip("resvg_py")
pytest.importorskip("vtracer", reason='no vtracer: pip install "clipart[trace]"')


def ring(side: int = 96) -> Tensor:
    """A dark ring on white paper with a soft edge: (3, side, side)."""
    rows = torch.linspace(-1, 1, side)
    distance = ((rows[:, None].square() + rows.square()).sqrt() - 0.55).abs()
    ink = torch.sigmoid((0.2 - distance) * side / 3)
    return 1 - ink * torch.tensor([0.2, 0.8, 0.9])[:, None, None]


def test_cutout_clears_the_ground_and_keeps_what_the_thing_closes_in() -> None:
    image = make_chain(["crisp"])(ring())
    cut = make_chain(["cutout"])(image)
    assert cut.shape == (4, 96, 96)
    alpha = cut[3]
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0
    assert alpha[48, 48] == 1  # paper within the ring
    assert alpha[48, 48 - 26] == 1  # the ring
    edge = (alpha > 0.1) & (alpha < 0.9)
    assert edge.any()
    assert cut[2, edge].mean() < 0.7 * image[2, edge].mean()  # less white in the fringe
    assert ((cut[:3] * alpha + 1 - alpha) - image).abs().max() < 0.15  # on white it is what it was


def test_without_paper_nothing_is_cut_out() -> None:
    scene = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(make_chain(["cutout"])(scene), torch.cat([scene, torch.ones(1, 64, 64)]))


@pytest.mark.parametrize("name", FINISHES.names())
def test_every_step_keeps_an_alpha_channel(name: str) -> None:
    image = torch.cat([ring(64), torch.ones(1, 64, 64)])
    image[3, :, :20] = 0
    finished = make_chain([name])(image)
    assert finished.shape[0] == 4
    scale = finished.shape[1] // 64
    assert finished[3, :, : 16 * scale].max() < 0.05
    if name != "cutout":
        assert finished[3, 10 * scale, 40 * scale] == 1


def test_trace_leaves_an_svg_that_shows_the_picture() -> None:
    image = make_chain(["crisp", "cutout"])(ring(128))
    (ending, data), *_ = leaves(["crisp", "cutout", "trace"], image).items()
    assert ending == ".svg"
    drawn = bytes(resvg.svg_to_bytes(svg_string=data.decode()))
    shown = with_alpha(Image.open(io.BytesIO(drawn)))
    assert shown.shape == image.shape
    assert (shown[:3] * shown[3] - image[:3] * image[3]).abs().mean() < 0.05


def test_without_vtracer_trace_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vtracer", None)
    monkeypatch.delitem(sys.modules, "clipart.finish.trace", raising=False)
    monkeypatch.setattr(FINISHES, "_loaded", {})
    with pytest.raises(UsageError, match=r'pip install "clipart\[trace\]"'):
        make_chain(["trace"])


def test_a_run_writes_the_cut_out_picture_and_its_svg(tmp_path: Path) -> None:
    result = generate(
        "sun",
        size=64,
        steps=6,
        starts=1,
        views=2,
        seed=1,
        finish="clean,cutout,trace",
        outputs=Outputs(folder=tmp_path),
    )
    assert result.recipe.has_alpha
    assert not Recipe(prompt="a").has_alpha
    assert open_picture(result.paths["picture"]).mode == "RGBA"
    assert result.paths["svg"].read_bytes().startswith(b"<?xml")
    assert result.paths["video"].is_file()  # on paper


def test_finish_keeps_alpha_and_writes_the_svg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    to_pil(torch.cat([ring(), torch.ones(1, 96, 96) * 0.5])).save("half.png")
    assert main(["finish", "half.png", "--finish", "upscale:2,trace"]) == 0
    assert open_picture(Path("half-finished.png")).getpixel((96, 4))[3] == 128
    assert Path("half-finished.svg").is_file()


def test_an_svg_that_is_there_is_not_replaced_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    to_pil(ring()).save("ring.png")
    Path("ring-finished.svg").write_text("mine")
    assert main(["finish", "ring.png", "--finish", "trace"]) == 2
    assert "ring-finished.svg is there" in " ".join(capsys.readouterr().err.split())
    assert Path("ring-finished.svg").read_text() == "mine"
    assert not Path("ring-finished.png").exists()
    assert main(["finish", "ring.png", "--finish", "trace", "--force"]) == 0
    assert Path("ring-finished.svg").read_bytes().startswith(b"<?xml")
