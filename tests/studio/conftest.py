"""A studio that is served as it is to a browser, in a thread, and requests as anybody may send them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason='the studio is not installed: pip install "clipart[studio]"')
uvicorn = pytest.importorskip("uvicorn", reason='the studio is not installed: pip install "clipart[studio]"')

OURS = {"X-Clipart": "1"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    port: int
    root: Path
    app: Any

    @property
    def queue(self) -> Any:
        return self.app.state.studio.queue

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request; `headers` have _ for -, and take the place of what a browser would send."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.putrequest(method, path, skip_host="Host" in named)
            if data is not None:
                line.putheader("Content-Length", str(len(data)))
            for name, value in named.items():
                line.putheader(name, value)
            line.endheaders(data)
            found = line.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            line.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, **{**OURS, **headers})

    def wait(self, job: str, *states: str, seconds: float = 120) -> Any:
        """Wait until a job is in one of `states`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.queue.jobs[job]
            if found.state in states:
                return found
            time.sleep(0.05)
        raise AssertionError(f"still {self.queue.jobs[job].plain()}")


def serving(root: Path, **options: Any) -> Iterator[Served]:
    from clipart.studio.app import make_app
    from clipart.studio.serve import listen

    app = make_app(root, **options)
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Served(bound.getsockname()[1], root, app)
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    yield from serving(tmp_path)


@pytest.fixture
def idle(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A studio whose queue stands still, so that no process is started."""
    monkeypatch.setattr(type(served.queue), "_next", lambda self: None)
    return served


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of two small pictures in it."""
    import clipart

    root = tmp_path_factory.mktemp("shelf")
    for prompt in ("apple", "green tree"):
        clipart.generate(
            prompt, seed=1, size=32, steps=6, starts=1, views=2, outputs=clipart.Outputs(folder=root)
        )
    return root
