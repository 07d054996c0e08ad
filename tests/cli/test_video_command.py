"""`clipart video`: its options against the film that they describe."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipart.cli import main
from clipart.cli.commands.video import FILM
from clipart.errors import UsageError
from clipart.record.render import Film
from clipart.runs import Outputs, generate


def test_the_options_of_a_film_are_its_fields() -> None:
    assert set(FILM) == {field.name for field in fields(Film)}


@pytest.mark.parametrize("field", fields(Film), ids=lambda field: field.name)
def test_the_default_and_the_range_in_the_help_are_those_of_the_film(field: Any) -> None:
    info = FILM[field.name].__metadata__[0]
    if info.show_default is not False:
        assert type(field.default)(info.show_default) == field.default
    for bound, step in ((info.min, -0.01), (info.max, 0.01)):
        if bound is not None:
            assert getattr(Film(**{field.name: bound}), field.name) == bound
            with pytest.raises(UsageError):
                Film(**{field.name: bound + step})


def test_a_caption_of_letters_that_no_font_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("clipart.cli.commands.video.film_of", lambda *_, **__: 1)
    for name, says in {"\U00012000.mkv": "are boxes", "apple.mkv": ""}.items():
        (tmp_path / name).touch()
        assert main(["video", str(tmp_path / name), "--caption"]) == 0
        err = capsys.readouterr().err
        assert says in err
        assert says or "boxes" not in err


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    outputs = Outputs(folder=folder, video=None)
    result = generate("sun", seed=1, size=64, steps=40, starts=1, views=4, lr=0.3, outputs=outputs)
    return result.paths["recipe"].parent


@pytest.mark.parametrize("kind", ["webp", "apng"])
def test_a_film_with_a_transparent_ground(kind: str, run_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / f"film.{kind}"
    assert (
        main(["video", str(run_folder), "--cutout", "-o", str(output), "--seconds", "0.5", "--fps", "10"])
        == 0
    )
    with Image.open(output) as film:
        assert film.n_frames > 1  # type: ignore[attr-defined]
        film.seek(film.n_frames - 1)  # type: ignore[attr-defined]
        alpha = film.convert("RGBA").getchannel("A")
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getextrema()[1] == 255


def test_other_formats_have_no_transparent_ground(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(run_folder), "--cutout", "--force"]) == 2
    assert "--cutout: a film with a transparent ground is apng or webp" in capsys.readouterr().err
