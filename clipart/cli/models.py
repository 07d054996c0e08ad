"""`clipart models`: what there is, and `pull`, `verify`, `path` and `rm` for what a person names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipart.cli.convert import convert_model
from clipart.cli.options import Json, NoColor, option
from clipart.errors import ModelError, UsageError
from clipart.near import did_you_mean

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.models.fetch import Plan, Watch
    from clipart.models.registry import Entry

STYLES = {"embedded": "green", "here": "green", "partial": "yellow", "absent": "dim"}


def models(
    context: typer.Context,
    action: Annotated[
        str | None, typer.Argument(metavar="[pull|verify|path|rm|convert]", help="what to do with models")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="the models; for convert, CONFIG and CKPT")
    ] = None,
    output: Annotated[
        Path | None,
        option("--output", "-o", about="the file that convert writes", metavar="FILE", panel="Output"),
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """List the models; `pull` fetches, `verify` compares hashes, `path` tells where, `rm` removes.

    `convert CONFIG CKPT` makes a published VQGAN into a file that --vqgan takes, without running it.
    """
    sink = context.obj.choose(json=json, no_color=no_color)
    if action is None:
        list_models(sink)
        return
    if action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS)
        raise UsageError(f"clipart models {action}: type one of {', '.join(ACTIONS)}.{hint}")
    if action == "convert":
        convert_model(sink, names or (), output)
        return
    if not names and action != "verify":
        raise UsageError(f"clipart models {action}: of which model? `clipart models` lists the names.")
    ACTIONS[action](sink, names or ())


def list_models(sink: Sink) -> None:
    """Print the models with names and those fetched beside them: kind, size, licence, state, source."""
    from rich.text import Text

    from clipart.models import store

    rows = [(entry, store.state(entry)) for entry in _known()]
    sink.event("models", models=[_plain(entry) | {"state": state} for entry, state in rows])
    width = max(len(entry.name) for entry, _ in rows)
    for entry, state in rows:
        line = Text.assemble("\n ", (entry.name.ljust(width), "bold cyan"))
        line.append(f"  {entry.kind:<5}  {_size(entry):>7}  {entry.licence:<10}  ")
        sink.show(line.append(state, STYLES[state]))
        source = "in the package" if entry.embedded else entry.repo
        sink.show(Text(f"   {source}{': ' if entry.about else ''}{entry.about}", "dim"))
    sink.show("\n clipart models pull NAME fetches one; --clip and --judge take its name.\n")


def pull_models(sink: Sink, names: Sequence[str]) -> None:
    """Fetch models, saying first how large they are and under which licence."""
    from clipart.models import fetch, registry

    for entry in [registry.find(name) for name in names]:
        with watching(sink) as watch:
            files = fetch.pull(entry, watch)
        sink.event("pulled", name=entry.name, path=files.weights, sha256=files.sha256)
        sink.show(f" {entry.name} is in {files.weights}")


def verify_models(sink: Sink, names: Sequence[str]) -> None:
    """Compare the files of models, by default of all that are here, with what they must be.

    Raises:
        ModelError: one is not; all have been compared.
    """
    from clipart.models import registry, store

    entries = [registry.find(name) for name in names]
    bad: list[str] = []
    for entry in entries or [each for each in _known() if store.state(each) in ("embedded", "here")]:
        try:
            digest = store.verify(entry).sha256
        except ModelError as error:
            bad.append(str(error))
            sink.event("verified", name=entry.name, ok=False, sha256=None)
        else:
            sink.event("verified", name=entry.name, ok=True, sha256=digest)
            sink.show(f" ok  {entry.name}  {digest}")
    if bad:
        raise ModelError("\n".join(bad))


def show_paths(sink: Sink, names: Sequence[str]) -> None:
    """Print where the weights of models lie."""
    from clipart.models import registry, store

    for entry in [registry.find(name) for name in names]:
        found = store.locate(entry)
        if found is None:
            raise store.missing(entry)
        sink.event("path", name=entry.name, path=found[0])
        sink.show(str(found[0]))


def remove_models(sink: Sink, names: Sequence[str]) -> None:
    """Remove the files of models, and what was recorded of them."""
    from clipart.files import size_text
    from clipart.models import registry, store

    for entry in [registry.find(name) for name in names]:
        freed = store.remove(entry)
        sink.event("removed", name=entry.name, bytes=freed)
        sink.show(f" {entry.name} is removed; {size_text(freed)} are free again.")


ACTIONS: dict[str, Callable[[Sink, Sequence[str]], None]] = {
    "pull": pull_models,
    "verify": verify_models,
    "path": show_paths,
    "rm": remove_models,
    "convert": convert_model,
}


def fetch_named(sink: Sink, specs: Sequence[str]) -> None:
    """Fetch what is missing of the CLIPs that a person named with --clip and --judge.

    Never for a name that only a recipe or a preset has: those are refused with the command to type.
    """
    from clipart.critic.clip import split_weight
    from clipart.critic.source import AT, LOCAL
    from clipart.models import fetch, registry, store

    for name, _ in map(split_weight, specs):
        if name.startswith(LOCAL) or (AT in name and not name.startswith(registry.HUB)):
            continue
        entry = registry.find(name)
        if store.state(entry) in ("absent", "partial"):
            with watching(sink) as watch:
                fetch.pull(entry, watch)


@contextmanager
def watching(sink: Sink) -> Iterator[Watch]:
    """Show a download on stderr: what it is, then a bar on a terminal, or a line at every tenth."""
    from clipart.models.fetch import Watch

    with _bar(sink) if sink.live else _lines(sink) as progress:
        yield Watch(lambda plan: _announce(sink, plan), progress, sink.note)


def _announce(sink: Sink, plan: Plan) -> None:
    from clipart.files import size_text

    entry = plan.entry
    sink.event(
        "pull", name=entry.name, bytes=plan.size, done=plan.done, licence=plan.licence, source=entry.page
    )
    here = f", {size_text(plan.done)} of it here already" if plan.done else ""
    sink.note(f"fetching {entry.name}: {size_text(plan.size)}{here}, licence {plan.licence}, {entry.page}")
    if plan.pickled:
        sink.warn("its weights come as a pickle, which is read with torch's restricted reader only.")


@contextmanager
def _bar(sink: Sink) -> Iterator[Callable[[int, int], None]]:
    from rich import progress

    columns = (
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=sink.err, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _lines(sink: Sink) -> Iterator[Callable[[int, int], None]]:
    from clipart.files import size_text

    tenth = 0

    def tell(done: int, total: int) -> None:
        nonlocal tenth
        if total and done * 10 // total > tenth:
            tenth = done * 10 // total
            sink.note(f"{size_text(done)} of {size_text(total)}")

    yield tell


def _known() -> list[Entry]:
    """Return the models of the table and those of which something was recorded."""
    from clipart.models import ledger, registry

    found = {entry.name: entry for entry in registry.entries()}
    for key, record in ledger.read().items():
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


def _bytes(entry: Entry) -> int:
    """Return how large a model is: what lies in the package, or about what is downloaded; 0 if not known."""
    if not entry.embedded:
        return round(entry.megabytes * 1e6)
    from clipart.models import embedded

    return sum(path.stat().st_size for path in embedded.folder(entry.name).iterdir() if path.is_file())


def _size(entry: Entry) -> str:
    from clipart.files import size_text

    return size_text(_bytes(entry)) if _bytes(entry) else "?"
