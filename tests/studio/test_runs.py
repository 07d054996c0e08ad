"""Runs in the studio's process: watched, paused, stopped, branched, killed, and taken up again."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipart.cli import main

from .conftest import Served

LONG = {
    "prompt": "apple",
    "size": "32",
    "seed": 3,
    "settings": {"steps": "4000", "starts": "1", "views": "2", "check_every": "10"},
}
SHORT = LONG | {"settings": LONG["settings"] | {"steps": "12"}}


def begin(served: Served, asked: dict[str, Any]) -> str:
    found = served.post("/api/jobs", asked)
    assert found.status == 201, found.body
    return str(found.json["id"])


def until(what: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_from_the_page_to_the_folder(served: Served) -> None:
    job = served.wait(begin(served, SHORT | {"prompt": "apple zorblax"}), "done", "failed")
    assert job.state == "done", job.note
    assert job.unknown == ["zorblax"]
    assert (job.step, job.steps) == (12, 12)
    assert job.readings[0]["text"] == "apple zorblax"
    assert job.frames[0][0] == 0
    assert job.frames[-1][0] == 12
    picture = served.get(f"/api/jobs/{job.id}/picture")
    assert Image.open(io.BytesIO(picture.body)).size == (32, 32)
    assert {"picture.png", "video.mp4", "recipe.toml", "log.jsonl"} <= {
        path.name for path in (served.root / job.name).iterdir()
    }
    shown = served.get(f"/api/runs/{job.name}").json
    assert shown["ask"]["prompt"] == "apple zorblax"
    assert shown["ask"]["seed"] == 3
    assert not shown["resumable"]  # it came to its own end
    film = served.get(f"/api/runs/{job.name}/film.gif?download")
    assert film.body.startswith(b"GIF89a")
    assert film.headers["content-disposition"].startswith('attachment; filename="')
    assert served.get("/api/sheet").body.startswith(b"\x89PNG")
    assert served.get(f"/api/runs/{job.name}/moments").json[-1] == 12


def test_the_command_that_is_shown_makes_the_same_picture(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    job = served.wait(begin(served, SHORT), "done", "failed")
    words = shlex.split(job.command)
    assert words[0] == "clipart"
    output = served.root / "again.png"
    head, tail = words[1 : words.index("--")], words[words.index("--") :]
    assert main([*head, "--output", str(output), *tail]) == 0
    first, second = Image.open(served.root / job.name / "picture.png"), Image.open(output)
    assert first.tobytes() == second.tobytes()


def test_pause_go_and_stop(served: Served) -> None:
    name = begin(served, LONG)
    job = served.wait(name, "running")
    served.post(f"/api/jobs/{name}/pause", {})
    served.wait(name, "paused")
    time.sleep(0.3)
    step = job.step
    time.sleep(0.5)
    assert job.step == step
    served.post(f"/api/jobs/{name}/go", {})
    until(lambda: job.step > step)
    served.post(f"/api/jobs/{name}/stop", {})
    served.wait(name, "stopped")
    assert (served.root / job.name / "picture.png").is_file()
    assert served.get(f"/api/runs/{job.name}").json["resumable"]


def test_weights_change_while_it_runs(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    long = LONG | {"prompt": "sun:: cat::", "settings": LONG["settings"] | {"steps": "400", "views": "4"}}
    name = begin(served, long)
    job = served.wait(name, "running")
    for weights, says in (
        ([1], "the prompt has 2 parts"),
        ([1, -1], "keeps its sign"),
        ([1, "a"], "a list of numbers"),
        (None, "a list of numbers"),
    ):
        refused = served.post(f"/api/jobs/{name}/weights", {"weights": weights})
        assert refused.status == 400
        assert says in refused.body.decode()
    served.post(f"/api/jobs/{name}/weights", {"weights": [0.5, 3]})
    until(lambda: [each["weight"] for each in job.readings] == [0.5, 3])
    served.post(f"/api/jobs/{name}/pause", {})
    served.wait(name, "paused")
    served.post(f"/api/jobs/{name}/weights", {"weights": [2, 3]})
    until(lambda: [each["weight"] for each in job.readings] == [2, 3])
    assert job.state == "paused"
    served.post(f"/api/jobs/{name}/go", {})
    served.wait(name, "done")
    assert job.step == 400
    words = shlex.split(job.command)
    assert [each.split("=")[1] for k, each in enumerate(words) if words[k - 1] == "--steer"] == [
        "0.5,3",
        "2,3",
    ]
    refused = served.post(f"/api/jobs/{name}/weights", {"weights": [1, 1]})
    assert "Branch from one of its steps" in refused.body.decode()
    output, at = served.root / "again.png", words.index("--")
    assert main([*words[1:at], "--output", str(output), *words[at:]]) == 0
    first, second = Image.open(served.root / job.name / "picture.png"), Image.open(output)
    assert first.tobytes() == second.tobytes()


def test_a_run_that_waits_leaves_the_queue(served: Served) -> None:
    first, second = begin(served, LONG), begin(served, LONG)
    served.post(f"/api/jobs/{second}/stop", {})
    served.post(f"/api/jobs/{first}/stop", {})
    served.wait(first, "stopped")
    assert served.queue.jobs[second].state == "stopped"
    assert served.queue.jobs[second].name == ""


def test_a_killed_process_costs_what_came_after_its_checkpoint(served: Served) -> None:
    name = begin(served, LONG | {"settings": LONG["settings"] | {"steps": "600"}})
    job = served.wait(name, "running")
    until(lambda: job.name and list((served.root / job.name).glob("checkpoints/step-*.safetensors")))
    folder, process = job.name, served.queue.worker
    os.kill(process, signal.SIGKILL)
    until(lambda: served.queue.worker not in (None, process))
    served.wait(name, "running", "done")
    assert job.crashes == 1
    assert job.first is None or job.first > 0 or job.state == "done"
    served.wait(name, "done", "failed", seconds=240)
    assert job.state == "done", job.note
    assert job.name == folder
    assert len([each for each in served.root.iterdir() if not each.name.startswith(".")]) == 1
    steps = [
        json.loads(line)["step"] for line in (served.root / folder / "log.jsonl").read_text().splitlines()
    ]
    assert steps == list(range(601))


def test_a_process_that_always_ends_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipart.studio.jobs.work", ends_at_once)
    job = served.wait(begin(served, SHORT), "failed")
    assert "ended" in job.note


def ends_at_once(pipe: object) -> None:
    os._exit(1)


def test_a_branch_begins_at_a_moment_and_says_so(served: Served) -> None:
    first = served.wait(begin(served, SHORT), "done")
    asked = SHORT | {"prompt": "sun", "from": {"run": first.name, "step": 6}}
    job = served.wait(begin(served, asked), "done", "failed")
    assert job.state == "done", job.note
    assert job.name != first.name
    said = json.loads((served.root / job.name / "branch.json").read_text())
    assert said == {"run": first.name, "step": 6}
    assert served.get(f"/api/runs/{job.name}").json["branch"] == said
    there = Image.open(io.BytesIO(served.get(f"/api/runs/{first.name}/moments?step=6").body))
    start = Image.open(io.BytesIO(job.frames[0][1]))
    differences = [abs(a - b) for a, b in zip(there.tobytes(), start.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 6  # of 255; both are JPEG


def test_a_run_of_the_command_line_is_taken_up(served: Served) -> None:
    import clipart

    made = clipart.generate(
        "apple",
        seed=1,
        size=32,
        steps=300,
        starts=1,
        views=2,
        seconds=0.01,
        outputs=clipart.Outputs(folder=served.root),
    )
    name = made.paths["recipe"].parent.name
    found = served.post(f"/api/runs/{name}/resume", {})
    assert found.status == 201
    job = served.wait(found.json["id"], "done", "failed")
    assert job.state == "done", job.note
    assert job.name == name


def test_a_picture_with_a_recipe_is_read(served: Served, shelf: Any) -> None:
    name = next(path for path in shelf.iterdir() if "tree" in path.name)
    found = served.post("/api/uploads", (name / "picture.png").read_bytes()).json
    assert found["recipe"]["prompt"] == "green tree"
    assert found["recipe"]["size"] == "32x32"
    job = served.wait(begin(served, SHORT | {"init": found["id"]}), "done", "failed")
    assert job.state == "done", job.note
    assert f"--init {served.root / '.studio' / found['id']}.png" in job.command


def test_a_picture_is_a_part_of_the_prompt_or_a_style(served: Served, shelf: Any) -> None:
    name = next(path for path in shelf.iterdir() if "tree" in path.name)
    upload = served.post("/api/uploads", (name / "picture.png").read_bytes()).json["id"]
    for use in ("image_prompt", "style"):
        job = served.wait(begin(served, SHORT | {use: upload}), "done", "failed")
        assert job.state == "done", job.note
        assert f"--{use.replace('_', '-')} {served.root / '.studio' / upload}.png" in job.command


def test_more_like_a_run(served: Served) -> None:
    first = served.wait(begin(served, SHORT | {"prompt": "a cat::2 snow"}), "done")
    job = served.wait(
        begin(served, SHORT | {"prompt": "a cat::2 snow", "like": first.name}), "done", "failed"
    )
    assert job.state == "done", job.note
    assert re.search(r"--image-prompt \S+/\.studio/[0-9a-f]{24}\.png::3 ", job.command)
    assert served.post("/api/jobs", SHORT | {"like": "../up"}).status == 400


def test_a_dropped_picture_is_described(served: Served, tmp_path: Any) -> None:
    from tests.drawings import draw_all

    upload = served.post("/api/uploads", draw_all(tmp_path)["sun"].read_bytes()).json["id"]
    words = served.post(f"/api/uploads/{upload}/words", {}).json
    assert words[0]["text"] == "sun"
    assert served.post(f"/api/uploads/{'0' * 24}/words", {}).status == 400


def test_twenty_pages_watch_one_run(served: Served) -> None:
    import http.client

    lines = []
    name = begin(served, LONG)
    for _ in range(20):
        line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        line.request("GET", "/api/jobs")
        lines.append((line, line.getresponse()))
    served.wait(name, "running")
    for line, answer in lines:
        jobs = json.loads(answer.readline().removeprefix(b"data: "))
        assert jobs[-1]["id"] == name
        answer.close()
        line.close()
    served.post(f"/api/jobs/{name}/stop", {})
    served.wait(name, "stopped")


def test_at_most_ten_pictures_a_second(served: Served) -> None:
    name = begin(served, LONG)
    job = served.wait(name, "running")
    shown, began = job.shown, time.monotonic()
    time.sleep(2)
    assert job.shown - shown <= 10 * (time.monotonic() - began) + 2
    served.post(f"/api/jobs/{name}/stop", {})
    served.wait(name, "stopped")


def test_ctrl_c_in_the_terminal_saves_the_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clipart", "studio", "--no-browser", "--json", "--folder", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        served = Served(int(address.rstrip("/").rpartition(":")[2]), tmp_path, None)
        try:
            assert served.post("/api/jobs", LONG).status == 201
            until(lambda: any(b'"step":9' in path.read_bytes() for path in tmp_path.glob("*/log.jsonl")))
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    (run,) = tmp_path.glob("*/recipe.toml")
    assert (run.parent / "picture.png").is_file()
    assert list(run.parent.glob("checkpoints/step-*.safetensors"))


def test_torch_stays_out_of_the_server() -> None:
    code = "import sys, clipart.studio.app, clipart.studio.serve; assert not {'torch', 'open_clip'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
