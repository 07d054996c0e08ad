"""SIGKILL at random moments: the last checkpoint loads, the film plays, the picture is the same in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_runs_go_on_to_the_same_picture(random_clip: str, tmp_path: Path) -> None:
    """A handful; `python bench/kill_points.py` does thirty."""
    from test_vqgan import write

    command = [sys.executable, "bench/kill_points.py", "--kills", "8", "--steps", "6", "--clip", random_clip]
    done = subprocess.run(
        [*command, "--vqgan", write(tmp_path, "f2")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("8 kills, 0 bad\n")
