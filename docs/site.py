"""A hook of MkDocs: files outside `docs/` become pages of the site, links follow them, and no page needs a network."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Page of the site, and the file of the repository that it is made of.
PAGES = {
    "index.md": "README.md",
    "training.md": "training/README.md",
    "training-log.md": "training/LOG.md",
    "card-critic.md": "clipart/models/tiny/MODEL_CARD.md",
    "card-second.md": "clipart/models/tiny-80/MODEL_CARD.md",
    "card-judge.md": "clipart/models/tiny-judge/MODEL_CARD.md",
    "card-vqgan.md": "clipart/models/tiny-vqgan/MODEL_CARD.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security-policy.md": "SECURITY.md",
    "LICENSE.txt": "LICENSE",
} | {
    path: path for path in sorted(f"examples/{file.name}" for file in (ROOT / "examples").glob("*.[pi][yp]*"))
}

_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_RESOURCE = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?\s(?:src|href|data)=["']?"""
    r"""((?:https?:)?//[^"'\s>]+)|url\(["']?((?:https?:)?//[^"')]+)""",
    re.IGNORECASE,
)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the table, each made of its file."""
    from mkdocs.structure.files import File

    for page, source in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page follow the files that became pages."""
    return relink(markdown, page.file.src_uri)


def on_post_build(config: Any, **_: Any) -> None:
    """Stop the build if a page or a style sheet would load something from another host."""
    from mkdocs.exceptions import PluginError

    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css") and (found := remote(path.read_text(encoding="utf-8"))):
            raise PluginError(f"{path.name} loads {found[0]}: the site must work offline")


def remote(text: str) -> list[str]:
    """Return what a page or a style sheet loads from other hosts; links that a reader may follow do not count."""
    return [first or second for first, second in _RESOURCE.findall(text)]


def relink(markdown: str, page: str) -> str:
    """Return the text of `page` with its links, which hold in the repository, as they hold in the site.

    A link to a file that is neither in `docs/` nor in the table stays as it is: `mkdocs build --strict` names it.
    """
    here = posixpath.dirname(PAGES.get(page, f"docs/{page}"))
    sites = {source: target for target, source in PAGES.items()}

    def follow(link: re.Match[str]) -> str:
        target = link[2]
        if re.match(r"[a-z]+:", target):
            return link[0]
        place = posixpath.normpath(posixpath.join(here, target))
        found = sites.get(place) or (place.removeprefix("docs/") if place.startswith("docs/") else None)
        if found is None:
            return link[0]
        return f"{link[1]}{posixpath.relpath(found, posixpath.dirname(page) or '.')}{link[3]}"

    return _LINK.sub(follow, markdown)
