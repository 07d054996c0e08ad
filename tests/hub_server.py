"""A small hub on loopback, for the real client: one repository, and the ways in which a hub can fail."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

REPO = "acme/random-clip"
OLD_REPO = "acme/old-name"
COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """What the hub has and how it behaves.

    Attributes:
        files: the repository, by file name.
        served: what is sent instead of a file, its tag and size staying as they are.
        cut_at: bytes after which the next transfers of larger files break off, one of them each.
        refuse: HTTP status that every transfer gets, 0 for none.
        refuse_after_cut: what `refuse` becomes when a transfer has broken off.
        delay: seconds before a transfer begins.
        packed: what transfers say of how they are packed, nothing if empty.
        drip: seconds between two bytes of a transfer, 0 for all at once.
        drip_head: the same, of the head of every answer.
        log: what was asked for: method, path, range.
    """

    files: dict[str, bytes]
    served: dict[str, bytes] = field(default_factory=dict)
    cut_at: list[int] = field(default_factory=list)
    refuse: int = 0
    refuse_after_cut: int = 0
    delay: float = 0.0
    packed: str = ""
    drip: float = 0.0
    drip_head: float = 0.0
    log: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""
    port: int = 0

    def transfers(self, name: str) -> list[str]:
        """The ranges in which the content of a file was asked for, empty for all of it."""
        tag = self.tag(name)
        return [span for method, path, span in self.log if method == "GET" and path == f"/cdn/{tag}"]

    def tag(self, name: str) -> str:
        """The hub tags a large file with its SHA-256."""
        return hashlib.sha256(self.files[name]).hexdigest()


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run `hub` in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.port = server.server_address[1]
    hub.url = f"http://127.0.0.1:{hub.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self.hub.log.append((self.command, path, self.headers.get("Range", "")))
        if OLD_REPO in path:
            self._send(307, {"Location": path.replace(OLD_REPO, REPO)})
        elif path.startswith(f"/api/models/{REPO}"):
            self._send(200, {"Content-Type": "application/json"}, json.dumps(self._about()).encode())
        elif path.startswith(f"/{REPO}/resolve/"):
            self._resolve(path.split("/resolve/")[1].partition("/")[2])
        elif path.startswith("/cdn/"):
            self._transfer(path.removeprefix("/cdn/"))
        else:
            self._send(404, {"X-Error-Code": "RepoNotFound"})

    def _about(self) -> dict[str, object]:
        return {
            "id": REPO,
            "sha": COMMIT,
            "siblings": [{"rfilename": name} for name in self.hub.files],
            "cardData": {"license": "mit"},
        }

    def _resolve(self, name: str) -> None:
        if name not in self.hub.files:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        tag = self.hub.tag(name)
        about = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{tag}"',
            "X-Linked-Size": str(len(self.hub.files[name])),
            # Another host, as the real one sends its clients to a network of caches.
            "Location": f"http://localhost:{self.hub.port}/cdn/{tag}",
        }
        self._send(302, about)

    def _transfer(self, tag: str) -> None:
        name = next(each for each in self.hub.files if self.hub.tag(each) == tag)
        data = self.hub.served.get(name, self.hub.files[name])
        time.sleep(self.hub.delay)
        if self.hub.refuse:
            self._send(self.hub.refuse, {})
            return
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if self.hub.packed:
            self._send(200, {"ETag": f'"{tag}"', "Content-Encoding": self.hub.packed}, data)
            return
        about = {"ETag": f'"{tag}"', "Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        end = len(data)
        if self.hub.cut_at and len(data) > self.hub.cut_at[0]:
            end, self.hub.refuse = self.hub.cut_at.pop(0), self.hub.refuse_after_cut
        self._send(206 if begin else 200, about if begin else {"ETag": f'"{tag}"'}, data[begin:], end - begin)

    def _send(self, status: int, about: dict[str, str], body: bytes = b"", most: int | None = None) -> None:
        self.send_response(status)
        for name, value in about.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.hub.drip_head:
            with suppress(OSError):  # the client has had enough
                for number in range(500):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: "[number : number + 1] or b"x")
                    time.sleep(self.hub.drip_head)
            self.close_connection = True
            return
        self.end_headers()
        if self.command == "GET" and self.hub.drip and self.path.startswith("/cdn/"):
            with suppress(OSError):  # the client has had enough
                for byte in body[:most]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(self.hub.drip)
        elif self.command == "GET":
            with suppress(OSError):
                self.wfile.write(body[:most])
