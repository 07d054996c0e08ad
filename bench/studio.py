"""What the studio costs: the live picture's share of a run's time, and the seconds until its first page.

    python bench/studio.py [--size 256] [--steps 100]

The share is the time that the run spends on telling steps and pictures, as a part of the time of its steps, with a reader at
the other end of the pipe. The first page is measured from the start of `clipart studio` to the last of the page, its style, its
script and its settings. Exit code 1 if the share is above 10 % or the page takes more than 3 s.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machine import machine

import clipart
from clipart.studio.worker import Line, Watch

PORT = 7995


def share(size: int, steps: int) -> float:
    """Return the part of the time of the steps that a watched run spends on being watched."""
    ours, theirs = multiprocessing.Pipe()
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Line(theirs), Path(folder), None)

        def timed(it: clipart.Iterate) -> None:
            nonlocal spent
            began = time.perf_counter()
            watch(it)
            spent += time.perf_counter() - began

        outputs = clipart.Outputs(folder=folder)
        done = clipart.generate(
            "apple", size=size, steps=steps, starts=1, seed=1, outputs=outputs, consumers=[timed]
        )
    return spent / done.timings["steps"]


def drain(pipe: Any) -> None:
    with suppress(EOFError, OSError):
        while True:
            pipe.recv_bytes()


def first_page() -> float:
    """Return the seconds from the start of the program to the whole of the first page."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "clipart",
            "studio",
            "--no-browser",
            "--port",
            str(PORT),
            "--folder",
            folder,
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            for path in ("/", "/static/studio.css", "/static/studio.js", "/api/about"):
                while not fetched(path):
                    time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            server.terminate()
            server.wait()


def fetched(path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}") as answer:
            return bool(answer.read())
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    page = min(first_page() for _ in range(3))
    cost = share(given.size, given.steps)
    print(machine())
    print(f"first page: {page:.2f} s, the least of three")
    print(f"live picture: {cost:.1%} of the time of {given.steps} steps at {given.size} px")
    sys.exit(cost > 0.1 or page > 3)


if __name__ == "__main__":
    main()
