"""Names of libraries that we use though their documentation does not promise them: listed, there, and bounded."""

from __future__ import annotations

import ast
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# By distribution: module:name, as imported; or what we read of its objects, after "of".
PRIVATE = {
    "huggingface_hub": (
        "huggingface_hub.file_download:http_get",
        "huggingface_hub.file_download:repo_folder_name",
        "huggingface_hub.utils:build_hf_headers",
    ),
    "open_clip_torch": (
        "of open_clip.create_model(): visual.image_size, visual.preprocess_cfg, logit_scale",
    ),
    "taming-transformers-rom1504": (
        "taming.modules.diffusionmodules.model:Decoder",
        "taming.modules.diffusionmodules.model:Encoder",
        "taming.modules.vqvae.quantize:GumbelQuantize",
        "taming.modules.vqvae.quantize:VectorQuantizer2",
    ),
    "typer": (
        "typer.core:TyperCommand",
        "typer.core:TyperGroup",
        "of typer.TyperException: option_name, possibilities, ctx, param",
    ),
}
PUBLIC = {"huggingface_hub.errors"}  # modules of these libraries that are documented
NAMES = sorted(name for names in PRIVATE.values() for name in names if not name.startswith("of "))
ROOTS = {name.split(".")[0].split(":")[0] for name in NAMES}


def sources() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in sorted((ROOT / "clipart").rglob("*.py"))]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_there(name: str) -> None:
    module, _, attribute = name.partition(":")
    assert hasattr(import_module(module), attribute)


@pytest.mark.parametrize("distribution", PRIVATE)
def test_its_library_has_an_upper_bound(distribution: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (found,) = [each for each in map(Requirement, project["dependencies"]) if each.name == distribution]
    assert any(each.operator in ("<", "<=", "==", "~=") for each in found.specifier)


def test_the_list_has_every_import_from_within_these_libraries() -> None:
    found = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
                continue
            if node.module not in ROOTS | PUBLIC and node.module.split(".")[0] in ROOTS:
                found |= {f"{node.module}:{alias.name}" for alias in node.names}
    assert found == set(NAMES)


def own_names(tree: ast.Module) -> set[str]:
    """The names with an underscore that a module defines: its functions, and attributes of its objects."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls"):
            found.add(node.attr)
    return found


def test_no_name_with_an_underscore_is_touched() -> None:
    """No `video._container`, no `from library._module import`; a module may use the names that it defines."""
    for path, tree in sources():
        own = own_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
                assert node.attr in own, f"{path}: {ast.unparse(node)}"
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] != "clipart":
                parts = [*node.module.split("."), *(alias.name for alias in node.names)]
                private = [part for part in parts if part.startswith("_") and part != "__future__"]
                assert not private, f"{path}: {ast.unparse(node)}"
