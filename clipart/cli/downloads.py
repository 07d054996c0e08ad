"""Downloads as the command line shows them, and which models it fetches by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipart.cli.sink import Sink
    from clipart.models.fetch import Plan, Watch


def fetch_typed(sink: Sink, typed: dict[str, Any]) -> None:
    """Fetch what is missing of the models among the settings that were typed, never of those in a recipe."""
    named = [*typed.get("clip", ()), *([typed["judge"]] if typed.get("judge") else [])]
    named += [text for stage in typed.get("stages", ()) for text in stage.get("clip", ())]
    if named:
        fetch_named(sink, named)


def fetch_named(sink: Sink, specs: Sequence[str]) -> None:
    """Fetch what is missing of the CLIPs that a person named with --clip and --judge.

    Never for a name that only a recipe or a preset has: those are refused with the command to type.
    """
    from clipart.models import fetch, registry, store
    from clipart.models.spec import expanded, read_critic

    for spec in (read_critic(each) for text in specs for each in expanded(str(text))):
        if spec.place != "name":
            continue
        entry = registry.find(spec.name)
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
    from clipart.files import size_text as size

    entry = plan.entry
    sink.event(
        "pull", name=entry.name, bytes=plan.size, done=plan.done, licence=plan.licence, source=plan.source
    )
    here = f", {size(plan.done)} of it here already" if plan.done else ""
    sink.note(f"fetching {entry.name}: {size(plan.size)}{here}, licence {plan.licence}, {plan.source}")
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
    from clipart.files import size_text as size

    tenth = 0

    def tell(done: int, total: int) -> None:
        nonlocal tenth
        if total and done * 10 // total > tenth:
            tenth = done * 10 // total
            sink.note(f"{size(done)} of {size(total)}")

    yield tell
