"""The documentation site: its navigation names every page, its links hold, and it needs no network."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import clipart

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = runpy.run_path(str(DOCS / "site.py"))
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def leaves(nav: Any) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    return [page for each in (nav.values() if isinstance(nav, dict) else nav) for page in leaves(each)]


def test_the_navigation_names_every_page_once() -> None:
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    pages += [page for page in SITE["PAGES"] if page.endswith(".md")]
    assert sorted(leaves(CONFIG["nav"])) == sorted(pages)


@pytest.mark.parametrize("source", sorted(SITE["PAGES"].values()))
def test_pages_from_elsewhere_are_there(source: str) -> None:
    assert (ROOT / source).is_file()


def test_the_reference_has_every_public_name() -> None:
    named = re.findall(
        r"^::: clipart\.[\w.]*?(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(named) == sorted(clipart.__all__)


@pytest.mark.parametrize(
    ("page", "link", "target"),
    [
        ("index.md", "docs/prompts.md", "prompts.md"),
        ("index.md", "docs/pictures/fruit.png", "pictures/fruit.png"),
        ("index.md", "training/README.md#run-it", "training.md#run-it"),
        ("quality.md", "../training/README.md", "training.md"),
        ("card-judge.md", "../tiny/MODEL_CARD.md", "card-critic.md"),
        ("training.md", "LOG.md", "training-log.md"),
        ("design.md", "prompts.md", "prompts.md"),
        ("index.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("index.md", "nowhere/else.md", "nowhere/else.md"),
    ],
)
def test_links_follow_the_pages(page: str, link: str, target: str) -> None:
    assert SITE["relink"](f"see [this]({link}).", page) == f"see [this]({target})."


def test_every_link_in_the_pages_leads_somewhere() -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")]
    for source in (*pages, *SITE["PAGES"].values()):
        if source.endswith(".md"):
            path = ROOT / source
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
                assert target.startswith("https://") or (path.parent / target).exists(), (source, target)


def test_every_line_of_trust_has_its_tests() -> None:
    rows = [
        line for line in (DOCS / "security.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    rows = [row for row in rows if not row.startswith(("| what |", "|---"))]
    assert len(rows) > 15
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.split("|")[-2])
        assert tests, row
        for path, name in tests:
            assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), row


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<script src="https://a.example/x.js">', ["https://a.example/x.js"]),
        ('<link rel="stylesheet" href="//a.example/x.css">', ["//a.example/x.css"]),
        ("<img alt=x src=http://a.example/x.png>", ["http://a.example/x.png"]),
        ("@font-face{src:url(https://a.example/x.woff)}", ["https://a.example/x.woff"]),
        ('<a href="https://a.example">read</a> <img src="pictures/x.png"> <script src="assets/x.js">', []),
    ],
)
def test_what_a_page_loads_from_other_hosts_is_found(text: str, found: list[str]) -> None:
    assert SITE["remote"](text) == found


def test_no_font_is_loaded_from_another_host() -> None:
    assert CONFIG["theme"]["font"] is False


def test_a_version_stands_in_one_place() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    for path in (ROOT / "clipart").rglob("*.py"):
        assert f'"{version}"' not in path.read_text(encoding="utf-8"), path
    assert f"## [{version}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_canvas_of_the_guide_is_that_of_the_examples() -> None:
    root = Path(__file__).parents[1]
    example = (root / "examples" / "canvas.py").read_text(encoding="utf-8")
    shown = re.search(
        r"```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert shown is not None
    for line in shown[1].splitlines():
        assert line in example, line
