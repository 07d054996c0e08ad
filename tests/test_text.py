"""One definition of allowed text: what can be written can be read, and the rest is refused at once."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clipart.canvas.start import load_picture
from clipart.errors import UsageError
from clipart.models.spec import read_critic, read_vqgan
from clipart.presets import dump_recipe
from clipart.recipe import Recipe, make_recipe
from clipart.record.metadata import Origin, differences, infotext, read_origin, tags, versions
from clipart.record.tags import picture_xmp
from clipart.record.writers import KINDS, save_picture
from clipart.text import FORBIDDEN, kept_name, real_name

BAD = [
    *"\0\x08\x0b\x0c\x0e\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\x9b\x9f\ud800\udcff\udfff\ufdd0\ufffe\uffff",
    chr(0x1FFFE),
    chr(0x10FFFF),
]
FINE = [
    *"\t\n\r \u00a0\u00ad\u200b\u2028\u2029\ufeff\ufffd\ufdf0\ue000<>&\"'\\",
    "👩\u200d🚀",
    "\u202e",
    chr(0x10FFFD),
]
IMAGE = torch.zeros(3, 16, 16)


def test_the_rule_is_unicodes() -> None:
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        is_none = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
        is_control = unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n\r"
        assert bool(FORBIDDEN.fullmatch(char)) == (is_none or is_control), hex(number)


@pytest.mark.parametrize("char", BAD, ids=ascii)
@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "a{}b"},
        {"no": ("a{}b",)},
        {"stages": [{"name": "a{}b", "share": 1}]},
        {"extras": {"a{}b": 1}},
        {"extras": {"a": "a{}b"}},
        {"left": ("a{}b",)},
        {"clip": ("a{}b",)},
        {"judge": "a{}b"},
        {"finish": "a{}b"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_no_reader_takes_is_not_accepted(values: Any, char: str) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{}", char)
        if isinstance(value, dict):
            return {filled(key): filled(each) for key, each in value.items()}
        return type(value)(filled(each) for each in value) if isinstance(value, tuple | list) else value

    with pytest.raises(UsageError) as error:
        make_recipe({"prompt": "apple"} | filled(values))
    if "prompt" in values:
        assert f"U+{ord(char):04X}" in str(error.value)
        assert "^" in str(error.value)


@pytest.mark.parametrize("suffix", KINDS)
def test_what_is_accepted_comes_back_from_every_file(tmp_path: Path, suffix: str) -> None:
    text = "a" + "a".join(FINE) + "a"
    recipe = Recipe(prompt=f"a{''.join(FINE)}b", no=(text,), seed=7, init="a\u2028b.png")
    origin = Origin(recipe.resolve(), {"tiny": "ab" * 32}, versions())
    save_picture(IMAGE, tmp_path / f"a{suffix}", tags(origin))
    assert read_origin(tmp_path / f"a{suffix}") == origin
    (tmp_path / "recipe.toml").write_bytes(dump_recipe(origin.recipe).encode())
    assert read_origin(tmp_path).recipe == origin.recipe
    assert ElementTree.fromstring(picture_xmp(tags(origin))) is not None


@given(st.text(st.characters(codec=None)))
def test_accepted_means_readable(text: str) -> None:
    try:
        recipe = Recipe(prompt=f"apple {text}".replace("::", ""), seed=1)
    except UsageError:
        return
    texts = tags(Origin(recipe))
    assert ElementTree.fromstring(picture_xmp(texts)) is not None
    assert recipe.prompt.encode()


@given(st.binary(min_size=1))
def test_every_name_of_bytes_comes_back(name: bytes) -> None:
    typed = os.fsdecode(name)
    kept = kept_name(typed)
    if not typed.startswith("file:"):
        assert os.fsencode(real_name(kept)) == name
    assert not FORBIDDEN.search(kept)
    assert kept_name(kept) == kept


def test_names_as_desktops_write_them() -> None:
    assert real_name("file:///home/me/a%20b.png") == "/home/me/a b.png"
    assert real_name("file://localhost/a.png") == "/a.png"


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
@pytest.mark.parametrize(
    "name", [b"caf\xe9.png", b"a\x0bb.png", b"a\x1b[2Jb.png", b"a\xc2\x85b.png", b"a%41.png"]
)
def test_a_picture_with_a_name_of_bytes_is_started_from(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    Image.new("RGB", (16, 16), "red").save(path)
    recipe = Recipe(prompt="apple", seed=1, init=path)
    assert load_picture(str(recipe.init), 16, 16)[0, :, 0, 0].tolist() == [1, 0, 0]
    (tmp_path / "recipe.toml").write_bytes(dump_recipe(recipe).encode())
    again = read_origin(tmp_path).recipe
    assert again.init == recipe.init
    assert Recipe(prompt="apple", init=str(recipe.init)).init == recipe.init


def test_models_in_folders_with_names_of_bytes() -> None:
    bad = os.fsdecode(b"/m/caf\xe9")
    critic = read_critic(f"local-dir:{bad}::2")
    assert (critic.name, critic.weight, str(critic.path)) == ("local-dir:file:/m/caf%E9", 2, bad)
    assert str(read_critic(f"ViT-B-32@{bad}.pt").path) == f"{bad}.pt"
    assert str(read_vqgan(bad).path) == bad


def test_a_picture_has_the_last_part_of_paths_only() -> None:
    recipe = Recipe(
        prompt="apple",
        seed=1,
        init="/home/secret/photo.jpg",
        clip=("local-dir:/home/secret/model::2", "RN50@/home/secret/w.pt"),
        judge="local-dir:/home/secret/judge",
        vqgan="/home/secret/v.safetensors",
        canvas="vqgan",
    )
    origin = Origin(recipe, {"local-dir:/home/secret/model": "ab" * 32}, {})
    texts = tags(origin)
    assert all("secret" not in text for text in texts.values())
    assert "local-dir:model::2" in texts["clipart"]
    for last in ("photo.jpg", "RN50@w.pt", "local-dir:judge", "v.safetensors"):
        assert f'"{last}"' in texts["clipart"]
    shared = Origin(recipe, {"local-dir:model": "cd" * 32}, {})
    assert differences(shared, {"local-dir:/elsewhere/model": "ab" * 32}) == [
        "the weights of local-dir:model are others than they were"
    ]


@pytest.mark.parametrize("prompt", ["Negative prompt: an apple", "  Negative prompt: x", "Negative prompt:"])
def test_a_prompt_is_not_read_as_what_to_avoid(prompt: str) -> None:
    """As `parse_generation_parameters` of AUTOMATIC1111's web UI reads it."""
    *lines, _ = infotext(Origin(Recipe(prompt=prompt, no=("fog",), seed=1))).strip().split("\n")
    wanted, avoided, done = [], [], False
    for line in lines:
        text = line.strip()
        if text.startswith("Negative prompt:"):
            done, text = True, text[16:].strip()
        (avoided if done else wanted).append(text)
    assert " ".join(wanted).lower() == " ".join(prompt.split()).lower()
    assert avoided == ["fog"]
