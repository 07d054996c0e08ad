"""The queue of runs, and the one process that makes them: started when needed, and anew after a crash."""

from __future__ import annotations

import json
import multiprocessing
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from clipart.errors import ClipartError, UsageError
from clipart.studio import asked
from clipart.studio.worker import work

WAITING = 20  # runs in the queue, at most
KEPT = 100  # runs that are over, of which the page still knows
FRAMES = 120  # pictures of a run for its timeline; every second goes when there are more
CURVE = 400  # points of a run's score
LIVES = 3  # times that a run is taken up again after a crash
PATIENCE = 15.0  # seconds in which a run that is to stop has to stop
OVER = ("done", "stopped", "failed")


@dataclass
class Job:
    """A run as the page sees it. `recipe` is as plain values, None where a run of the folder is taken up."""

    id: str
    prompt: str
    recipe: dict[str, Any] | None
    command: str = ""
    branch: dict[str, Any] | None = None
    state: str = "queued"
    name: str = ""  # of its folder
    step: int = 0
    steps: int = 0
    first: int | None = None
    seconds: float = 0.0
    began: float = 0.0
    note: str = ""
    unknown: list[str] = field(default_factory=list)
    crashes: int = 0
    readings: list[dict[str, Any]] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    picture: bytes = b""
    shown: int = 0  # how many pictures have been shown

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values, without the pictures."""
        names = "id prompt state name step steps seconds note unknown readings curve shown command branch"
        plain = {name: getattr(self, name) for name in names.split()}
        return plain | {"left": self.left, "moments": [step for step, _ in self.frames]}

    @property
    def left(self) -> float | None:
        """Seconds until the last step, by the pace so far; None where that cannot be told yet."""
        done = self.step - (self.first or 0)
        if self.state != "running" or done < 3:
            return None
        return (time.monotonic() - self.began) / done * (self.steps - self.step)

    def take(self, message: dict[str, Any], picture: bytes | None) -> None:
        """Take in what the worker tells of a step."""
        self.step, self.steps, self.seconds = message["step"], message["steps"], message["seconds"]
        if self.first is None:
            self.first, self.began = self.step, time.monotonic()
        self.readings = message["readings"]
        wanted = [each["match"] for each in self.readings if each["weight"] > 0]
        if wanted and (not self.curve or self.curve[-1][0] < message["checked"]):
            self.curve.append((message["checked"], round(min(wanted), 4)))
            if len(self.curve) > CURVE:
                del self.curve[1:-1:2]
        if picture is not None:
            self.picture, self.shown = picture, self.shown + 1
            self.frames.append((self.step, picture))
            if len(self.frames) > FRAMES:
                del self.frames[1:-1:2]


class Queue:
    """The runs that wait, go on and are over, and the process that makes them. Its methods may be called by
    any thread; `changed` counts up whenever there is something new to see.

    Args:
        root: the folder in which the folders of runs are made.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.changed = root, 0
        self.jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self._current: Job | None = None
        self._pipe: Connection | None = None
        self._process: BaseProcess | None = None
        self._closed = False

    # --- what a page may ask for ---

    def add(self, job: Job) -> Job:
        """Put a run at the end of the queue.

        Raises:
            UsageError: `WAITING` runs wait already, or this run's folder is in the queue.
        """
        with self._lock:
            waiting = [each for each in self.jobs.values() if each.state == "queued"]
            if len(waiting) >= WAITING:
                raise UsageError(f"{WAITING} runs wait already. Wait until one has ended, or stop one.")
            if job.name and any(e.name == job.name and e.state not in OVER for e in self.jobs.values()):
                raise UsageError("This run goes on already.")
            self.jobs[job.id] = job
            self._forget()
            self._next()
            self.changed += 1
            return job

    def order(self, job: Job, what: str) -> None:
        """Pause a run, let it go on, or stop it; one that waits leaves the queue."""
        with self._lock:
            if job.state == "queued" and what == "stop":
                job.state = "stopped"
            elif job is self._current:
                self._send(do=what, id=job.id)
                if what == "stop":
                    job.state = "saving"
                    timer = threading.Timer(PATIENCE, self._end, (job, self._process))
                    timer.daemon = True
                    timer.start()
                elif job.state in ("running", "paused"):
                    job.state = "paused" if what == "pause" else "running"
                    job.first = None  # the pace is measured anew
            self.changed += 1

    def weigh(self, job: Job, weights: list[float]) -> None:
        """Give the parts of a run that goes on other weights from here on.

        Raises:
            UsageError: it does not go on.
        """
        with self._lock:
            if job is not self._current or job.state not in ("starting", "running", "paused"):
                raise UsageError("This run does not go on. Branch from one of its steps instead.")
            self._send(do="weigh", id=job.id, weights=weights)
            job.first = None  # the pace is measured anew
            self.changed += 1

    def close(self, seconds: float = PATIENCE) -> None:
        """Let the run that goes on save what there is, and end the process."""
        with self._lock:
            self._closed = True
            self._send(do="quit")
            process = self._process
        if process is not None:
            process.join(seconds)
            if process.is_alive():
                process.kill()
                process.join()

    @property
    def worker(self) -> int | None:
        """The number of the process that makes the pictures, if there is one."""
        return self._process.pid if self._process is not None else None

    # --- the process ---

    def _forget(self) -> None:
        over = [each.id for each in self.jobs.values() if each.state in OVER]
        for name in over[: max(0, len(over) - KEPT)]:
            del self.jobs[name]

    def _next(self) -> None:
        if self._current is not None or self._closed:
            return
        job = next((each for each in self.jobs.values() if each.state == "queued"), None)
        if job is None:
            return
        self._current, job.state, job.first = job, "starting", None
        if self._process is None:
            self._start()
        order = {"id": job.id, "root": str(self.root), "branch": job.branch}
        if job.recipe is None or (job.name and (self.root / job.name / "checkpoints").is_dir()):
            self._send(do="resume", name=job.name, **order)
        else:
            self._send(do="run", recipe=job.recipe, **order)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs,), daemon=True, name="clipart-studio")
        process.start()
        theirs.close()
        self._pipe, self._process = ours, process
        threading.Thread(target=self._listen, args=(ours, process), daemon=True).start()

    def _send(self, **order: Any) -> None:
        if self._pipe is not None:
            try:
                self._pipe.send_bytes(json.dumps(order).encode())
            except OSError:
                return  # it has ended, which `_listen` sees

    def _end(self, job: Job, process: BaseProcess | None) -> None:
        """End the process if it has not stopped `job` in time."""
        with self._lock:
            if job is self._current and job.state == "saving" and process is not None:
                process.kill()

    def _listen(self, pipe: Connection, process: BaseProcess) -> None:
        try:
            while True:
                message = json.loads(pipe.recv_bytes())
                picture = pipe.recv_bytes() if message["picture"] else None
                with self._lock:
                    self._hear(message, picture)
                    self.changed += 1
        except (EOFError, OSError):
            process.join()
            pipe.close()
            with self._lock:
                self._crashed()
                self.changed += 1

    def _hear(self, message: dict[str, Any], picture: bytes | None) -> None:
        job = self._current
        if job is None or message["id"] != job.id:
            return
        hear: dict[str, Callable[[], None]] = {
            "start": lambda: None,
            "trying": lambda: setattr(job, "note", f"start {message['start']} of {message['starts']}"),
            "unknown": lambda: setattr(job, "unknown", message["words"]),
            "folder": lambda: setattr(job, "name", message["name"]),
            "step": lambda: self._step(job, message, picture),
            "steered": lambda: self._steered(job, message["steer"]),
            "done": lambda: self._done(job, message),
            "failed": lambda: self._over(job, "failed", message.get("message", "")),
        }
        hear[message["event"]]()

    def _step(self, job: Job, message: dict[str, Any], picture: bytes | None) -> None:
        if job.state == "starting":
            job.state, job.note = "running", ""
        job.take(message, picture)

    def _steered(self, job: Job, steer: list[str]) -> None:
        """Have the command that is shown say when the weights changed."""
        if job.command:
            job.command = asked.steered(job.command, steer)

    def _done(self, job: Job, message: dict[str, Any]) -> None:
        job.name, job.step, job.seconds = message["name"], message["step"], message["seconds"]
        note = "The numbers became infinite. Try a lower lr." if message["stop"] == "diverged" else ""
        self._over(job, "stopped" if message["stop"] == "interrupted" else "done", note)

    def _over(self, job: Job, state: str, note: str = "") -> None:
        job.state, job.note = state, note
        self._current = None
        self._next()

    def _crashed(self) -> None:
        """After the process has ended: take up its run from the last checkpoint, some times."""
        self._process, self._pipe = None, None
        job, self._current = self._current, None
        if job is not None:
            job.crashes += 1
            if job.state == "saving":
                job.state, job.note = (
                    "stopped",
                    "It was ended at once, and can go on from its last checkpoint.",
                )
            elif job.crashes > LIVES:
                job.state, job.note = "failed", f"The process that makes the picture ended {LIVES} times."
            else:
                job.state, job.note = "queued", "Its process ended; going on from the last checkpoint."
        self._next()


def new_id() -> str:
    """Draw the id of a job."""
    return secrets.token_hex(8)


def find(queue: Queue, name: str) -> Job:
    """Return the job with the id `name`.

    Raises:
        ClipartError: there is none.
    """
    if (job := queue.jobs.get(name)) is None:
        raise ClipartError("No such run in the queue.")
    return job
