"""Runs in a notebook: a live picture while they go on, and what a result shows of itself.

It is plain HTML, which Jupyter, Colab and marimo show without a widget library. While a run goes on, one
place in the output is written anew (IPython's `update_display`, marimo's `output.replace`), at most `RATE`
times a second, and seldom enough that it takes at most `SHARE` of the time.
"""

from __future__ import annotations

import base64
import io
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.errors import UsageError
from clipart.pictures import open_picture, to_pil
from clipart.record.plot import make_plot
from clipart.record.sheet import make_sheet
from clipart.record.trajectory import Trajectory, open_trajectory

if TYPE_CHECKING:
    from PIL.Image import Image

    from clipart.iterates import Iterate, Reading

RATE = 4.0  # times a second that the output is written anew, at most
SHARE = 0.05  # of the time, at most
GRACE = 0.2  # seconds that it may take before its share is looked at
SIDE = 320  # pixels of the longer side of a picture while the run goes on, at most
FILM_BYTES = 3 * 2**20  # a larger film is linked, and not put into the notebook


def is_notebook() -> bool:
    """Say whether this program is the kernel of a notebook."""
    if _in_marimo():
        return True
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


def _in_marimo() -> bool:
    marimo: Any = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def _output() -> Callable[[str], None]:
    """Return what writes HTML to the output of the cell that runs, each time to the same place."""
    if _in_marimo():
        marimo: Any = sys.modules["marimo"]
        return lambda html: marimo.output.replace(marimo.Html(html))
    from IPython import display

    ipython: Any = display
    handles: list[Any] = []

    def show(html: str) -> None:
        if handles:
            handles[0].update(ipython.HTML(html))
        else:
            handles.append(ipython.display(ipython.HTML(html), display_id=True))

    return show


class Live:
    """A consumer that shows a run in the output of its cell: picture, bar and matches."""

    def __init__(self) -> None:
        self._show = _output()
        self._began = self._last = time.monotonic()
        self._spent, self._shown = 0.0, False

    def __call__(self, it: Iterate) -> None:
        """Show `it`, if it is time, or it is the first or the last."""
        now = time.monotonic()
        due = now - self._last >= 1 / RATE and self._spent <= GRACE + SHARE * (now - self._began)
        if self._shown and not due and it.stop is None:
            return
        self._show(progress(it))
        self._shown = True
        self._last = time.monotonic()
        self._spent += self._last - now


def progress(it: Iterate) -> str:
    """Return a run on its way as HTML."""
    picture = to_pil(it.image)
    picture.thumbnail((SIDE, SIDE))
    left = (
        f", about {it.seconds / it.step * (it.steps - it.step):.0f} s left" if it.step and not it.stop else ""
    )
    return (
        f'<div role="group" aria-label="clipart">{_image(picture, "JPEG", f"after step {it.step}")}'
        f'<br><progress value="{it.step}" max="{it.steps}"></progress> '
        f"step {it.step} of {it.steps}{left}{_matches(it.check.readings)}</div>"
    )


def result(image: Image, readings: Iterable[Reading], folder: Path | None) -> str:
    """Return a finished run as HTML: picture, film, matches, and the command that makes it again."""
    parts = [_image(image, "PNG", "the finished picture")]
    if folder is not None:
        film = folder / "video.mp4"
        if film.is_file() and film.stat().st_size <= FILM_BYTES:
            data = base64.b64encode(film.read_bytes()).decode()
            size = f'width="{image.width}" height="{image.height}"'
            parts.append(f'<video controls loop {size} src="data:video/mp4;base64,{data}"></video>')
    parts.append(_matches(readings))
    if folder is not None:
        parts.append(f"<code>{escape(shlex.join(['clipart', 'replay', str(folder)]))}</code>")
    return f"<div>{''.join(parts)}</div>"


def _image(picture: Image, kind: str, words: str) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(words)}" src="data:image/{kind.lower()};base64,{data}">'


def _matches(readings: Iterable[Reading]) -> str:
    rows = [
        f"<tr><td>{escape(each.text)}</td><td>{each.weight:g}</td><td>{each.match:.0%}</td></tr>"
        for each in readings
    ]
    return f"<table><tr><th>part</th><th>weight</th><th>match</th></tr>{''.join(rows)}</table>"


# --- what is made of a run's folder ---


def pictures(trajectory: Trajectory, steps: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """Yield the recorded pictures of `steps`, which are in order, each with its step."""
    wanted = set(steps)
    for step, frame in zip(trajectory.steps, trajectory.frames(), strict=False):
        if step in wanted:  # trajectories are BT.709, as `clipart.record.video` writes them
            rgb: Any = frame.reformat(format="rgb24", src_colorspace="ITU709")
            yield step, rgb.to_image()


def spread(steps: list[int], count: int) -> list[int]:
    """Return at most `count` of `steps`, evenly, with the first and the last."""
    count = max(1, min(count, len(steps)))
    return [steps[round(k * (len(steps) - 1) / max(1, count - 1))] for k in range(count)]


def contact_sheet(run: Path, count: int, size: int) -> Image:
    """Return `count` moments of a run on one sheet, each at most `size` pixels a side.

    Raises:
        UsageError: `count` is below 1; there is no trajectory.
    """
    if count < 1:
        raise UsageError(f"count {count}: a sheet has at least one picture.")
    trajectory = open_trajectory(run)
    with tempfile.TemporaryDirectory(prefix="clipart-") as folder:
        paths = []
        for step, picture in pictures(trajectory, spread(trajectory.steps, count)):
            paths.append(Path(folder) / f"step {step}.png")
            picture.save(paths[-1])
        make_sheet(paths, Path(folder) / "sheet.png", size)
        return open_picture(Path(folder) / "sheet.png")


def plot(run: Path) -> Image:
    """Return the matches, losses and rates of a run as a picture.

    Raises:
        UsageError: there is no log.
    """
    with tempfile.TemporaryDirectory(prefix="clipart-") as folder:
        make_plot(run, Path(folder) / "plot.png")
        return open_picture(Path(folder) / "plot.png")
