"""How drawn pictures are: the width of their strongest edges, and marks that belong to nothing.

    python bench/drawing.py FOLDER [--finish redraw] [--out FOLDER]

FOLDER holds PNG pictures, those of `bench/quality.py --out` say (`FOLDER/pixel`). For each picture: the median 10-90 % width in pixels of the
tenth of edges that is strongest (`bench/edges.py`), and the number of stray marks. A stray mark is a connected piece of ink of at
least 4 pixels and less than 1 % of all ink, farther than 3 % of the short side from the largest piece. Ink is what differs from the
median colour of the border by more than 0.12 in a channel. Printed are the means, the medians and the worst; the bars are 3 px and one mark.
With --finish, each picture first goes through that chain, and --out keeps what comes of it. Needs `pip install scipy`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from edges import edge_width
from machine import machine
from scipy import ndimage

from clipart.finish.chain import make_chain, read_chain
from clipart.pictures import from_pil, on_white, open_picture, to_pil

_INK = 0.12  # of a channel
_SMALL, _LEAST, _AWAY = 0.01, 4, 0.03


def stray_marks(picture: np.ndarray) -> int:
    """Return how many pieces of `picture`, (height, width, 3) in [0, 1], belong to nothing."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ink = np.abs(picture - np.median(border, axis=0)).max(axis=2) > _INK
    pieces, count = ndimage.label(ink, structure=np.ones((3, 3)))
    if not count:
        return 0
    sizes = np.bincount(pieces.ravel())[1:]
    away = ndimage.distance_transform_edt(pieces != 1 + sizes.argmax())
    nearest = ndimage.minimum(away, pieces, range(1, count + 1))
    small = (sizes < _SMALL * sizes.sum()) & (sizes >= _LEAST)
    return int((small & (np.asarray(nearest) > _AWAY * min(picture.shape[:2]))).sum())


def pictures(folder: Path, finish: str | None, out: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the pixels, (height, width, 3) in [0, 1], of each picture of `folder`."""
    finished = make_chain(read_chain(finish)) if finish else None
    for path in sorted(folder.rglob("*.png")):
        image = from_pil(on_white(open_picture(path)))
        if finished:
            image = finished(image)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            to_pil(image).save(out / path.name)
        yield path.stem, image.permute(1, 2, 0).double().numpy()


def main() -> None:
    """Print the widths and the marks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--finish", help="a chain of finish steps, as `clipart finish` takes it")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with torch.no_grad():
        found = {
            name: (edge_width(picture.mean(axis=2)), stray_marks(picture))
            for name, picture in pictures(given.folder, given.finish, given.out)
        }
    widths, marks = (np.array(each, dtype=float) for each in zip(*found.values(), strict=True))
    print(
        f"{machine()}; {len(found)} pictures of {given.folder.name}, finish {given.finish or 'as they are'}"
    )
    for what, values, unit in (("edge width", widths, " px"), ("stray marks", marks, "")):
        worst = list(found)[int(values.argmax())]
        print(
            f"{what:12} mean {values.mean():.2f}{unit}, median {np.median(values):.2f}, most {values.max():.2f} ({worst})"
        )


if __name__ == "__main__":
    main()
