"""Fetching a model from the hub, with the hub's own client and in its cache.

What we add to that client:

- A download goes on where the last one stopped. The client, since 1.0, starts again in every process.
- The room on the disk is looked at first.
- A file gets its final name only when its SHA-256 is right.

open_clip's own downloads are not used: without a message they take a pickle where there are no safetensors,
and they do not fix the commit.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from clipart.errors import ClipartError, ModelError
from clipart.files import locked, require_space, sha256
from clipart.models import hub, store
from clipart.models.foreign import FILE, FILES, is_foreign
from clipart.models.home import NoHomeError
from clipart.models.registry import UNKNOWN_LICENCE, Entry
from clipart.models.source import text_config
from clipart.models.spec import LOCAL
from clipart.models.weights import is_pickled

SPARE = 32 * 2**20  # bytes that a download leaves free on the disk
_ELSEWHERE = "set HF_HOME to a folder on another disk"
_ETAG = re.compile(r"[\w.-]{8,128}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Wanted:
    """A file to be fetched.

    Attributes:
        name: in the repository.
        commit: of the repository, 40 hexadecimal digits.
        etag: the hub's tag for the content; of a large file it is the SHA-256.
        blob: where the whole file goes.
        size: in bytes.
        done: how many of these bytes are here already.
    """

    name: str
    commit: str
    etag: str
    blob: Path
    size: int
    done: int

    @property
    def partial(self) -> Path:
        """Where it lies until it is whole and right."""
        return self.blob.with_name(self.blob.name + store.PARTIAL)


@dataclass(frozen=True)
class Plan:
    """A download before its first byte."""

    entry: Entry
    licence: str
    files: tuple[Wanted, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def done(self) -> int:
        """Bytes of them that are here."""
        return sum(file.done for file in self.files)

    @property
    def source(self) -> str:
        """The page of the model on the hub that is asked, which `HF_ENDPOINT` may name."""
        return f"{hub.endpoint()}/{self.entry.repo}"

    @property
    def pickled(self) -> bool:
        """Whether the weights come as a pickle, which only torch's restricted reader opens."""
        return any(is_pickled(file.name) for file in self.files)


@dataclass(frozen=True)
class Watch:
    """Functions that are called during a download.

    Attributes:
        announce: with the plan, before its first byte.
        progress: with the bytes that are here, and with those of all files.
        remark: with a sentence for the person who waits.
    """

    announce: Callable[[Plan], None] = lambda plan: None
    progress: Callable[[int, int], None] = lambda done, total: None
    remark: Callable[[str], None] = lambda text: None


def pull(entry: Entry, watch: Watch | None = None) -> store.Files:
    """Fetch a model if it is not here, and return its files, checked.

    Raises:
        ModelError: offline, refused by the hub, cut off, or not what it should be; it says what to do.
        ResourceError: the disk is too full.
    """
    if store.locate(entry) is not None and not _lacks_tokenizer(entry):
        return store.checked(entry)
    hub.require_usable()
    _require_cache()
    watch = watch or Watch()
    with _explained(entry), hub.bounded():
        if store.locate(entry) is None:
            _fetch_all(_plan(entry), watch)
        if _lacks_tokenizer(entry):
            _fetch_all(_plan(entry, tokenizer=True), watch)
    return store.checked(entry)


def _fetch_all(plan: Plan, watch: Watch) -> None:
    watch.announce(plan)
    for index, file in enumerate(plan.files):
        before = sum(each.size for each in plan.files[:index])

        def told(done: int, before: int = before) -> None:
            watch.progress(before + done, plan.size)

        _fetch(plan.entry, file, told, watch.remark)


def _lacks_tokenizer(entry: Entry) -> bool:
    """Whether a model that is here has a tokenizer of transformers', and that is not here."""
    found = store.locate(entry)
    if found is None or entry.kind != "clip" or entry.embedded:
        return False
    config = found[1]
    location = f"{LOCAL}{config.parent}" if config is not None else entry.architecture
    return is_foreign(text_config(location)) and store.find_file(entry, FILE) is None


def _require_cache() -> None:
    """Refuse to fetch where the client's cache would be a folder called ~ in the working folder."""
    if not hub.cache_folder().is_absolute() and hub.cache_folder().parts[:1] == ("~",):
        raise NoHomeError("This system knows no home folder of yours: set HF_HOME to a folder for downloads.")


def _plan(entry: Entry, *, tokenizer: bool = False) -> Plan:
    """Ask the hub what there is, without fetching it: the model, or its tokenizer of transformers'."""
    names = store.wanted(entry)
    pinned = next((found for name in names if (found := store.commit(entry, name))), None)
    about = hub.client().HfApi().model_info(entry.repo, revision=pinned, timeout=20)
    there = {each.rfilename for each in about.siblings or ()}
    weights = next((name for name in names if name in there), None)
    if weights is None or (store.CONFIG not in there and not entry.architecture):
        needed = " or ".join(names) + ("" if entry.architecture else f", with {store.CONFIG}")
        raise ModelError(f"{entry.name}: no model of open_clip's in {entry.page}; it would have {needed}.")
    needs = [weights] if entry.architecture else [store.CONFIG, weights]
    if tokenizer:
        needs = [name for name in FILES if name in there]
        if FILE not in needs:
            raise ModelError(f"{entry.name}: its tokenizer is not in {entry.page}: there is no {FILE}.")
    files = tuple(_wanted(entry, name, str(about.sha)) for name in needs)
    licence = entry.licence
    if licence == UNKNOWN_LICENCE:
        licence = str(getattr(about.card_data, "license", None) or licence)
    return Plan(entry, licence, files)


def _wanted(entry: Entry, name: str, commit: str) -> Wanted:
    """Ask the hub about one file."""
    client = hub.client()
    about = client.get_hf_file_metadata(client.hf_hub_url(entry.repo, name, revision=commit))
    etag = about.etag or ""
    if about.size is None or not _ETAG.fullmatch(etag) or not _COMMIT.fullmatch(commit):
        raise ModelError(f"{entry.name}: the hub says neither size nor version of {name}. Try again later.")
    blob = store.in_cache(entry) / "blobs" / etag
    partial = blob.with_name(blob.name + store.PARTIAL)
    done = next((path.stat().st_size for path in (blob, partial) if path.is_file()), 0)
    return Wanted(name, commit, etag, blob, about.size, done)


def _fetch(entry: Entry, file: Wanted, told: Callable[[int], None], remark: Callable[[str], None]) -> None:
    """Bring one file into the cache: under its name only when it is whole and right."""
    file.blob.parent.mkdir(parents=True, exist_ok=True)
    busy = f"another process is fetching {file.name} of {entry.name}; waiting for it"
    cache, repo = file.blob.parents[2], file.blob.parents[1].name
    with locked(cache / ".locks" / repo / f"{file.etag}.clipart", lambda: remark(busy)):
        if not file.blob.exists():
            require_space(file.blob.parent, file.size - file.done + SPARE, _ELSEWHERE)
            _transfer(entry, file, told)
            _accept(entry, file)
    told(file.size)
    store.check_file(entry, Path(hub.client().hf_hub_download(entry.repo, file.name, revision=file.commit)))


def _transfer(entry: Entry, file: Wanted, told: Callable[[int], None]) -> None:
    """Fetch what is missing of a file, going on after the bytes that are here."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if file.partial.is_file() and file.partial.stat().st_size > file.size:
        file.partial.unlink()
    with _kept_if_right(file), hub.bounded(file.size), _Counted(file.partial, told) as target:
        http_get(
            hub.client().hf_hub_url(entry.repo, file.name, revision=file.commit),
            target,
            resume_size=target.tell(),
            headers={**build_hf_headers(library_name="clipart"), "Accept-Encoding": "identity"},
            expected_size=file.size,
            tqdm_class=_Silent,
        )


@contextmanager
def _kept_if_right(file: Wanted) -> Iterator[None]:
    """Remove what has come of a file if the server sends something that is not it, or hardly anything.

    A connection that breaks off leaves what has come.
    """
    try:
        yield
    except ModelError:
        file.partial.unlink(missing_ok=True)
        raise


class _Counted(io.FileIO):
    """A file that is written at its end, and calls `told` with its length in bytes after each write."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        # Not mode "a": the client cuts the file short when a server ignores where it should go on.
        # Not through a link: it may lead out of the cache.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        super().__init__(os.open(path, flags, 0o666), "r+")
        self.seek(0, os.SEEK_END)
        self._told = told

    def write(self, data: Any) -> int:
        written = super().write(data)
        self._told(self.tell())
        return written


class _Silent:
    """In place of the client's progress bar: it shows nothing, since `Watch.progress` is called."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def update(self, n: float | None = 1) -> None:
        """Do nothing when `n` more bytes have arrived."""


def _accept(entry: Entry, file: Wanted) -> None:
    """Give a whole file its name, or put it into quarantine.

    Raises:
        ModelError: its SHA-256 is not what the registry, the first use or the hub says.
    """
    right = store.expected(entry, file.name, file.etag)
    digest = sha256(file.partial)
    if right not in (None, digest):
        moved = store.quarantine(file.partial)
        raise ModelError(
            f"{entry.name}: {file.name} did not arrive as it should be (SHA-256 {digest[:12]}..., and not "
            f"{(right or '')[:12]}...). It lies in {moved} and is not used.\n"
            f"Try again: clipart models pull {entry.name}"
        )
    with file.partial.open("rb+") as whole:
        os.fsync(whole.fileno())
    file.partial.replace(file.blob)


@contextmanager
def _explained(entry: Entry) -> Iterator[None]:
    """Turn what the hub's client raises into a message that says what to do."""
    errors = hub.client().errors
    again = f"Go on with: clipart models pull {entry.name}"
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise ModelError(f"HF_HUB_OFFLINE is set. {store.missing(entry)}") from error
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{entry.name}: its owner asks you to agree first, at {entry.page}. Then log in: hf auth login"
        ) from error
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
    ) as error:
        raise ModelError(f"{entry.name}: the hub has no such model or file ({entry.page}).") from error
    except errors.HfHubHTTPError as error:
        raise ModelError(f"{entry.name}: the hub refused ({_reason(error)}). {again}") from error
    except ModelError as error:
        raise ModelError(str(error) if entry.name in str(error) else f"{entry.name}: {error}") from error
    except ClipartError:
        raise
    except Exception as error:  # no network, a cut, a file that ends too early, an answer of another form
        raise ModelError(
            f"{entry.name}: the connection failed ({_reason(error)}). What has arrived is kept. {again}\n"
            f"Without a network: {store.missing(entry)}"
        ) from error


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
