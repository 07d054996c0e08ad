"""The files of models on this machine: found, checked, put into quarantine, removed.

Downloads lie in the hub client's own cache, which other programs share; files put there by hand, in our own
folder. Nothing here goes to the network: `clipart.models.fetch` does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipart.errors import ModelError
from clipart.files import sha256, size_text
from clipart.models import embedded, hub, ledger
from clipart.models.home import NoHomeError, home
from clipart.models.registry import HUB, Entry

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # the first is preferred
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")  # one of transformers'
PARTIAL = ".clipart.incomplete"
QUARANTINED = ".quarantined"
_SHA256 = re.compile(r"[0-9a-f]{64}")

State = Literal["embedded", "here", "partial", "absent"]


@dataclass(frozen=True)
class Files:
    """The files of a model, checked.

    `config` is None where open_clip knows the architecture. `sha256` is that of the weights.
    """

    weights: Path
    config: Path | None
    sha256: str


def wanted(entry: Entry) -> tuple[str, ...]:
    """Return the names that the weights of a model may have, the preferred one first."""
    return (entry.file,) if entry.file else WEIGHTS


def by_hand(entry: Entry) -> Path:
    """Return the folder in which a person can put the files of a model."""
    return home() / "models" / entry.name.replace(HUB, "hf-hub/")


def in_cache(entry: Entry) -> Path:
    """Return the folder of a model's repository in the hub client's cache."""
    return hub.folder_of(entry.repo)


def locate(entry: Entry) -> tuple[Path, Path | None] | None:
    """Return the weights and the configuration of a model as they lie here, unchecked; None if absent.

    Raises:
        ModelError: a folder that they may be in cannot be read.
    """
    with _explained(entry):
        return _locate(entry)


@contextmanager
def _explained(entry: Entry) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or in_cache(entry)
        raise ModelError(
            f"{entry.name}: {where} cannot be read ({error.strerror or error}). Make it readable to you, or "
            "set HF_HOME, and CLIPART_HOME, to folders elsewhere."
        ) from error


def _locate(entry: Entry) -> tuple[Path, Path | None] | None:
    if entry.embedded:
        shipped = embedded.weights(entry.name)
        return shipped, shipped.with_name(CONFIG) if entry.kind == "clip" else None
    config = None if entry.architecture else find_file(entry, CONFIG)
    found = (find_file(entry, name) for name in wanted(entry))
    weights = next((path for path in found if path is not None), None)
    if weights is None or (config is None and not entry.architecture):
        return None
    return weights, config


def find_file(entry: Entry, name: str) -> Path | None:
    """Return where a file of a model is, unchecked, or None: in `by_hand`, or in the cache at its commit."""
    with suppress(NoHomeError):
        placed = by_hand(entry) / name
        if placed.is_file():
            return placed
    cached = hub.client().try_to_load_from_cache(entry.repo, name, revision=commit(entry, name))
    return Path(cached) if isinstance(cached, str) else None


def commit(entry: Entry, name: str) -> str | None:
    """Return the commit of a file: that of its first use, or the registry's; None stands for the newest."""
    known = ledger.read().get(key(entry, name))
    return known.commit if known and known.commit else entry.revision


def key(entry: Entry, name: str) -> str:
    """Return what a file is called in the ledger."""
    return f"{entry.repo}@{entry.revision or 'main'}/{name}"


def state(entry: Entry) -> State:
    """Return how much of a model is here, without looking into its files.

    Raises:
        ModelError: a folder that they may be in cannot be read.
    """
    if entry.embedded:
        return "embedded"
    if locate(entry) is not None:
        return "here"
    with _explained(entry):
        return "partial" if any((in_cache(entry) / "blobs").glob(f"*{PARTIAL}")) else "absent"


def checked(entry: Entry) -> Files:
    """Return the files of a model, each with the SHA-256 of the registry or of its first use.

    Raises:
        ModelError: they are not here; or one is not what it was, and is now in quarantine.
    """
    found = locate(entry)
    if found is None:
        raise missing(entry)
    weights, config = found
    if config is not None:
        check_file(entry, config)
    return Files(weights, config, check_file(entry, weights))


def missing(entry: Entry, file: str = "") -> ModelError:
    """Return the error for a model that is not here, or a `file` of it: what to type, where to put it."""
    about = f"about {size_text(entry.megabytes * 1e6)}, " if entry.megabytes else ""
    what = f"{file} of " if file else ""
    files = file or " and ".join([wanted(entry)[0]] + [CONFIG] * (not entry.architecture))
    try:
        place = str(by_hand(entry))
    except NoHomeError:
        place = f"the folder models/{entry.name} of a folder that you name in CLIPART_HOME"
    return ModelError(
        f"{what}{entry.name} is not on this machine ({about}licence: {entry.licence}).\n"
        f"Fetch it once: clipart models pull {entry.name}\n"
        f"Or get {files} from {entry.page} elsewhere, and put it into {place}"
    )


def expected(entry: Entry, name: str, etag: str = "") -> str | None:
    """Return the SHA-256 that a file must have, or None if nothing says it.

    That is the registry's; or that of its first use; or `etag`, with which the hub tags a large file, and
    which is the file's name in the client's cache.
    """
    if entry.sha256 and name in wanted(entry):
        return entry.sha256
    if known := ledger.read().get(key(entry, name)):
        return known.sha256
    return etag if _SHA256.fullmatch(etag) else None


def check_file(entry: Entry, path: Path) -> str:
    """Return the SHA-256 of one file of a model, recorded now if this is its first use.

    Raises:
        ModelError: it is not what it was, and is now in quarantine.
    """
    digest = sha256(path)
    if entry.embedded:
        return digest  # `verify` compares it with the package's own list
    right = expected(entry, path.name, path.resolve().name)
    if right in (None, digest):
        source = path.parent.name if path.parent.parent.name == "snapshots" else ""
        first = ledger.Record(entry.name, digest, path.stat().st_size, source)
        right = ledger.add(key(entry, path.name), first).sha256
    if digest != right:
        raise _refused(entry, path, digest, right)
    return digest


def _refused(entry: Entry, path: Path, digest: str, right: str | None) -> ModelError:
    moved = quarantine(path)
    return ModelError(
        f"{entry.name}: {path.name} is not the file that it was (SHA-256 {digest[:12]}..., and not "
        f"{(right or '')[:12]}...). It was not loaded, and lies now in {moved}.\n"
        f"Fetch it again: clipart models pull {entry.name}"
    )


def quarantine(path: Path) -> Path:
    """Give a bad file a name under which nothing loads it, and return where it lies.

    Of a link to a file outside the folder of its model, only the link is renamed.
    """
    own = next((each for each in path.parents if each.name.startswith("models--")), path.parent)
    bad = path
    if path.is_symlink() and path.resolve().is_relative_to(own.resolve()):
        bad = path.parent / path.readlink()
    moved = Path(os.path.normpath(bad.with_name(bad.name + QUARANTINED)))
    bad.replace(moved)
    path.unlink(missing_ok=True)
    return moved


def verify(entry: Entry) -> Files:
    """As `checked`, and for an embedded model against the package's list of what was shipped.

    Raises:
        ModelError: as `checked`; or the package is damaged.
    """
    files = checked(entry)
    if entry.embedded and (wrong := list(not_as_shipped(files.weights.parent))):
        raise ModelError(f"{entry.name}: not as shipped: {', '.join(wrong)}. Install clipart again.")
    return files


def not_as_shipped(folder: Path) -> Iterator[str]:
    """Yield the files of an embedded model whose SHA-256 is not the one in its list."""
    sums = folder / "SHA256SUMS"
    for line in sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else ():
        digest, _, name = line.partition("  ")
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            yield name


def remove(entry: Entry) -> int:
    """Remove a model's files and what was recorded of them; return how many bytes that freed.

    What another commit of the repository shares with this one stays.

    Raises:
        ModelError: the model is embedded, or nothing of it is here.
    """
    if entry.embedded:
        raise ModelError(f"{entry.name} is part of the package and cannot be removed.")
    names = (*wanted(entry), CONFIG, *TOKENIZER)
    found = [path for name in names if (path := find_file(entry, name)) is not None]
    cached = in_cache(entry)
    placed = [path for path in found if not path.is_relative_to(cached)]
    leftovers = [path for ending in (PARTIAL, QUARANTINED) for path in (cached / "blobs").glob(f"*{ending}")]
    if not found and not leftovers:
        raise ModelError(f"{entry.name}: nothing of it is here. `clipart models` lists what is.")
    freed = sum(path.stat().st_size for path in (*placed, *leftovers))
    for path in (*placed, *leftovers):
        path.unlink()
    commits = {path.parent.name for path in found if path not in placed}
    if commits:
        try:
            strategy = hub.client().scan_cache_dir(in_cache(entry).parent).delete_revisions(*commits)
        except hub.client().errors.CacheNotFound:
            pass
        else:
            freed += strategy.expected_freed_size
            strategy.execute()
    ledger.forget(key(entry, name) for name in names)
    return freed
