"""The table of `--json` events: it is complete, the sink holds to it, and the page is made of it."""

from __future__ import annotations

import ast
import json
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clipart.cli import main
from clipart.cli.event_kinds import KINDS
from clipart.cli.event_objects import OBJECTS
from clipart.cli.events import EVENTS, check
from clipart.cli.sink import Sink

ROOT = Path(__file__).parents[2]
NAMES = [event.name for event in EVENTS]


@cache
def emitted() -> dict[str, list[set[str] | None]]:
    """The events that the code prints, and for each place their keys, None where those are not spelled out."""
    found: dict[str, list[set[str] | None]] = {}
    for path in (ROOT / "clipart").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "event":
                (name,) = node.args
                assert isinstance(name, ast.Constant), (
                    f"{path}:{node.lineno}: the name of an event is spelled out"
                )
                keys = {keyword.arg for keyword in node.keywords}
                found.setdefault(name.value, []).append(None if None in keys else keys)  # type: ignore[arg-type]
    return found


def test_the_table_has_the_events_that_are_printed_and_no_other() -> None:
    assert sorted(NAMES) == sorted(emitted())


@pytest.mark.parametrize("event", EVENTS, ids=NAMES)
def test_every_place_that_prints_an_event_gives_its_keys(event: Any) -> None:
    may, must = {key.name for key in event.keys}, {key.name for key in event.keys if not key.optional}
    for keys in emitted()[event.name]:
        assert keys is None or must <= keys <= may


def test_every_type_in_the_table_is_one() -> None:
    for keys in (*(event.keys for event in EVENTS), *OBJECTS.values()):
        assert {key.type for key in keys} <= {*KINDS, *OBJECTS}
        assert len({key.name for key in keys}) == len(keys)
    used = {key.type for keys in (*(event.keys for event in EVENTS), *OBJECTS.values()) for key in keys}
    assert set(OBJECTS) <= used


READING = {"text": "apple", "weight": 1, "match": None, "cosine": 0.2}
CHECK = {
    "event": "check",
    "step": 1,
    "steps": 2,
    "seconds": 1,
    "total": None,
    "stage": "",
    "readings": [READING],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event": "chekc"}, "event 'chekc'"),
        ({"colour": "red"}, "check: colour is not in"),
        ({"step": "1"}, "check.step = '1' is no integer"),
        ({"step": True}, "check.step = True is no integer"),
        ({"step": None}, "check.step = None"),
        ({"readings": READING}, "check.readings"),
        ({"readings": [READING | {"colour": "red"}]}, "check.readings: colour is not in"),
        ({"readings": [{"text": "apple"}]}, "is missing"),
    ],
)
def test_a_line_that_is_not_in_the_table_is_refused(change: dict[str, Any], says: str) -> None:
    check(CHECK)
    with pytest.raises(ValueError, match=r"^") as failed:
        check(CHECK | change)
    assert says in str(failed.value)


def test_a_missing_key_is_refused() -> None:
    with pytest.raises(ValueError, match="steps is missing"):
        check({key: value for key, value in CHECK.items() if key != "steps"})


@pytest.mark.parametrize("mode", ["human", "json", "quiet"])
def test_the_sink_holds_to_the_table_in_the_tests(mode: Any) -> None:
    with pytest.raises(ValueError, match="missing"):
        Sink(mode).event("removed", name="tiny")


def test_the_sink_of_a_user_is_not_checked(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("CLIPART_CHECK_EVENTS")
    Sink("json").event("removed", name="tiny")
    assert json.loads(capsys.readouterr().out) == {"event": "removed", "name": "tiny"}


@pytest.mark.parametrize(
    ("args", "event"),
    [
        (["parse", "apple:: (tart:1.5) tree::-0.5"], "parse"),
        (["presets"], "presets"),
        (["presets", "unfold"], "preset"),
        (["doctor"], "doctor"),
        (["models"], "models"),
        (["models", "path", "tiny"], "path"),
        (["models", "verify", "tiny"], "verified"),
        (["show", str(ROOT / "docs/pictures/fruit.png")], "show"),
        (["plot", str(ROOT)], "error"),
    ],
)
def test_commands_print_what_the_table_says(args: list[str], event: str, capsys: Any) -> None:
    main([*args, "--json"])
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == event
    check(line)


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_json.py"))
    assert (ROOT / "docs" / "json.md").read_text(encoding="utf-8") == made["page"](), (
        "python docs/make_json.py"
    )
