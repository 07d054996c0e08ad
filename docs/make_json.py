"""Write docs/json.md from the table of events: `python docs/make_json.py`, or `--check` to compare."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clipart.cli.event_kinds import Key  # noqa: E402
from clipart.cli.event_objects import OBJECTS  # noqa: E402
from clipart.cli.events import EVENTS  # noqa: E402

PAGE = ROOT / "docs" / "json.md"
HEAD = """# JSON output

Made by `docs/make_json.py` from `clipart/cli/events.py`.

With `--json`, stdout has one JSON object a line and nothing else. Each is written as soon as it is known, so
that a program can read along. Notes and errors for people are on stderr. The key `event` says which of the
following a line is:

    $ clipart "a red apple" --steps 50 --seed 1 --json
    {"event": "start", "recipe": {"prompt": "a red apple", "steps": 50, "seed": 1, ...}}
    {"event": "check", "step": 0, "steps": 50, "seconds": 1.9, "total": null, "stage": "", "readings": [...]}
    {"event": "check", "step": 25, "steps": 50, "seconds": 3.1, "total": 0.41, "stage": "", "readings": [...]}
    {"event": "done", "stop": "steps", "steps": 50, "seconds": 6.0, "seed": 1, "exit_code": 0, ...}

Numbers have at most six digits behind the point. A number that is infinite or not a number is null. Paths are
as they were typed, or relative to the folder that the command was run in. A later version may add events and
keys: a program passes over those that it does not know.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD
    for event in EVENTS:
        by = ", ".join(f"`{command}`" for command in event.commands) or "every command"
        yield from [f"## `{event.name}`", "", f"Printed by {by}, {event.when}.", "", *_table(event.keys), ""]
    for name, keys in OBJECTS.items():
        yield from [f"## Object: {name}", "", *_table(keys), ""]


def _table(keys: Iterable[Key]) -> Iterator[str]:
    yield from ["| key | type | meaning |", "|---|---|---|"]
    for key in keys:
        kind = {"texts": "list of texts", "rows": "list of lists of numbers"}.get(key.type, key.type)
        if key.type in OBJECTS:
            kind = f"list of [{key.type}](#object-{key.type})"
        kind += " or null" if key.or_null else ""
        yield f"| `{key.name}`{' (optional)' if key.optional else ''} | {kind} | {key.about} |"


def main(args: list[str]) -> int:
    """Write the page, or with `--check` return 1 if it is not what it would be."""
    if args == ["--check"]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
