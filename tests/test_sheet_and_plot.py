"""Contact sheets and plots: what lies where, and that a browser and a viewer open them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image

from clipart.cli import main
from clipart.cli.summary import BLOCKS, Trace, sparkline
from clipart.errors import UsageError
from clipart.iterates import Check, Iterate, Reading
from clipart.recipe import make_recipe
from clipart.record.caption import lacking
from clipart.record.files import save_png
from clipart.record.log import StepLog
from clipart.record.metadata import Origin, tags
from clipart.record.plot import MOST_POINTS, PANEL, WIDTH, panels_of, thinned, ticks
from clipart.record.sheet import GAP, Tile, arrange, make_sheet

COLOURS = {("apple", 1): (1.0, 0.0, 0.0), ("apple", 2): (0.0, 1.0, 0.0), ("tart", 1): (0.0, 0.0, 1.0)}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Plain pictures of two prompts and two seeds; one is missing."""
    paths = []
    for (prompt, seed), colour in COLOURS.items():
        path = tmp_path / f"{prompt}-{seed}.png"
        recipe = make_recipe({"prompt": prompt, "seed": seed})
        image = torch.tensor(colour)[:, None, None].expand(3, 20, 40)
        save_png(image, path, tags(Origin(recipe)))
        paths.append(path)
    return paths


def tile(prompt: str, seed: int | str) -> Tile:
    return Tile(Path("a.png"), prompt, str(seed))


def test_prompts_and_seeds_make_a_grid() -> None:
    tiles = [tile("a", 1), tile("a", 2), tile("b", 2), tile("b", 1), tile("c", 1)]
    layout = arrange(tiles)
    assert layout.row_heads == ("a", "b", "c")
    assert layout.column_heads == ("seed 1", "seed 2")
    assert layout.rows == ((tiles[0], tiles[1]), (tiles[3], tiles[2]), (tiles[4], None))


@pytest.mark.parametrize(
    ("tiles", "columns", "shape"),
    [
        ([tile("a", n) for n in range(5)], None, (2, 3)),
        ([tile("a", n) for n in range(5)], 5, (1, 5)),
        ([tile(f"p{n}", n) for n in range(9)], None, (3, 3)),  # a grid would be nearly empty
        ([tile("a", 1), tile("a", 1), tile("b", 1), tile("b", 2)], None, (2, 2)),  # two in one place
        ([tile("a", 1)], None, (1, 1)),
    ],
)
def test_others_lie_in_rows(tiles: list[Tile], columns: int | None, shape: tuple[int, int]) -> None:
    layout = arrange(tiles, columns)
    assert (len(layout.rows), len(layout.rows[0])) == shape
    assert not layout.row_heads
    assert [each for row in layout.rows for each in row if each] == tiles


def test_a_sheet_has_every_picture_in_its_place(pictures: list[Path], tmp_path: Path) -> None:
    make_sheet(pictures, tmp_path / "sheet.png", size=40)
    with Image.open(tmp_path / "sheet.png") as page:
        page.load()
    colours = {page.getpixel((x, y)) for x in range(page.width) for y in range(page.height)}
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 255)} <= colours
    left, top = 20 + GAP, 18 + GAP  # behind the heads of rows, below those of columns
    assert page.getpixel((left + 20, top + 20)) == (255, 0, 0)
    assert page.getpixel((left + 40 + GAP + 20, top + 20)) == (0, 255, 0)
    assert page.getpixel((left + 20, top + 40 + GAP + 20)) == (0, 0, 255)
    assert page.getpixel((left + 40 + GAP + 20, top + 40 + GAP + 20)) == (255, 255, 255)


def test_sheet_on_the_command_line(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = tmp_path / "foreign.png"
    Image.new("RGBA", (10, 30)).save(foreign)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "picture.png").write_bytes(pictures[0].read_bytes())
    names = [str(path) for path in (*pictures, foreign, folder)]
    assert main(["sheet", *names, "--size", "32", "--columns", "2"]) == 0
    assert capsys.readouterr().out == "sheet.png\n"
    with Image.open(tmp_path / "sheet.png") as page:
        assert page.width == 2 * (32 + GAP) + GAP
    before = (tmp_path / "sheet.png").read_bytes()
    assert main(["sheet", *names]) == 2
    assert "sheet.png is there" in capsys.readouterr().err
    assert (tmp_path / "sheet.png").read_bytes() == before
    assert main(["sheet", *names, "--size", "16", "--force"]) == 0
    capsys.readouterr()
    assert (tmp_path / "sheet.png").read_bytes() != before
    (tmp_path / "sheet.png").unlink()
    for args, says in [
        (["missing"], "there is no picture there"),
        ([str(tmp_path)], "there is no picture in it"),
        ([*names, "-o", "no/sheet.png"], "does not exist"),
        ([*names, "--size", "4096", "--columns", "5"], "too large"),
        ([str(Path(__file__))], "could not be read"),
    ]:
        assert main(["sheet", *args]) == 2
        assert says in capsys.readouterr().err


# --- plots --------------------------------------------------------------------------------------------


def iterate(step: int, match: float = 0.5, **changes: Any) -> Iterate:
    readings = (Reading("apple & <tart>", 1.0, 0.25, match), Reading("fog", -0.5, 0.1, 0.01))
    losses = {"clip/apple": 1 / step, "total": 2 / step} if step else {}
    values = {"step": step, "steps": 40, "image": torch.zeros(3, 1, 1), "losses": losses} | {
        "check": Check(step - step % 10, readings), "lr": 0.02, "stage": "", "seconds": step / 8
    }  # fmt: skip
    return Iterate(**(values | changes))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    with StepLog(tmp_path / "log.jsonl") as log:
        for step in range(41):
            log(iterate(step, match=step / 40))
        log(iterate(41, losses={"total": math.nan}))
    return tmp_path


def test_a_plot_in_both_forms(run_folder: Path, capsys: Any) -> None:
    assert main(["plot", str(run_folder)]) == 0
    svg, png = run_folder / "plot.svg", run_folder / "plot.png"
    assert capsys.readouterr().out == f"{svg}\n{png}\n"
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    assert (root.get("width"), root.get("height")) == (str(WIDTH), str(3 * PANEL))
    words = "".join(root.itertext())
    for part in ("match, %", "loss", "learning rate", "apple & <tart>", "no fog", "total", "clip/apple"):
        assert part in words
    lines = [each for each in root if each.tag.endswith("polyline") and each.get("stroke-width") == "1.5"]
    assert len(lines) == 5
    xs = [float(point.split(",")[0]) for point in lines[0].get("points", "").split()]
    ys = [float(point.split(",")[1]) for point in lines[0].get("points", "").split()]
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)  # the match rises
    with Image.open(png) as picture:
        assert picture.size == (WIDTH, 3 * PANEL)
        assert len(set(picture.convert("RGB").get_flattened_data())) > 20


def test_one_plot_where_it_is_wanted(run_folder: Path, capsys: Any) -> None:
    assert main(["plot", str(run_folder), "-o", str(run_folder / "a.svg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(run_folder / "a.svg")
    assert not (run_folder / "plot.svg").exists()
    for args, says in [
        ([str(run_folder), "-o", "a.pdf"], ".svg or .png"),
        ([str(run_folder / "missing")], "no log.jsonl"),
    ]:
        assert main(["plot", *args]) == 2
        assert says in capsys.readouterr().err
    (run_folder / "log.jsonl").write_text("")
    assert main(["plot", str(run_folder)]) == 1
    assert "no step in it" in capsys.readouterr().err


def test_scales_are_round_and_lines_are_short() -> None:
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(0, 41) == [0, 10, 20, 30, 40]
    assert ticks(0.813, 0.8291) == [0.815, 0.82, 0.825]
    assert 3 <= len(ticks(-1e-9, 1e6)) <= 7
    points = [(float(n), 0.0) for n in range(10_000)]
    short = thinned(points)
    assert (len(short), short[0], short[-1]) == (MOST_POINTS, points[0], points[-1])
    assert panels_of([]) == []


def test_what_has_no_picture_is_left_out_with_a_note(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    assert main(["sheet", str(pictures[0]), "empty", "notes.txt", "--size", "32", "-o", "s.png"]) == 0
    err = capsys.readouterr().err
    assert "empty: no picture in it; left out" in err
    assert "notes.txt: no picture; left out" in err
    assert main(["sheet", "empty", "--size", "32"]) == 2


def test_letters_that_no_font_has() -> None:
    assert not lacking(["apple", "яблоко", "tarte à l’orange"])
    assert lacking(["\U00012000"])


def test_a_sparkline() -> None:
    assert sparkline([0, 0.5, 1]) == f"{BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]}"
    assert sparkline([0, 0]) == BLOCKS[0] * 2
    assert len(sparkline([n / 999 for n in range(1000)], 40)) == 40
    trace = Trace(most=10)
    assert trace.line() == ""
    for step in range(0, 410, 10):
        trace(iterate(step, match=step / 400))
        trace(iterate(step + 1, match=step / 400, check=Check(step, ())))
    assert trace.line().startswith("0% ")
    assert trace.line().endswith(" 100%")
    assert len(trace.line()) < 25
    assert trace.line("ascii") == ""


def test_nothing_to_put_on_a_sheet(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 pictures"):
        make_sheet([], tmp_path / "sheet.png")
