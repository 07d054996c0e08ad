"""`clipart studio` where something is missing; these need no extra."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from clipart.cli import main
from clipart.errors import UsageError
from clipart.studio import serve


def test_without_the_extra_it_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    assert main(["studio", "--no-browser"]) == 1
    assert 'pip install "clipart[studio]"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="--port"):
            serve.listen("127.0.0.1", other.getsockname()[1])


def test_a_gallery_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason='the studio is not installed: pip install "clipart[studio]"')
    assert main(["studio", "--no-browser", "--gallery", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_page_loads_nothing_from_another_host() -> None:
    static = Path(serve.__file__).parent / "static"
    for path in static.iterdir():
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http:" not in text, path
            assert "https:" not in text, path
            assert "innerHTML" not in text, path
