"""What a run shows in a notebook, and the notebook of the examples from its first cell to its last."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import clipart
from clipart import notebook

TOUR = Path(__file__).parents[1] / "examples" / "tour.ipynb"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    outputs = clipart.Outputs(folder=tmp_path_factory.mktemp("runs"))
    return clipart.generate("<B>apple</B>", seed=1, size=32, steps=8, starts=1, views=2, outputs=outputs)


def test_a_result_shows_picture_film_matches_and_command(made: Any) -> None:
    html = made._repr_html_()
    assert 'src="data:image/png;base64,' in html
    assert 'src="data:video/mp4;base64,' in html
    assert "&lt;B&gt;apple&lt;/B&gt;" in html
    assert "<B>apple" not in html
    assert f"clipart replay {made.folder}" in html
    HTMLParser().feed(html)


def test_what_is_made_of_a_result(made: Any) -> None:
    assert made.film("gif", seconds=1).read_bytes().startswith(b"GIF89a")
    assert made.sheet(4, 32).width >= 64
    assert made.plot().width == 800
    with pytest.raises(clipart.UsageError, match="a film has fps, seconds"):
        made.film("mp4", minutes=1)
    with pytest.raises(clipart.UsageError, match=r"ends in \.mp4"):
        made.film("avi")
    with pytest.raises(clipart.UsageError, match="at least one"):
        made.sheet(0)


def test_without_a_folder_it_says_so() -> None:
    result = clipart.generate(
        "apple", seed=1, size=32, steps=1, starts=1, outputs=clipart.Outputs(folder=None)
    )
    assert "data:image/png" in result._repr_html_()
    for make in (result.film, result.sheet, result.plot):
        with pytest.raises(clipart.UsageError, match="no folder"):
            make()


def test_a_moment_has_the_colours_of_the_picture(made: Any) -> None:
    from clipart.record.trajectory import open_trajectory

    trajectory = open_trajectory(made.folder)
    ((step, picture),) = notebook.pictures(trajectory, trajectory.steps[:1])
    assert step == 0
    colours = picture.resize((1, 1)).getpixel((0, 0))
    assert all(value > 200 for value in colours)  # faint static on white paper


@pytest.mark.parametrize(
    ("count", "found"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (20, list(range(10)))]
)
def test_moments_are_spread(count: int, found: list[int]) -> None:
    assert notebook.spread(list(range(10)), count) == found


def test_outside_of_a_notebook_nothing_is_shown() -> None:
    assert not notebook.is_notebook()


def test_in_marimo_one_output_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    marimo = SimpleNamespace(
        running_in_notebook=lambda: True, Html=str, output=SimpleNamespace(replace=shown.append)
    )
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    assert notebook.is_notebook()
    clipart.generate("sun", size=32, steps=3, starts=1, views=2, seed=1, outputs=clipart.Outputs(folder=None))
    assert "step 0 of 3" in shown[0]
    assert "step 3 of 3" in shown[-1]
    marimo.running_in_notebook = lambda: False  # imported, and not its kernel
    assert not notebook.is_notebook()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_tour_runs_in_jupyter(tmp_path: Path) -> None:
    reason = 'no Jupyter here: pip install "clipart[browser]"'
    nbclient = pytest.importorskip("nbclient", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    import nbformat

    book = nbformat.read(TOUR, as_version=4)
    for cell in book.cells:
        cell.source = re.sub(r"^STEPS = \d+$", "STEPS = 20", cell.source, flags=re.MULTILINE)
        assert not cell.get("outputs")  # as it is kept
    client = nbclient.NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    live = [each for each in book.cells[2].outputs if each.output_type == "display_data"]
    assert "step 20 of 20" in live[0].data["text/html"]  # one place, written anew
    assert len(live) == 1
    (shown,) = [each for each in book.cells[2].outputs if each.output_type == "execute_result"]
    assert "clipart replay" in shown.data["text/html"]
    assert "image/png" in book.cells[4].outputs[0].data
