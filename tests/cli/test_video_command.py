"""`clipart video`: its options against the film that they describe."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from clipart.cli import main
from clipart.cli.commands.video import FILM
from clipart.errors import UsageError
from clipart.record.render import Film


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
