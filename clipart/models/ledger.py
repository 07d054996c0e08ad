"""The ledger: the SHA-256 of every downloaded file at its first use.

A file that has another SHA-256 later is refused. The ledger is one JSON file in our folder. It is changed
under a lock and written whole, so that of several processes at one time none loses its record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from clipart.errors import ModelError
from clipart.files import locked
from clipart.models.home import NoHomeError, home, write


@dataclass(frozen=True)
class Record:
    """A file as it was first seen: of which model, and of which commit, empty if put there by hand."""

    name: str
    sha256: str
    size: int
    commit: str


def path() -> Path:
    """Return where the ledger is."""
    return home() / "models.json"


def read() -> dict[str, Record]:
    """Return all records by REPO@REVISION/FILE.

    Raises:
        ModelError: the ledger is broken, or may not be read.
    """
    try:
        found = json.loads(path().read_text(encoding="utf-8"))
        return {str(key): Record(**record) for key, record in found["files"].items()}
    except (FileNotFoundError, NotADirectoryError, NoHomeError):
        return {}
    except OSError as error:
        raise ModelError(f"{path()} cannot be read ({error.strerror}), no model can be checked.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{path()} is broken, so no model can be compared with what it was ({error}). "
            "Restore it; or remove it, and the files as they are now count as right."
        ) from error


def add(key: str, record: Record) -> Record:
    """Record a file, unless it is recorded, and return what stands there."""
    with locked(path()):
        records = read()
        if key not in records:
            _write(records | {key: record})
        return records.get(key, record)


def forget(keys: Iterable[str]) -> None:
    """Remove records."""
    with locked(path()):
        unwanted = set(keys)
        _write({key: record for key, record in read().items() if key not in unwanted})


def _write(records: dict[str, Record]) -> None:
    files = {key: asdict(records[key]) for key in sorted(records)}
    write(path(), (json.dumps({"version": 1, "files": files}, indent=1) + "\n").encode())
