"""Pictures in the format of their name's suffix, with the recipe inside; or a refusal at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clipart.errors import UsageError
from clipart.recipe import make_recipe
from clipart.record.metadata import Origin, read_origin, tags, versions
from clipart.record.sheet import make_sheet
from clipart.record.writers import KINDS, require_picture, save_picture

ORIGIN = Origin(
    make_recipe({"prompt": "grüne Äpfel <&>:: 🍎", "seed": 7}).resolve(), {"tiny": "ab" * 32}, versions()
)
IMAGE = torch.linspace(0, 1, 3 * 24 * 32).reshape(3, 24, 32)


@pytest.mark.parametrize("suffix", KINDS)
def test_a_picture_is_what_its_name_says_and_has_the_recipe(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix.upper()}"
    save_picture(IMAGE, path, tags(ORIGIN))
    with Image.open(path) as picture:
        assert picture.format == KINDS[suffix].name
        assert picture.info["icc_profile"]
        off = np.asarray(picture.convert("RGB")).astype(float) - IMAGE.permute(1, 2, 0).numpy() * 255
        assert abs(off).mean() < (0.6 if suffix in (".png", ".webp") else 4)
    assert read_origin(path) == ORIGIN


@pytest.mark.parametrize("suffix", KINDS)
def test_without_a_recipe(tmp_path: Path, suffix: str) -> None:
    save_picture(IMAGE, tmp_path / f"a{suffix}")
    with pytest.raises(UsageError, match="no recipe of clipart's"):
        read_origin(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("name", ["a.tiff", "a.pdf", "a", ".png", "a.gif", "a.png.bak"])
def test_another_suffix_is_refused_with_one_that_does(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends in \.png, \.jpg, \.jpeg, \.webp or \.avif.*\.png"):
        require_picture(tmp_path / name)
    with pytest.raises(UsageError, match="ends in"):
        make_sheet([tmp_path / "no-run"], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused_before(tmp_path: Path) -> None:
    long = Origin(make_recipe({"prompt": "🍎" * 9000, "seed": 7}))
    with pytest.raises(UsageError, match=r"the recipe is too long for JPEG.*a\.png"):
        require_picture(tmp_path / "a.jpg", tags(long))
    require_picture(tmp_path / "a.png", tags(long))
    with pytest.raises(UsageError, match="WEBP has at most 16,383 pixels a side"):
        require_picture(tmp_path / "a.webp", {}, 20_000)


def test_a_sheet_is_of_the_kind_of_its_name(tmp_path: Path) -> None:
    save_picture(IMAGE, tmp_path / "a.png")
    for suffix in KINDS:
        make_sheet([tmp_path / "a.png"], tmp_path / f"s{suffix}", size=32)
        with Image.open(tmp_path / f"s{suffix}") as sheet:
            assert sheet.format == KINDS[suffix].name


def test_a_run_writes_what_the_name_says(settings: dict[str, Any], tmp_path: Path) -> None:
    import clipart

    result = clipart.generate(
        **settings | {"steps": 1, "starts": 1},
        outputs=clipart.Outputs(folder=None, file=tmp_path / "a.webp", video="none"),
    )
    assert read_origin(tmp_path / "a.webp").recipe.prompt == result.recipe.prompt
