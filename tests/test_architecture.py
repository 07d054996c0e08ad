"""The shape of the house: imports point one way, and a light import stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "clipart"
# From the ground up; a module imports from its own floor and from those above it in this list. A "table" is the
# `__init__` of a package of parts: it has their names, and loads none.
FLOORS = [
    {"errors", "limits", "notes", "orders", "text"},
    {"inputs", "depth", "profiles"},
    {"files", "pictures", "given", "near", "meanings", "palettes", "shelf"},
    {"rng", "prompt", "prompt_error", "device", "surroundings", "target", "tables"},
    {"layout", "iterates", "canvas table", "process table", "finish table"},
    {
        "finish",
        "recipe",
        "knobs",
        "fields",
        "settle",
        "shown",
        "steering",
        "template",
        "stages",
        "settings",
        "keeping",
        "refusal",
        "values",
        "models",
        "schema",
        "around",
    },
    {"canvas"},
    {"critic"},
    {"process"},
    {"memory"},
    {"session"},
    {"starts"},
    {"loop"},
    {"record", "presets"},
    {"notebook"},
    {"runs"},
    {"seeing"},
    {"studio", "many"},
    {"cli", "__init__", "__main__"},
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
TABLES = ("canvas", "process", "finish")


def floor_of(parts: list[str]) -> str:
    """The name in FLOORS of a module under `clipart`, given as the parts of its name."""
    return f"{parts[0]} table" if len(parts) == 1 and parts[0] in TABLES else parts[0]


def imports(path: Path) -> set[str]:
    """The names in FLOORS of what a module imports, also inside functions; of a table, not for type checking."""
    found: set[str] = set()
    is_table = path.name == "__init__.py" and path.parent.name in TABLES
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if is_table and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "clipart":
            parts = node.module.split(".")[1:]
            found |= {floor_of(parts)} if parts else {floor_of([alias.name]) for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".")[1:] for alias in node.names if alias.name.startswith("clipart.")]
            found |= {floor_of(parts) for parts in names}
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    home = floor_of(parts[:1] if parts[1:] == ["__init__"] else [*parts, ""])
    if path == PACKAGE / "__init__.py":
        return  # it names what is public, and imports it on first use
    for name in imports(path) - {"__version__"}:
        assert FLOOR[name] <= FLOOR[home], f"{home} imports {name}, which is above it"


def test_modules_and_functions_fit() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        assert text.count("\n") <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path}: {node.name}"


def test_names_of_parts_stand_in_their_own_packages() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in ("canvas", "models"):
            for name in ('"shapes"', '"vqgan"', '"tiny"'):
                assert name not in path.read_text(), path


@pytest.mark.parametrize("name", ["inputs", "depth", "profiles", "files", "pictures", "near"])
def test_the_ground_floor_stands_on_itself_alone(name: str) -> None:
    assert imports(PACKAGE / f"{name}.py") <= set().union(*FLOORS[:2])


@pytest.mark.parametrize(("package", "other"), [("finish", "record"), ("record", "finish")])
def test_finish_and_record_do_not_import_one_another(package: str, other: str) -> None:
    for path in (PACKAGE / package).glob("*.py"):
        assert not {other, f"{other} table"} & imports(path), path


def test_every_module_has_a_floor() -> None:
    there = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert there <= set(FLOOR)


@pytest.mark.parametrize(
    ("call", "home"),
    [
        ("get_close_matches", "near.py"),
        ("disk_usage", "files.py"),
        ("FileLock", "files.py"),
        ("file_digest", "files.py"),
        ("PilImage.open", "pictures.py"),
        ("Image.open", "pictures.py"),
    ],
)
def test_what_the_ground_floor_does_is_done_there_only(call: str, home: str) -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and f".{ast.unparse(node.func)}".endswith(f".{call}"):
                assert path == PACKAGE / home, f"{path}: {call}"


def test_nothing_below_run_knows_a_terminal() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), path
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                assert not {"rich", "typer", "click"} & {n.split(".")[0] for n in names}, path


def test_import_clipart_is_light(tmp_path: Path) -> None:
    code = (
        "import sys, clipart; clipart.Recipe(prompt='apple'); clipart.parse('apple:: tart::');"
        "heavy = {'torch', 'open_clip', 'kornia', 'imageio', 'av', 'huggingface_hub'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_public_names_are_all_there() -> None:
    import clipart

    for name in clipart.__all__:
        assert getattr(clipart, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        _ = clipart.nothing_like_this


def test_no_module_unpickles() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        # models/convert.py reads pickles in which no name becomes a function; see its tests.
        pickle = () if path == PACKAGE / "models" / "convert.py" else ("import pickle\n", "from pickle ")
        for word in (*pickle, "weights_only=False", "torch.jit.load("):
            assert word not in text, f"{path}: {word}"
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "torch.load":
                assert path == PACKAGE / "models" / "weights.py", path
                given = {each.arg: ast.unparse(each.value) for each in call.keywords}
                assert given.get("weights_only") == "True", path


def test_python_m_clipart_has_the_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clipart", "appl(e"], cwd=PACKAGE.parent, capture_output=True
    )
    assert done.returncode == 2
