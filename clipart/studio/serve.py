"""`clipart studio`: the server on this machine, and the browser that is opened on it."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError, UsageError
from clipart.files import require_folder

PORT = 7860
REQUESTS = 200  # at the same time
# what the server is told
SERVER: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "limit_concurrency": REQUESTS,
    "timeout_graceful_shutdown": 2,
}
TRIES = 20  # ports above it that are tried where none was asked for
WARNING = (
    "Everyone in your network who has this address can make pictures on this machine and see those in the "
    "folder. The connection is not encrypted."
)


def require_extra() -> None:
    """Check that what the studio is built on is installed.

    Raises:
        ClipartError: saying what to type.
    """
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise ClipartError(f'The studio needs {names}. Type: pip install "clipart[studio]"')


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket bound to `host` and `port`, by default the first free one from `PORT`.

    Raises:
        UsageError: it is taken.
    """
    for number in range(PORT, PORT + TRIES) if port is None else [port]:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, number))
            bound.listen()  # so that the address works from when it is told
        except OSError:
            bound.close()
            continue
        return bound
    where = f"{PORT} to {PORT + TRIES - 1} are" if port is None else f"{port} is"
    raise UsageError(f"--port: {where} taken, or not allowed. Choose another: clipart studio --port 8123")


def serve(
    folder: Path,
    tell: Callable[[str, str], None],
    port: int | None = None,
    everywhere: bool = False,
    read_only: bool = False,
    browser: bool = True,
) -> None:
    """Serve the studio of `folder` until Ctrl-C; `tell(address, warning)` is called when it begins.

    Raises:
        ClipartError: the extra is missing, the port is taken, or the folder cannot be used.
    """
    require_extra()
    import uvicorn

    from clipart.studio.app import make_app

    if read_only and not folder.is_dir():
        raise UsageError(f"--gallery {folder}: no such folder.")
    if not read_only:
        require_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    with listen("0.0.0.0" if everywhere else "127.0.0.1", port) as bound:  # noqa: S104 (asked for)
        token = secrets.token_urlsafe(24) if everywhere else ""
        host = _own_address() if everywhere else "127.0.0.1"
        address = f"http://{host}:{bound.getsockname()[1]}/" + (f"?token={token}" if token else "")
        app = make_app(folder.resolve(), token, read_only)
        config = uvicorn.Config(app, **SERVER)
        tell(address, WARNING if everywhere else "")
        if browser:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        with suppress(KeyboardInterrupt):  # which uvicorn raises again after everything is saved and closed
            uvicorn.Server(config).run([bound])


def _own_address() -> str:
    """Return the address that this machine has in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of RFC 5737, which nobody has
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
