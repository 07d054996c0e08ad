"""Files of prompts, braces, and what lies beside many pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipart.errors import UsageError
from clipart.iterates import Reading
from clipart.many.api import batch, tasks_of
from clipart.many.braces import choices
from clipart.many.page import Index
from clipart.many.rows import FORMATS, read_file, read_rows, recipe_of
from clipart.many.sheets import fitting_size
from clipart.many.tasks import Outcome
from clipart.recipe import Recipe
from clipart.record.sheet import GAP, MAX_PIXELS


def recipes(text: str, kind: Any = "text", **under: Any) -> list[Recipe]:
    return [recipe_of(row, under) for row in read_rows(text.encode(), kind, "f")]


# --- files ---


def test_lines_of_text() -> None:
    rows = read_rows(b"# fruit\r\n a red apple \r\n\r\napple:: tart::\x0c\n", "text", "f")
    assert [(row.where, row.values["prompt"]) for row in rows] == [
        ("line 2", "a red apple"),
        ("line 4", "apple:: tart::"),
    ]


def test_csv_has_any_setting_as_a_column() -> None:
    text = 'prompt,seed,Steps,size,no,check-every,until\n"an apple, red",3,7,64x32,fog,,\n\npear,,,,,2,80%\n'
    one, two = recipes(text, "csv", steps=9)
    assert (one.prompt, one.seed, one.steps, one.width, one.height) == ("an apple, red", 3, 7, 64, 32)
    assert one.no == ("fog",)
    assert (two.steps, two.check_every, str(two.until)) == (9, 2, "80%")
    assert [row.where for row in read_rows(text.encode(), "csv", "f")] == ["line 2", "line 4"]


@pytest.mark.parametrize("between", [";", "\t"])
def test_csv_as_spreadsheets_write_it(between: str) -> None:
    text = "\ufeffprompt,seed\napple,4\n".replace(",", between)
    (recipe,) = recipes(text, "csv")
    assert (recipe.prompt, recipe.seed) == ("apple", 4)


def test_toml_has_settings_for_all_and_for_one() -> None:
    text = 'steps = 5\nno = ["fog"]\n\n[[picture]]\nprompt = "apple"\n\n[[picture]]\nprompt = "fox"\nsteps = 6\nextras = {tiles = 3}\n'
    one, two = recipes(text, "toml")
    assert (one.prompt, one.steps, one.no) == ("apple", 5, ("fog",))
    assert (two.prompt, two.steps, two.extras) == ("fox", 6, {"tiles": 3})
    assert [row.where for row in read_rows(text.encode(), "toml", "f")] == ["line 4", "line 7"]


def test_a_preset_is_below_the_options_and_those_below_the_row() -> None:
    from clipart.presets import load_preset

    (row,) = read_rows(b"prompt,preset,steps\napple,cutout,4\n", "csv", "f")
    recipe = recipe_of(row, {"shapes": 9, "steps": 3}, "poster")
    assert (recipe.steps, recipe.shapes) == (4, 9)
    assert recipe.canvas == load_preset("cutout").settings["canvas"]


def test_a_preset_must_not_choose_files(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('init = "/etc/secret.png"\n')
    (row,) = read_rows(f"prompt,preset\napple,{tmp_path}/mine.toml\n".encode(), "csv", "f")
    with pytest.raises(UsageError, match="secret"):
        recipe_of(row, {})
    assert recipe_of(row, {"init": "/etc/secret.png"}).init == "/etc/secret.png"


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"# nothing\n", "text", "f: there is no prompt in it. Type one on each line"),
        (b"ok\n\xff\n", "text", "f: not UTF-8 text (line 2)"),
        (b"", "csv", "f: there is no prompt in it. Type the names"),
        (b"prompt,sede\napple,1\n", "csv", "f, line 1: the column 'sede' is no setting. Did you mean seed?"),
        (b"seed\n1\n", "csv", "f, line 1: there is no column `prompt`"),
        (b"prompt,prompt\na,b\n", "csv", "f, line 1: the column prompt is there twice"),
        (b"prompt,seed\na,1,2\n", "csv", "f, line 2: 3 cells under 2 columns"),
        (b'prompt\n"a\n', "csv", "broken CSV"),
        (b"prompt = 'a'\n", "toml", "there is no prompt in it. Type for each picture: [[picture]]"),
        (b"picture = 3\n", "toml", "a picture is a table"),
        (b"[[picture]\n", "toml", "f: broken TOML"),
        (b"a.a.a.a.a.a.a.a.a.a = 1\n", "toml", "dotted key"),
        (b"apple\n" * 1001, "text", "1,001 pictures; at most 1,000"),
    ],
)
def test_a_file_that_cannot_be_read(data: bytes, kind: Any, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_rows(data, kind, "f")
    assert says in str(refused.value)


def test_every_bad_row_is_named_with_its_line() -> None:
    text = "prompt,seed,lr\napple,-3,\npear,,\nfig,,99\n(plum,,\n"
    rows = read_rows(text.encode(), "csv", "f.csv")
    with pytest.raises(UsageError) as refused:
        tasks_of(rows, "f.csv", {}, None)
    words = str(refused.value)
    assert [bad for bad in ("line 2", "line 3", "line 4", "line 5") if bad in words] == [
        "line 2",
        "line 4",
        "line 5",
    ]
    assert "lr = 99" in words
    assert "3 of 4 cannot be made" in words
    many = read_rows(("prompt,seed\n" + "apple,-1\n" * 50).encode(), "csv", "f")
    with pytest.raises(UsageError, match=r"Also wrong: line 34, .*line 51\."):
        tasks_of(many, "f", {}, None)


def test_the_kind_is_by_the_name(tmp_path: Path) -> None:
    assert FORMATS == ("text", "csv", "toml")
    (tmp_path / "a.CSV").write_text("prompt,seed\napple,1\n")
    assert read_file(tmp_path / "a.CSV")[0].values == {"prompt": "apple", "seed": 1}
    assert read_file(tmp_path / "a.CSV", "text")[0].values == {"prompt": "prompt,seed"}
    with pytest.raises(UsageError, match="no such file"):
        read_file(tmp_path / "none.txt")
    (tmp_path / "large.txt").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(UsageError, match="at most 1,048,576"):
        read_file(tmp_path / "large.txt")


def test_batch_from_python(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "p.toml").write_text(
        '[[picture]]\nprompt = "apple"\n[[picture]]\nprompt = "fox"\nsteps = 2\n'
    )
    del settings["prompt"], settings["seed"]
    found = list(batch(tmp_path / "p.toml", folder=tmp_path / "out", **settings))
    assert [(each.where, each.steps, each.state) for each in found] == [
        ("line 1", 6, "made"),
        ("line 3", 2, "made"),
    ]


# --- braces ---


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("an apple, red", ["an apple, red"]),
        ("a {red, green} apple", ["a red apple", "a green apple"]),
        ("{a,b} {c,d}", ["a c", "a d", "b c", "b d"]),
        ("a {red,{pale,dark} green} fig", ["a red fig", "a pale green fig", "a dark green fig"]),
        ("{,red} apple", ["apple", "red apple"]),
        (r"a \{b, {c\, d,e}", ["a {b, c, d", "a {b, e"]),
        ("{a,a} b", ["a b"]),
        (r"a\:: b", [r"a\:: b"]),
        ("{apple:: tart::2,fox}", ["apple:: tart::2", "fox"]),
    ],
)
def test_braces(prompt: str, found: list[str]) -> None:
    assert choices(prompt) == found


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a {b", "a { without its }"),
        ("a } b", "a } without its {"),
        ("{" * 9 + "}" * 9, "more than 8 deep"),
        ("{a,b}" * 40, "more than a million million pictures; at most 1,000"),
        ("{a,b}" * 10, "1,024 pictures; at most 1,000"),
    ],
)
def test_braces_that_are_refused(prompt: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        choices(prompt)
    assert says in str(refused.value)


# --- what lies beside the pictures ---


def test_a_spreadsheet_computes_nothing(tmp_path: Path) -> None:
    made = Outcome(1, Recipe(prompt="=1+1", seed=1), "failed", "-a", axes={"lr": "-3", "paper": "+b"})
    path = Index(tmp_path, "t", {"lr": ["-3"], "paper": ["+b"]}).write_table([made])
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["prompt"], row["reason"], row["lr"], row["paper"]) == ("'=1+1", "'-a", "-3", "'+b")


HOSTILE = '<script>alert("x")</script>, "q"'


def outcomes(folder: Path) -> list[Outcome]:
    found = []
    for number, (prompt, seed, lr) in enumerate(
        [(HOSTILE, 1, "0.1"), (HOSTILE, 2, "0.1"), ("fox", 1, "0.2")], 1
    ):
        run = folder / f"run {number}#&"
        run.mkdir(parents=True)
        Image.new("RGB", (40, 30), (0, 90 * seed, 0)).save(run / "picture.png")
        axes = {"prompt": prompt, "lr": lr, "seed": str(seed)}
        readings = (Reading("a", 1.0, 0.2, 0.5), Reading("b", 1.0, 0.2, 0.25), Reading("c", -1.0, 0.2, 0.0))
        recipe = Recipe(prompt=prompt, seed=seed)
        found.append(Outcome(number, recipe, "made", "", run, readings, 7, 1.5, axes=axes))
    failed = Outcome(
        4,
        Recipe(prompt="cat", seed=1),
        "failed",
        "<b>no</b>",
        axes={"prompt": "cat", "lr": "0.1", "seed": "1"},
    )
    return [failed, *found]


def test_the_page_is_escaped_and_self_contained(tmp_path: Path) -> None:
    Index(tmp_path, "<i>title</i>", {}).write(outcomes(tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert not re.search(r"<(script|i|b)>", page)
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page
    assert page.count('src="data:image/jpeg;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:|run%20)', page)
    assert "http" not in page.replace("http-equiv", "")
    assert 'href="run%201%23%26/picture.png"' in page
    assert "default-src 'none'" in page
    assert 'name="viewport"' in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "3 made, 1 failed" in page


def test_the_table_can_be_read(tmp_path: Path) -> None:
    axes = {"prompt": [HOSTILE, "fox"], "lr": ["0.1", "0.2"], "seed": ["1", "2"]}
    path = Index(tmp_path, "t", axes).write_table(outcomes(tmp_path))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0] == {
        "number": "1", "state": "made", "match": "0.2500", "prompt": HOSTILE, "seed": "1", "lr": "0.1",
        "steps": "7", "seconds": "1.5", "folder": "run 1#&", "reason": "",
    }  # fmt: skip
    assert (rows[3]["state"], rows[3]["reason"], rows[3]["match"]) == ("failed", "<b>no</b>", "")


def test_the_sheet_names_the_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clipart.many import sheets

    seen = []
    monkeypatch.setattr(sheets, "save_sheet", lambda layout, path, size: seen.append((layout, size)))
    axes = {"prompt": [HOSTILE, "fox", "cat"], "lr": ["0.1", "0.2"], "seed": ["1", "2"]}
    sheets.write_sheet(outcomes(tmp_path), axes, tmp_path / "sheet.png")
    ((layout, size),) = seen
    assert layout.column_heads == ("seed 1", "seed 2")
    assert layout.row_heads == (f"{HOSTILE}, lr 0.1", "fox, lr 0.2")
    assert [[tile is not None for tile in row] for row in layout.rows] == [[True, True], [True, False]]
    assert size == 256


def test_a_sheet_of_the_most_pictures_fits() -> None:
    for columns, rows in ((1, 1000), (1000, 1), (32, 32), (3, 3)):
        size = fitting_size(columns, rows)
        line = round(max(10, size // 16) * 1.8)
        wide, high = size // 2 + columns * (size + GAP) + GAP, line + rows * (size + GAP + line) + GAP
        assert wide * high <= MAX_PIXELS
    assert fitting_size(3, 3) == 256


def test_a_link_in_place_of_a_picture_is_not_followed(tmp_path: Path) -> None:
    (failed, one, *_) = outcomes(tmp_path)
    assert one.picture is not None
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    picture = one.picture
    picture.unlink()
    picture.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UsageError, match="is a link"):
        _ = one.image
    with pytest.raises(UsageError, match="has no picture"):
        _ = failed.image
