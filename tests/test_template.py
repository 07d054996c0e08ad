"""The template: words around each part of a prompt."""

from __future__ import annotations

import json

import pytest

from clipart.cli import main
from clipart.errors import UsageError
from clipart.presets import load_preset
from clipart.prompt import Part, Span, parse
from clipart.recipe import make_recipe
from clipart.template import filled

LINOCUT = "{prompt}, linocut print"


def recipe(prompt: str, **values: object) -> object:
    return make_recipe({"prompt": prompt, "template": LINOCUT, **values}).parts


def test_each_wanted_part_keeps_its_weight() -> None:
    parts = recipe("apple::2 tart fog::-0.5", no=("text",), image_prompt=("a.png",)).parts  # type: ignore[attr-defined]
    assert [(part.text, part.weight) for part in parts] == [
        ("apple, linocut print", 2.0),
        ("tart fog", -0.5),
        ("text", -0.5),
        ("a.png", 1.0),
    ]
    assert recipe("apple::0 tart").parts[0].text == "apple, linocut print"  # type: ignore[attr-defined]


def test_without_a_template_a_prompt_is_as_typed() -> None:
    assert make_recipe({"prompt": "a (red:1.5) apple"}).parts == parse("a (red:1.5) apple")
    assert filled("{prompt}", Part("apple")) == Part("apple")


@pytest.mark.parametrize(
    ("template", "prompt", "text", "spans"),
    [
        ("a print of {prompt}", "a (red:1.5) apple", "a print of a red apple", {"red": 1.5}),
        ("{prompt}, (linocut:2) print", "apple", "apple, linocut print", {"linocut": 2}),
        ("({prompt}:2), print", "a (red:1.5) apple", "a red apple, print", {"a": 2, "red": 3, "apple": 2}),
        ("(big {prompt}:2)", "apple", "big apple", {"big apple": 2}),
    ],
)
def test_emphasis_is_kept_and_multiplies(
    template: str, prompt: str, text: str, spans: dict[str, float]
) -> None:
    part = filled(template, parse(prompt).parts[0])
    assert part.text == text
    assert {part.text[s.start : s.end]: s.weight for s in part.spans} == spans
    assert parse(str(part)).parts[0].spans == part.spans


def test_emphasis_that_multiplies_too_far_is_refused() -> None:
    with pytest.raises(UsageError, match="emphasis"):
        filled("({prompt}:5)", Part("a red apple", 1.0, (Span(2, 5, 3),)))


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("linocut print", r"has no \{prompt\}"),
        ("", r"has no \{prompt\}"),
        ("{prompt} and {prompt}", "2 times"),
        ("{prompt}:: print", "one part"),
        ("{prompt}::2", "one part"),
        ("{pro(mpt}", "never closed"),
        ("{prompt} (print", "never closed"),
    ],
)
def test_a_template_that_is_none_is_refused(
    template: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=says if template != "{pro(mpt}" else "has no"):
        make_recipe({"prompt": "apple", "template": template})
    assert main(["apple", "--template", template]) == 2
    assert "template" in capsys.readouterr().err


def test_a_place_names_a_part_as_it_was_typed() -> None:
    make_recipe({"prompt": "cat:: dog", "template": LINOCUT, "place": ("cat=left",)})
    with pytest.raises(UsageError, match="It has: 'cat', 'dog'"):
        make_recipe({"prompt": "cat:: dog", "template": LINOCUT, "place": ("fox=left",)})


def test_parse_and_presets_show_it(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{tmp_path}/print.toml"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(f'about = "prints"\ntemplate = "{LINOCUT}"\n')
    for typed in (["--template", LINOCUT], ["--preset", path]):
        assert main(["parse", "apple::2 tart", "--json", *typed]) == 0
        parts = json.loads(capsys.readouterr().out)["parts"]
        assert [part["text"] for part in parts] == ["apple, linocut print", "tart, linocut print"]
        assert [part["weight"] for part in parts] == [2, 1]
    assert load_preset(path).settings["template"] == LINOCUT
    assert main(["presets", "show", path]) == 0
    assert f'template = "{LINOCUT}"' in capsys.readouterr().out
    assert main(["parse", "apple", "--preset", path, "--template", "{prompt}"]) == 0
    assert "linocut" not in capsys.readouterr().out
    assert main(["parse", "apple", "--template", "print"]) == 2
