"""The one process in which the studio's runs happen; it is told what to do, and tells how it goes, by a pipe.

Messages are JSON. One with "picture" is followed by a second message, the bytes of a JPEG. Nothing is
pickled. A picture is sent at most `RATE` times a second, and not while sending has taken more than `SHARE` of
the time: pictures are dropped, and never wait in a queue.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.errors import ClipartError
from clipart.orders import Orders

if TYPE_CHECKING:
    from clipart.iterates import Iterate
    from clipart.runs import Result

RATE = 10.0  # pictures a second, at most
SHARE = 0.05  # of the time that goes into them, at most
GRACE = 0.2  # seconds that they may take before their share is looked at
QUALITY = 88
SIDE = 512  # pixels of the longer side of a live picture, at most
PAUSE = 0.1  # seconds between two looks for an order while a run is paused
EVERY = 25  # steps between two checkpoints, where the time allows


class Line(Orders):
    """The worker's end of the pipe, of which one run at a time is paused, stopped, weighed and told of.

    `weights` are those that the parts of the run are to have from here on, None where they stay.
    """

    def __init__(self, pipe: Connection) -> None:
        super().__init__(pipe)
        self.job = ""
        self.paused = self.steps = False  # `steps`: the start is chosen
        self.weights: list[float] | None = None

    def tell(self, picture: bytes | None = None, **message: Any) -> None:
        """Send a message about the run that goes on, and a picture with it."""
        about = message | {"id": self.job, "picture": picture is not None}
        self.send(about, *([picture] if picture is not None else []))

    def take(self, order: dict[str, Any]) -> None:
        """Take in one order; to pause or stop is for the run that it names."""
        if order["do"] in ("run", "resume"):
            self.waiting.append(order)
        elif order["do"] == "quit":
            self.closed = True
        elif order.get("id") == self.job:
            if order["do"] == "weigh":
                self.weights = order["weights"]
                return
            self.stopped = self.stopped or order["do"] == "stop"
            self.paused = order["do"] == "pause"

    def begin(self, job: str) -> None:
        """Get ready for the run of the id `job`."""
        self.job, self.paused, self.stopped, self.steps, self.weights = job, False, False, False, None

    def stop_now(self) -> bool:
        """Say whether the run has to end after this step, be it only to go on with other weights."""
        return super().stop_now() or (self.steps and self.weights is not None)


class Watch:
    """A consumer that shows the run to the other end, and waits while it is paused."""

    def __init__(self, line: Line, root: Path, branch: dict[str, Any] | None) -> None:
        self._line, self._root, self._branch = line, root, branch
        self._began = self._last = time.monotonic()
        self._spent, self._shown, self._checked = 0.0, -1, -1

    def __call__(self, it: Iterate) -> None:
        """Tell the step, with a picture if one is due; then wait if that was asked for."""
        if self._shown < 0:
            self._tell_where()
        now = time.monotonic()
        due = now - self._last >= 1 / RATE and self._spent <= GRACE + SHARE * (now - self._began)
        if self._shown < 0 or due or it.stop or it.check.step != self._checked:
            self._tell(it, now, due or it.stop is not None or self._shown < 0)
        self._line.steps = True
        self._line.look()
        while self._line.paused and not self._line.stopped and not self._line.closed and not it.stop:
            if self._line.weights is not None:
                return  # the run ends here, and goes on with them, still paused
            if self._shown != it.step:
                self._tell(it, time.monotonic(), True)
            self._line.look(PAUSE)

    def _tell(self, it: Iterate, now: float, shows: bool) -> None:
        self._checked = it.check.step
        readings = [{"text": r.text, "weight": r.weight, "match": r.match} for r in it.check.readings]
        about = {"step": it.step, "steps": it.steps, "seconds": it.seconds, "checked": it.check.step}
        self._line.tell(_jpeg(it) if shows else None, event="step", readings=readings, **about)
        if shows:
            self._last = time.monotonic()
            self._spent, self._shown = self._spent + self._last - now, it.step

    def _tell_where(self) -> None:
        """Tell in which folder the run is: that whose lock this process holds."""
        for lock in self._root.glob("*/.lock"):
            try:
                holder = json.loads(lock.read_bytes()[:4096])
            except (OSError, ValueError):
                continue
            if isinstance(holder, dict) and holder.get("pid") == os.getpid():
                if self._branch is not None:
                    from clipart.files import write_whole

                    write_whole(lock.parent / "branch.json", json.dumps(self._branch))
                self._line.tell(event="folder", name=lock.parent.name)
                return


def _jpeg(it: Iterate) -> bytes:
    from clipart.pictures import to_pil

    picture, buffer = to_pil(it.image), io.BytesIO()
    picture.thumbnail((SIDE, SIDE))
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def work(pipe: Connection) -> None:
    """Carry out the orders that come by `pipe`, one run after another, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then says so by the pipe
    line = Line(pipe)
    while not line.closed:
        line.look(None)
        while line.waiting and not line.closed:
            order = line.waiting.pop(0)
            line.begin(order["id"])
            line.look()
            _do(line, order)


def _do(line: Line, order: dict[str, Any]) -> None:
    line.tell(event="start")
    try:
        result = _run(line, order)
    except ClipartError as error:
        notes = [str(error), *getattr(error, "__notes__", [])]
        line.tell(event="failed", message="\n".join(notes))
    except MemoryError:
        line.tell(event="failed", message="Not enough memory. Try a smaller size.")
    else:
        line.tell(
            event="done",
            stop=result.stop,
            step=result.steps,
            seconds=result.seconds,
            name=result.paths["recipe"].parent.name,
        )


def _run(line: Line, order: dict[str, Any]) -> Result:
    from clipart.critic.vocabulary import unknown_to_all
    from clipart.recipe import make_recipe
    from clipart.runs import Outputs, resume, run

    root = Path(order["root"])
    watch = Watch(line, root, order.get("branch"))
    if order["do"] == "resume":
        return _weighed(line, watch, resume(root / order["name"], consumers=[watch], stop_now=line.stop_now))
    recipe = make_recipe(order["recipe"])
    text = " ".join(part.text for part in recipe.parts.parts if not part.picture)
    words = unknown_to_all([spec.name for spec in recipe.clip], text)
    line.tell(event="unknown", words=words)
    outputs = Outputs(folder=root, checkpoint_every=EVERY, checkpoint_gap=2.0)

    def trying(start: int, starts: int) -> None:
        line.tell(event="trying", start=start, starts=starts)

    return _weighed(line, watch, run(recipe, outputs, [watch], line.stop_now, trying))


def _weighed(line: Line, watch: Watch, result: Result) -> Result:
    """Go on with the weights that a run was stopped for, as often as that happens."""
    from clipart.runs import resume

    while (weights := line.weights) is not None:
        line.weights = None
        if result.stop != "interrupted" or line.stopped or line.closed:
            break
        folder = result.paths["recipe"].parent
        result = resume(folder, consumers=[watch], stop_now=line.stop_now, weights=weights)
        line.tell(event="steered", steer=list(result.recipe.steer))
    return result
