"""Each line of "safe by default" with the request that an attacker would send."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import OURS, Served, serving

JOB = {"prompt": "apple", "size": "32"}


def png(side: int, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), b"\0" * (1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# --- Host, Origin, token ---


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "", "192.0.2.7"]
)
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    """DNS rebinding: the name of another site points at this machine."""
    assert served.get("/api/runs", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_names_of_this_machine_are_answered(served: Served, host: str) -> None:
    assert served.get("/", Host=f"{host}:{served.port}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_requests_of_another_site_are_refused(idle: Served, headers: dict[str, str]) -> None:
    assert idle.post("/api/jobs", JOB, **headers).status == 403
    assert idle.queue.jobs == {}


def test_a_form_of_another_site_cannot_change_anything(idle: Served) -> None:
    """A form is sent without asking first, but it has no header of ours."""
    sent = idle.send("POST", "/api/jobs", JOB, Content_Type="text/plain")
    assert sent.status == 403
    assert idle.queue.jobs == {}
    assert idle.post("/api/jobs", JOB, Origin=f"http://127.0.0.1:{idle.port}").status == 201


def test_no_other_site_may_read_or_frame_it(served: Served) -> None:
    headers = served.get("/", Origin=f"http://127.0.0.1:{served.port}").headers
    assert "access-control-allow-origin" not in headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert served.send("OPTIONS", "/api/jobs").status == 405


def test_with_listen_a_token_is_asked_for(tmp_path: Path) -> None:
    for served in serving(tmp_path, token="secret"):
        for path in ("/", "/api/runs", "/static/studio.js", "/?token=", "/?token=Secret"):
            assert served.get(path).status == 401, path
        assert served.post("/api/jobs", JOB).status == 401
        assert served.get("/?token=secret", Host="evil.example").status == 421
        let_in = served.get("/?token=secret", Host="192.0.2.7:80")
        assert let_in.status == 303
        cookie = let_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert served.get("/", Cookie=cookie.split(";")[0]).status == 200


def test_it_is_bound_to_loopback() -> None:
    from clipart.studio.serve import listen

    with listen("127.0.0.1", 0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


# --- files ---


def beside_a_secret(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a run in it, and a folder beside it that nobody may read."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    secret.mkdir()
    (secret / "recipe.toml").write_text('prompt = "secret"')
    (secret / "picture.png").write_bytes(b"secret")
    (root / "run").mkdir(parents=True)
    (root / "run" / "recipe.toml").write_text('prompt = "apple"')
    return root, secret


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/api/runs/..",
        "/api/runs/..%2f..%2fetc",
        "/api/runs/.studio",
        "/api/runs/%2e%2e/picture.png",
        "/api/runs/..%2fsecret/picture.png",
        "/api/runs/run/..%2f..%2fsecret%2frecipe.toml",
        "/api/runs/run/checkpoints",
        "/api/runs/run/.lock",
        "/api/runs/run/film.mp4%2f..%2frecipe.toml",
        "/api/runs/%00/picture.png",
    ],
)
def test_nothing_outside_of_the_folder_is_sent(tmp_path: Path, shelf: Path, path: str) -> None:
    root, _ = beside_a_secret(tmp_path)
    for served in serving(root):
        found = served.get(path)
        assert found.status in (400, 404), path
        assert b"secret" not in found.body
        assert b"import" not in found.body


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_no_link_is_followed(tmp_path: Path) -> None:
    root, secret = beside_a_secret(tmp_path)
    (root / "run" / "picture.png").symlink_to(secret / "picture.png")
    (root / "linked").symlink_to(secret, target_is_directory=True)
    for served in serving(root):
        for path in ("/api/runs/linked", "/api/runs/linked/picture.png", "/api/runs/run/picture.png"):
            found = served.get(path)
            assert found.status == 400, path
            assert b'"secret"' not in found.body
        assert [each["name"] for each in served.get("/api/runs").json] in ([], ["run"])


# --- what is asked for ---


@pytest.mark.parametrize(
    "more",
    [
        {"settings": {"init": "/etc/passwd"}},
        {"settings": {"image_prompt": ["/etc/passwd::0.5"]}},
        {"settings": {"style": "/etc/passwd"}},
        {"settings": {"mask": "/etc/passwd"}},
        {"settings": {"palette": "/etc/passwd.png"}},
        {"settings": {"vqgan": "/tmp/evil.ckpt"}},
        {"settings": {"clip": "local-dir:/tmp/evil"}},
        {"settings": {"clip": ["ViT-B-32@/tmp/evil.pt"]}},
        {"settings": {"judge": "hf-hub:evil/model"}},
        {"settings": {"device": "cuda:7"}},
        {"settings": {"folder": "/tmp"}},
        {"settings": {"output": "/tmp/x.png"}},
        {"preset": "/tmp/evil.toml"},
        {"preset": "../../evil.toml"},
        {"init": "../../../etc/passwd"},
        {"init": "/etc/passwd"},
        {"init": {"path": "/etc/passwd"}},
        {"from": {"run": "../../etc", "step": 1}},
        {"from": {"run": "run", "step": "1; rm -rf /"}},
        {"size": "100000x100000"},
        {"settings": {"steps": "1e99"}},
        {"settings": []},
        {"prompt": None},
    ],
)
def test_no_path_model_file_or_command_comes_from_a_client(idle: Served, more: dict[str, Any]) -> None:
    found = idle.post("/api/jobs", JOB | more)
    assert found.status == 400, found.body
    assert found.json["error"]
    assert idle.queue.jobs == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b"{" + b" " * 300_000 + b"}"])
def test_bodies_that_are_none(idle: Served, body: bytes) -> None:
    assert idle.post("/api/jobs", body).status == 400


def test_200_queued_jobs(idle: Served) -> None:
    from clipart.studio.jobs import WAITING

    answers = [idle.post("/api/jobs", JOB).status for _ in range(200)]
    assert answers.count(201) == WAITING
    assert answers.count(400) == 200 - WAITING
    assert len(idle.queue.jobs) == WAITING


def test_the_queue_holds_its_limit_for_many_at_once(idle: Served) -> None:
    from clipart.studio.jobs import WAITING

    threads = [threading.Thread(target=idle.post, args=("/api/jobs", JOB)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(idle.queue.jobs) == WAITING


def test_a_recipe_of_others_is_data(tmp_path: Path) -> None:
    """A run folder from elsewhere whose recipe names files: it is shown, and not opened or handed on."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text(
        'prompt = "<img src=x>"\ninit = "/etc/passwd"\nstyle = ["/etc/passwd"]\nclip = ["local-dir:/tmp/evil"]\n'
    )
    for served in serving(tmp_path):
        shown = served.get("/api/runs/run").json
        assert shown["ask"]["prompt"] == "<img src=x>"
        assert not {"init", "style", "clip", "judge", "vqgan"} & set(shown["ask"]["settings"])


# --- uploads ---


def test_an_upload_has_no_name_of_its_sender(served: Served) -> None:
    sent = served.post(
        "/api/uploads?name=../../x", png(32), X_Filename="../../x", Content_Disposition='filename="../../x"'
    )
    assert sent.status == 201
    names = [path.relative_to(served.root).as_posix() for path in served.root.rglob("*") if path.is_file()]
    assert names == [f".studio/{sent.json['id']}.png"]
    assert not list(served.root.parent.glob("x*"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (bomb(40_000), "too many pixels"),
        (b"\0" * (21 * 2**20), "which is the most"),
        (b"%!PS\n(evil) run", "PostScript"),
        (b"<svg onload='alert(1)'/>", "SVG"),
        (b"", "picture"),
        (png(64)[:-40], "picture"),
    ],
    ids=["bomb", "bytes", "postscript", "svg", "nothing", "cut"],
)
def test_uploads_that_are_refused(served: Served, data: bytes, says: str) -> None:
    found = served.post("/api/uploads", data)
    assert found.status == 400
    assert says in found.json["error"]
    assert "/tmp" not in found.json["error"]
    assert not list(served.root.rglob("*.png"))


def test_an_animation_of_too_many_frames(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipart.limits.PICTURE_FRAMES", 3)
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (k, 0, 0)) for k in range(0, 250, 50)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert "more than 3 pictures" in served.post("/api/uploads", buffer.getvalue()).json["error"]


# --- read-only ---


def test_a_gallery_only_shows(shelf: Path) -> None:
    before = sorted(path.name for path in shelf.rglob("*"))
    for served in serving(shelf, read_only=True):
        assert served.get("/api/about").json["makes"] is False
        assert len(served.get("/api/runs").json) == 2
        name = served.get("/api/runs?q=tree").json[0]["name"]
        assert served.get(f"/api/runs/{name}/picture.png").body.startswith(b"\x89PNG")
        assert served.get(f"/api/runs/{name}/film.gif").body.startswith(b"GIF89a")
        for path, body in (("/api/jobs", JOB), ("/api/uploads", png(8)), (f"/api/runs/{name}/resume", {})):
            assert served.send("POST", path, body, **OURS).status == 400, path
    assert sorted(path.name for path in shelf.rglob("*")) == before
