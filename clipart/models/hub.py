"""The hub's client, huggingface_hub, behind one door: it is imported here, and its variables are looked at.

open_clip imports it even where nothing is fetched. A variable of the environment that it cannot read must
not stop a run that needs no network, so such variables are set aside while it is imported; whoever fetches is
told of them. What a server answers is bounded in bytes and in time.
"""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from clipart.errors import ModelError

MOST_SECONDS = 86_400  # of a timeout
MOST_ANSWER = 8_000_000  # bytes of an answer that is no file
WINDOW, LEAST_RATE = 20.0, 1000  # an answer that for so many seconds brings fewer bytes a second is given up
HEAD = (
    60.0  # seconds after which an answer is given up whose head is not here; of one read at once, all of it
)
_most: ContextVar[int | None] = ContextVar("most", default=None)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
_SECRET = re.compile(r"//[^/@]*@")  # name and password in a URL


def _wrong_url(text: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if fits and text.isascii() and text.isprintable() and " " not in text:
        return ""
    return f"it must be the address of a server that begins with {' or '.join(f'{s}://' for s in schemes)}"


def _wrong_endpoint(text: str) -> str:
    return _wrong_url(text, ("https", "http"))


def _wrong_proxy(text: str) -> str:
    if text.startswith("socks"):
        from importlib.util import find_spec

        if find_spec("socksio") is None:
            return "a SOCKS proxy needs another package: pip install socksio"
    return _wrong_url(text if "://" in text else f"http://{text}", ("http", "https", "socks5", "socks5h"))


def _wrong_token(text: str) -> str:
    return "" if text.isascii() and text.isprintable() else "a token has letters, digits and _ only"


def _wrong_number(text: str) -> str:
    fits = text.isascii() and text.isdigit() and int(text[:9]) <= MOST_SECONDS
    return "" if fits else f"it must be a whole number of seconds from 0 to {MOST_SECONDS}"


CHECKS: dict[str, Callable[[str], str]] = {
    "HF_ENDPOINT": _wrong_endpoint,
    "HF_TOKEN": _wrong_token,
    "HUGGING_FACE_HUB_TOKEN": _wrong_token,
    "HF_HUB_ETAG_TIMEOUT": _wrong_number,
    "HF_HUB_DOWNLOAD_TIMEOUT": _wrong_number,
    **dict.fromkeys(_PROXIES, _wrong_proxy),
}


def wrong_variables() -> dict[str, str]:
    """Return the variables that the client cannot work with, and what they must be, by name."""
    set_ones = {name: os.environ.get(name, "").strip() for name in CHECKS}
    wrong = {name: CHECKS[name](text) for name, text in set_ones.items() if text}
    return {name: why for name, why in wrong.items() if why}


def require_usable() -> None:
    """Refuse to fetch with a variable that the client cannot work with.

    Raises:
        ModelError: naming it, and what it must be. A token is not printed, nor a password.
    """
    for name, why in wrong_variables().items():
        value = "" if "TOKEN" in name else f" = {_SECRET.sub('//...@', os.environ[name])[:100]}"
        raise ModelError(f"{name}{value}: {why}. Set it right, or remove it: unset {name}")


@contextmanager
def set_aside() -> Iterator[None]:
    """While entered, the variables that the client cannot read are not set: it can be imported."""
    wrong = {name: os.environ.pop(name) for name in wrong_variables()}
    try:
        yield
    finally:
        os.environ.update(wrong)


@cache
def client() -> Any:
    """Return the module huggingface_hub, imported without the variables that it cannot read."""
    with set_aside():
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.file_download
    return huggingface_hub


@cache
def open_clip() -> Any:
    """Return the module open_clip, which imports the client."""
    client()
    import open_clip as module

    return module


@contextmanager
def quietly() -> Iterator[None]:
    """Keep open_clip from warning that a model has no weights: it is given them afterwards."""
    root, silence = logging.getLogger(), logging.NullHandler()
    before = root.manager.disable
    root.addHandler(silence)  # or `logging.warning` would install one that stays
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        root.removeHandler(silence)


def cache_folder() -> Path:
    """Return the folder of the client's cache."""
    return Path(client().constants.HF_HUB_CACHE)


def folder_of(repo: str) -> Path:
    """Return the folder of a repository of models in the client's cache."""
    client()
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=repo, repo_type="model")


def endpoint() -> str:
    """Return the address of the hub that is asked."""
    return str(client().constants.ENDPOINT)


@contextmanager
def bounded(most: int = MOST_ANSWER) -> Iterator[None]:
    """While entered, in this thread, no answer may have more than `most` bytes, be packed, or trickle in.

    Raises:
        ModelError: as soon as one does.
    """
    session = client().get_session()
    hooks = session.event_hooks
    if _bound not in hooks["response"]:
        hooks["request"].append(_ask_unpacked)
        hooks["response"].append(_bound)
        session.event_hooks = hooks
        session.send = _in_time(session.send)
    before = _most.set(most)
    try:
        yield
    finally:
        _most.reset(before)


def _in_time(send: Callable[..., Any]) -> Callable[..., Any]:
    """Return `send` of a client, given up after `HEAD` seconds: the client's limit is for one read."""

    def timed(request: Any, **options: Any) -> Any:
        """Send `request` in a thread of its own and wait for the answer."""
        if _most.get() is None:  # a request of another part of this program
            return send(request, **options)
        answer: Future[Any] = Future()
        context = copy_context()

        def ask() -> None:
            try:
                answer.set_result(context.run(send, request, **options))
            except BaseException as error:
                answer.set_exception(error)

        Thread(target=ask, daemon=True).start()
        if not wait([answer], HEAD).done:
            answer.add_done_callback(_close)
            raise ModelError(f"{request.url.host} did not answer within {HEAD:.0f} seconds; given up.")
        return answer.result()

    return timed


def _close(answer: Future[Any]) -> None:
    if answer.exception() is None:
        answer.result().close()


def _ask_unpacked(request: Any) -> None:
    if _most.get() is not None:
        request.headers["Accept-Encoding"] = "identity"


def _bound(response: Any) -> None:
    most, host = _most.get(), str(response.url.host)
    if most is None:  # a request of another part of this program
        return
    packed = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("", "identity"):  # a little of it can become very much
        raise ModelError(f"{host} sends its answer packed ({packed[:20]}), unasked.")
    response.stream = _bounded_stream(response.stream, most, host)


def _bounded_stream(stream: Any, most: int, host: str) -> Any:
    from httpx2 import SyncByteStream

    class Bounded(SyncByteStream):  # type: ignore[misc, unused-ignore]
        def __iter__(self) -> Iterator[bytes]:
            come, since, then = 0, 0, time.monotonic()
            for piece in stream:
                come += len(piece)
                if come > most:
                    raise ModelError(f"{host} sends more than the {most:,} bytes that it said.")
                waited = time.monotonic() - then
                if waited >= WINDOW:
                    if come - since < LEAST_RATE * waited:
                        raise ModelError(f"{host} sends less than {LEAST_RATE:,} bytes a second; given up.")
                    since, then = come, time.monotonic()
                yield piece

        def close(self) -> None:
            stream.close()

    return Bounded()
