"""Presets and recipes as TOML: inheritance, every mistake named, exact round trips."""

from __future__ import annotations

import shutil
import time
import tomllib
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipart import presets
from clipart.errors import ClipartError, UsageError
from clipart.presets import apply, dump_recipe, load_preset, load_recipe, preset_names
from clipart.recipe import Recipe, Stage, make_recipe

ROOT = Path(__file__).parents[1]


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", preset_names())
def test_shipped_presets_are_good(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert 10 <= len(preset.about) <= 100
    assert make_recipe(apply(preset, {"prompt": "apple"})).prompt == "apple"
    assert sum(path.stem == name for path in (ROOT / "presets").glob("*.toml")) == 1


def test_default_comes_first_and_changes_nothing() -> None:
    assert preset_names()[0] == "default"
    assert load_preset("default").settings == {}


def test_presets_are_found_where_the_wheel_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "clipart"
    shutil.copytree(ROOT / "presets", package / "presets")
    (package / "presets" / "mine.toml").write_text("steps = 5")
    shutil.copy(presets.__file__, package)
    monkeypatch.setattr(presets, "__file__", str(package / "presets.py"))
    assert load_preset("mine").settings == {"steps": 5}
    found = PathFinder.find_spec("presets", [str(package)])  # the folder does not hide the module
    assert found is not None
    assert found.origin == str(package / "presets.py")


def test_an_installation_without_presets_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "__file__", str(tmp_path / "clipart" / "presets.py"))
    with pytest.raises(ClipartError, match="not fully installed"):
        preset_names()


def test_the_nearest_setting_wins(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", 'about = "base"\nextends = "draft"\nlr = 0.5\nsteps = 77\n')
    child = write(tmp_path / "child.toml", 'about = "child"\nextends = "base.toml"\nlr = 0.25\n')
    preset = load_preset(child)
    assert (preset.name, preset.about) == ("child", "child")
    assert preset.chain == (child, "base.toml", "draft")
    assert preset.settings["lr"] == 0.25
    assert preset.settings["steps"] == 77
    assert preset.settings["width"] == 128
    assert apply(preset, {"prompt": "apple", "steps": 3})["steps"] == 3


def test_stages_replace_the_parents_stages(tmp_path: Path) -> None:
    stages = '[[stages]]\nname = "a"\nshare = 1\n[[stages]]\nname = "b"\nshare = 2\nlr = 0.5\n'
    base = write(tmp_path / "base.toml", stages)
    child = write(tmp_path / "child.toml", 'extends = "base.toml"\nstages = []\n')
    recipe = make_recipe(apply(load_preset(base), {"prompt": "apple"}))
    assert [(s.name, s.share, s.lr) for s in recipe.stages] == [("a", 1, None), ("b", 2, 0.5)]
    assert make_recipe(apply(load_preset(child), {"prompt": "apple"})).stages == ()


def test_a_path_works_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "one.toml", "steps = 9")
    write(tmp_path / "sub" / "two.toml", 'extends = "one.toml"')
    monkeypatch.chdir(tmp_path)
    assert load_preset("sub/two.toml").settings == {"steps": 9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 5", "stepz: no such setting. Did you mean 'steps'"),
        ("steps = 0", "steps = 0: .*greater than or equal to 1"),
        ('steps = "many"', "steps = 'many'"),
        ("lr = nan", "lr = nan"),
        ('prompt = "apple"', "has no 'prompt'"),
        ("seed = 5", "has no 'seed'"),
        ("about = 5", "about = 5 is not a text"),
        ("extends = 5", "extends = 5 is not the name"),
        ('extends = "drafd"', "No preset 'drafd'. Did you mean 'draft'.*clipart presets"),
        ('extends = "gone.toml"', "gone.toml: no such preset file"),
        ("steps = 1\nlr = = 2", "broken TOML: .*line 2, column 6"),
        ('steps = 1\n[[stages]]\nname = "a"', "share: is needed"),
        ('[[stages]]\nname = "a"\nshare = 1\nvews = 3', "Did you mean 'views'"),
        ("lr = 1\nlr = 2", "broken TOML"),
        ("steps = " + "1" * 9999, "too many digits"),
        ("steps = " + "[" * 9999, "nested too deeply"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "mine.toml", text)
    with pytest.raises(UsageError, match=message):
        load_preset(path)


def test_the_file_with_the_mistake_is_named(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", "steps = 0")
    child = write(tmp_path / "child.toml", 'extends = "base.toml"\nlr = 0.1')
    with pytest.raises(UsageError, match=r"base\.toml: steps = 0"):
        load_preset(child)


def test_rings_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", 'extends = "b.toml"')
    write(tmp_path / "b.toml", 'extends = "./a.toml"')
    with pytest.raises(UsageError, match=r"a\.toml extends b\.toml extends \./a\.toml: a ring"):
        load_preset(str(tmp_path / "a.toml"))


def test_unknown_names_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'default'.*clipart presets"):
        load_preset("Defaults")
    with pytest.raises(UsageError, match=r"No preset '\.\./presets/draft'"):
        load_preset("../presets/draft")
    with pytest.raises(UsageError, match="no such preset file"):
        load_preset(str(tmp_path / "gone.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match="no such preset file"):
        load_preset(str(tmp_path / "folder.toml"))
    (tmp_path / "latin.toml").write_bytes(b'# one\nabout = "\xe9"')
    with pytest.raises(UsageError, match=r"not UTF-8 text \(line 2\)"):
        load_preset(str(tmp_path / "latin.toml"))
    large = write(tmp_path / "large.toml", "#" * (presets.MAX_BYTES + 1))
    with pytest.raises(UsageError, match="at most 1,048,576"):
        load_preset(large)


@pytest.mark.parametrize(
    "start",
    [
        "a",
        '"a"',
        "'a'",
        "x = {a",
        'x = {s = """\\"""", a',
        'x = {s = """a"""", a',
        "x = {s = '''a'''', a",
        'x = {s = """\\"""x""", a',
        "[a",
    ],
)
def test_no_key_makes_the_reader_hang(tmp_path: Path, start: str) -> None:
    path = write(tmp_path / "evil.toml", start + ".a" * 500_000 + " = 1")
    began = time.process_time()
    with pytest.raises(UsageError, match="dotted key"):
        load_preset(path)
    assert time.process_time() - began < 3


def test_dots_in_texts_are_texts(tmp_path: Path) -> None:
    text = "a.b.c.d.e.f.g.h.i.j.k.l # no.c.o.m.m.e.n.t.h.e.r.e"
    quoted = f"no = [\"{text}\", '{text}', \"\"\"{text}\"\"\", '''{text}''']  # {text}"
    assert load_preset(write(tmp_path / "dots.toml", quoted)).settings == {"no": [text] * 4}


def test_a_dumped_recipe_has_every_value_under_its_theme(tmp_path: Path) -> None:
    recipe = make_recipe({"prompt": "apple", "stages": [{"name": "a", "share": 1, "lr": 0.5}]}).resolve()
    text = dump_recipe(recipe)
    values = tomllib.loads(text)
    given = recipe.model_dump(mode="json", exclude_none=True, exclude={"extras"})
    assert given["stages"][0].pop("left") == []
    assert values == given
    assert "# Prompt\nprompt = " in text
    assert "\n\n# Optimiser\noptimizer = " in text
    assert load_recipe(Path(write(tmp_path / "recipe.toml", text))) == recipe


texts = st.text(max_size=40)  # names of files; a recipe keeps those that are no text in another form
words = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="()[]\\:"), max_size=40
)
words = words.filter(str.strip)
stages = st.builds(
    Stage,
    name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40),
    share=st.floats(1e-3, 1e3),
    lr=st.none() | st.floats(0, 10, exclude_min=True),
    views=st.none() | st.integers(1, 64),
)
recipes = st.builds(
    Recipe,
    prompt=words,
    no=st.lists(words, max_size=1).map(tuple),
    seed=st.none() | st.integers(0, 2**31),
    init=st.none() | texts,
    until=st.sampled_from([None, "80%", "0.31", "-0.5"]),
    seconds=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    lr=st.floats(0, 10, exclude_min=True),
    tv=st.floats(0, 1000),
    clip=st.lists(words, min_size=1, max_size=3).map(tuple),
    canvas=st.sampled_from(["multires", "plain"]),
    stages=st.lists(stages, max_size=3).map(tuple),
)


@settings(deadline=None, max_examples=60)
@given(recipe=recipes)
def test_round_trip_is_exact(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    path.write_bytes(dump_recipe(recipe).encode())
    assert load_recipe(path) == recipe


def test_recipes_with_mistakes_name_their_file(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "recipe.toml", 'prompt = "apple"\nstepz = 4\n'))
    with pytest.raises(UsageError, match=r"recipe\.toml: stepz: no such setting"):
        load_recipe(path)
    with pytest.raises(UsageError, match="could not be read"):
        load_recipe(tmp_path / "gone.toml")
    with pytest.raises(UsageError, match=r"^[^:]*recipe\.toml: broken TOML"):
        load_recipe(Path(write(path, "prompt = ")))
