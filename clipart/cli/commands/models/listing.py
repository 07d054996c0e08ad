"""`clipart models`: the models with names and those that were fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.models.registry import Entry

STYLES = {"embedded": "green", "here": "green", "partial": "yellow", "absent": "dim"}


def list_models(sink: Sink) -> None:
    """Print the models with names and those fetched beside them: kind, size, licence, state, source."""
    from rich.text import Text

    rows = [(entry, _state(sink, entry)) for entry in known(sink)]
    plain = [_plain(entry) | {"state": state} for entry, state in rows]
    several = _ensembles({each["name"]: each for each in plain})
    sink.event("models", models=plain + several)
    width = max(len(entry.name) for entry, _ in rows)
    for entry, state in rows:
        line = Text.assemble("\n ", (entry.name.ljust(width), "bold cyan"))
        line.append(f"  {entry.kind:<5}  {_size(entry):>7}  {entry.licence:<10}  ")
        sink.show(line.append(state, STYLES[state]))
        source = "in the package" if entry.embedded else entry.repo
        sink.show(Text(f"   {source}{': ' if entry.about else ''}{entry.about}", "dim"))
    for each in several:
        line = Text.assemble("\n ", (each["name"].ljust(width), "bold cyan"), f"  {each['kind']}  ")
        sink.show(line.append(each["state"], STYLES[each["state"]]))
        sink.show(Text(f"   {each['source']}: {each['about']}", "dim"))
    sink.show("\n clipart models pull NAME fetches one; --clip and --judge take its name.\n")


def _state(sink: Sink, entry: Entry) -> str:
    """Return how much of a model is here; where that cannot be seen, say so once, and count it as absent."""
    from clipart.errors import ModelError
    from clipart.models import store

    try:
        return store.state(entry)
    except ModelError as error:
        sink.warn(str(error).partition(": ")[2] or str(error), once="models")
        return "absent"


def known(sink: Sink) -> list[Entry]:
    """Return the models of the table and those of which something was recorded."""
    from clipart.errors import ModelError
    from clipart.models import ledger, registry

    found = {entry.name: entry for entry in registry.entries()}
    try:
        records = ledger.read()
    except ModelError as error:
        sink.warn(str(error), once="models")
        records = {}
    for key, record in records.items():
        where, _, file = key.rpartition("/")
        repo, _, revision = where.partition("@")
        architecture = "" if record.name.startswith(registry.HUB) else record.name.rpartition("/")[0]
        other = registry.Entry(
            record.name,
            repo=repo,
            architecture=architecture,
            file=file if architecture else "",
            revision=None if revision == "main" else revision,
        )
        found.setdefault(record.name, other)
    return list(found.values())


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "bytes": _bytes(entry),
        "licence": entry.licence,
        "source": entry.repo or "package",
        "about": entry.about,
    }


def _ensembles(models: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is said of the ensembles, whose members are among `models`; one is as here as the least."""
    from clipart.models import registry

    found = []
    for each in registry.ensembles().values():
        members = [models[name] for name in each.members]
        about = {
            "name": each.name,
            "kind": "ensemble",
            "bytes": sum(member["bytes"] for member in members),
            "licence": ", ".join(dict.fromkeys(member["licence"] for member in members)),
            "source": " + ".join(each.members),
            "about": each.about,
        }
        found.append(about | {"state": max((member["state"] for member in members), key=[*STYLES].index)})
    return found


def _bytes(entry: Entry) -> int:
    """Return how large a model is: what lies in the package, or about what is downloaded; 0 if not known."""
    if not entry.embedded:
        return round(entry.megabytes * 1e6)
    from clipart.models import embedded

    return sum(path.stat().st_size for path in embedded.folder(entry.name).iterdir() if path.is_file())


def _size(entry: Entry) -> str:
    from clipart.files import size_text as size

    return size(_bytes(entry)) if _bytes(entry) else "?"
