"""Trajectory and video: opened again, counted, looked at, and killed on the way."""

from __future__ import annotations

import resource
import signal
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from clipart.errors import ClipartError, ResourceError, UsageError
from clipart.iterates import Check, Iterate
from clipart.record import encoders
from clipart.record import recorder as recording
from clipart.record.recorder import Recorder
from clipart.record.render import Film, pace, render
from clipart.record.trajectory import Trajectory
from clipart.record.video import film_size, read_frames, read_steps, require_encoder

ROOT = Path(__file__).parents[1]
RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.2, 0.9)


def plain(colour: tuple[float, float, float], width: int = 32, height: int = 32) -> Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, height, width).contiguous()


def fade(steps: int, width: int = 32, height: int = 32) -> list[Tensor]:
    """From red to blue."""
    red, blue = plain(RED, width, height), plain(BLUE, width, height)
    return [torch.lerp(red, blue, k / (steps - 1)) for k in range(steps)]


def record(path: Path, images: list[Tensor], size: tuple[int, int] = (32, 32)) -> Recorder:
    with Recorder(path, *size, share=1.0) as recorder:
        for step, image in enumerate(images):
            recorder.add(image, step, last=step == len(images) - 1)
    return recorder


def render_video(trajectory: Path, path: Path, last: Tensor | None = None, **film: float) -> int:
    return render(Trajectory([trajectory]), path, Film(**film), last)  # type: ignore[arg-type]


def colours(frame: av.VideoFrame) -> Tensor:
    """The mean colour of a frame as a player shows it, that is, by the frame's own tags."""
    return torch.from_numpy(frame.to_ndarray(format="rgb24").astype(np.float32)).mean((0, 1)) / 255


def in_process(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` with a `recorder` to `path` and images of `Noise`; it need not wait for torch to load."""
    start = (
        "import os, resource, signal, sys; from pathlib import Path; import numpy as np\n"
        "from clipart.errors import ClipartError; from clipart.record.recorder import Recorder\n"
        "class Noise:\n"
        "    detach = cpu = lambda self: self\n"
        "    numpy = lambda self, random=np.random.default_rng(0): random.random((3, 64, 64), np.float32)\n"
        "recorder = Recorder(Path(sys.argv[1]), 64, 64, share=1.0)\n"
    )
    command = [sys.executable, "-c", start + code, str(path)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def boxes(data: bytes, *path: bytes) -> tuple[list[bytes], bytes]:
    """The kinds of boxes of an MP4 and the content of the one at `path`: a reader that is not FFmpeg's."""
    kinds, found, at = [], b"", 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        assert 8 <= size <= len(data) - at
        kinds.append(kind)
        if path and kind == path[0]:
            found = data[at + 8 : at + size]
        at += size
    return boxes(found, *path[1:]) if len(path) > 1 else (kinds, found)


def test_the_encoders_are_here() -> None:
    require_encoder()


def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_codec(*_: object) -> None:
        raise ValueError("libx264")

    monkeypatch.setattr(av.codec, "Codec", no_codec)
    with pytest.raises(ClipartError, match=r"libx264.*pip install.*--video none"):
        require_encoder()
    monkeypatch.setitem(sys.modules, "imageio.plugins.pyav", None)
    with pytest.raises(ClipartError, match=r"Videos need PyAV.*pip install av imageio"):
        require_encoder()


def test_a_trajectory_has_its_steps_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    images = fade(20)
    recorder = record(path, images)
    assert recorder.frames == 20
    assert list(tmp_path.iterdir()) == [path]
    assert read_steps(path) == list(range(20))
    frames = list(read_frames(path))
    assert len(frames) == 20
    for frame, image in zip(frames, images, strict=True):
        assert (frame.format.name, frame.width, frame.height) == ("yuv444p", 32, 32)
        assert torch.allclose(colours(frame), image[:, 0, 0], atol=0.02)


def test_it_consumes_iterates(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    with Recorder(path, 16, 16, share=0.0) as recorder:
        recorder.seconds = 100.0  # recording has cost too much already: only the end gets in
        for step in range(5):
            stop = "steps" if step == 4 else None
            recorder(Iterate(step, 4, plain(RED, 16, 16), {}, Check(0, ()), 0.1, "", 0.0, stop))
    assert read_steps(path) == [4]


def test_early_steps_are_recorded_densely(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    record(path, [plain(RED, 16, 16)] * 500, (16, 16))
    steps = np.array(read_steps(path))
    gaps = np.diff(steps)
    assert (steps[0], steps[-1]) == (0, 499)
    assert set(gaps[steps[:-1] < 240]) == {1}
    assert set(gaps[(steps[:-1] > 260) & (steps[:-1] < 370)]) == {2}
    assert 340 <= len(steps) <= 370


def test_recording_keeps_to_its_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0, 10_000, 0.04))  # each look at the clock is 40 ms later: a frame takes 40 ms
    monkeypatch.setattr(recording.time, "perf_counter", lambda: float(next(clock)))
    with Recorder(tmp_path / "trajectory.mkv", 16, 16, share=0.25) as recorder:
        for step in range(1000):
            recorder.add(plain(RED, 16, 16), step)
        elapsed = float(next(clock))
    assert 0.8 * 0.25 * elapsed < recorder.seconds < 0.25 * elapsed + 2 * recording.GRACE


def test_a_step_that_comes_again_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    with Recorder(path, 16, 16, share=1.0) as recorder:
        for step in (0, 1, 2, 1, 2, 3):
            recorder.add(plain(RED, 16, 16), step)
        recorder.add(plain(RED, 16, 16), 3, last=True)
    assert read_steps(path) == [0, 1, 2, 3]


def test_no_frame_no_file(tmp_path: Path) -> None:
    with Recorder(tmp_path / "trajectory.mkv", 16, 16):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_trajectory_so_far(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"

    def fail() -> None:
        with Recorder(path, 16, 16, share=1.0) as recorder:
            recorder.add(plain(RED, 16, 16), 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert read_steps(path) == [0]


def test_a_killed_run_leaves_its_frames(tmp_path: Path) -> None:
    code = "for k in range(100): recorder.add(Noise(), k)\nos.kill(os.getpid(), signal.SIGKILL)"
    path = tmp_path / "trajectory.mkv"
    done = in_process(code, path)
    assert done.returncode == -signal.SIGKILL
    part = tmp_path / "trajectory.part.mkv"
    assert list(tmp_path.iterdir()) == [part]
    steps = read_steps(part)
    assert steps == list(range(len(steps)))
    assert len(steps) >= 98
    assert sum(1 for _ in read_frames(part)) == len(steps)
    assert render_video(part, tmp_path / "video.mp4", seconds=1) == 30


@pytest.mark.parametrize("kept", [0.3, 0.71, 0.999])
def test_a_trajectory_cut_anywhere_can_be_rendered(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "trajectory.mkv"
    noise = torch.Generator().manual_seed(0)
    record(path, [torch.rand(3, 32, 32, generator=noise) for _ in range(30)])
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert 30 * kept - 3 <= len(read_steps(path)) <= 30
    assert render_video(path, tmp_path / "video.mp4", seconds=1) == 30
    with av.open(str(tmp_path / "video.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_a_damaged_trajectory_still_makes_a_whole_video(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    noise = torch.Generator().manual_seed(0)
    record(path, [torch.rand(3, 32, 32, generator=noise) for _ in range(30)])
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, 2 * len(data) // 3, 7):
        data[at] = 0
    path.write_bytes(data)
    assert render_video(path, tmp_path / "video.mp4", seconds=1) == 30
    with av.open(str(tmp_path / "video.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_images_are_resized_to_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.mkv"
    sizes = [(8, 8), (24, 20), (48, 40), (96, 80)]
    record(path, [plain(RED, *size) for size in sizes], (48, 40))
    frames = list(read_frames(path))
    assert {(frame.width, frame.height) for frame in frames} == {(48, 40)}
    assert all(torch.allclose(colours(frame), torch.tensor(RED), atol=0.02) for frame in frames)


def test_a_video_is_what_was_asked_for(tmp_path: Path) -> None:
    record(tmp_path / "trajectory.mkv", fade(40))
    path = tmp_path / "video.mp4"
    last = plain((0.1, 0.8, 0.1), 64, 64)
    assert render_video(tmp_path / "trajectory.mkv", path, fps=20, seconds=3, hold=1, last=last) == 60
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 32, 32)
        assert (stream.frames, stream.average_rate) == (60, 20)
        assert Fraction(stream.duration) * stream.time_base == 3
        assert (context.colorspace, context.color_primaries, context.color_range) == (1, 1, 1)
        frames = [colours(frame) for frame in container.decode(video=0)]
    assert len(frames) == 60
    assert torch.allclose(frames[0], torch.tensor(RED), atol=0.03)
    assert torch.allclose(frames[39], torch.tensor(BLUE), atol=0.03)
    assert all(torch.allclose(frame, last[:, 0, 0], atol=0.03) for frame in frames[40:])
    blueness = torch.stack(frames[:40])[:, 2]
    assert (blueness.diff() > -0.02).all()
    assert blueness[20] < 0.45  # eased: at half of the time, a third of the way


def test_a_video_starts_fast_and_has_every_frame_by_another_reader(tmp_path: Path) -> None:
    record(tmp_path / "trajectory.mkv", fade(40, 37, 21), (37, 21))
    render_video(tmp_path / "trajectory.mkv", tmp_path / "video.mp4", fps=30, seconds=2)
    data = (tmp_path / "video.mp4").read_bytes()
    kinds, _ = boxes(data)
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    media = (b"moov", b"trak", b"mdia")
    _, header = boxes(data, *media, b"mdhd")
    scale, duration = struct.unpack(">II", header[12:20])
    assert duration == 2 * scale
    _, sizes = boxes(data, *media, b"minf", b"stbl", b"stsz")
    assert struct.unpack(">I", sizes[8:12]) == (60,)
    _, track = boxes(data, b"moov", b"trak", b"tkhd")
    assert struct.unpack(">II", track[-8:]) == (38 << 16, 22 << 16)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (63, 65)])
def test_odd_sizes_are_padded_with_the_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    record(tmp_path / "trajectory.mkv", fade(3, *size), size)
    render_video(tmp_path / "trajectory.mkv", tmp_path / "video.mp4", seconds=0.5)
    with av.open(str(tmp_path / "video.mp4")) as container:
        frame = list(container.decode(video=0))[-1]
    assert (frame.width, frame.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    rgb = torch.from_numpy(frame.to_ndarray(format="rgb24").astype(np.float32)) / 255
    assert torch.allclose(rgb, torch.tensor(BLUE).expand_as(rgb), atol=0.05)


def test_huge_and_narrow_pictures_are_filmed(tmp_path: Path) -> None:
    assert film_size(256, 256) == (256, 256)
    assert film_size(8192, 4096) == (1920, 960)
    assert film_size(8192, 16) == (1920, 16)
    record(tmp_path / "trajectory.mkv", [plain(RED, 8192, 16), plain(BLUE, 8192, 16)], (8192, 16))
    assert render_video(tmp_path / "trajectory.mkv", tmp_path / "video.mp4", seconds=0.2) == 6
    with av.open(str(tmp_path / "video.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (1920, 16)


@pytest.mark.parametrize(("steps", "seconds"), [(1, 1.0), (2, 0.1)])
def test_short_runs_make_a_whole_video(tmp_path: Path, steps: int, seconds: float) -> None:
    images = fade(steps) if steps > 1 else [plain(BLUE)]
    record(tmp_path / "trajectory.mkv", images)
    total = render_video(tmp_path / "trajectory.mkv", tmp_path / "video.mp4", fps=30, seconds=seconds)
    with av.open(str(tmp_path / "video.mp4")) as container:
        frames = [colours(frame) for frame in container.decode(video=0)]
    assert len(frames) == total == round(30 * seconds)
    assert torch.allclose(frames[-1], torch.tensor(BLUE), atol=0.03)


def test_pace_shows_all_time_and_both_ends() -> None:
    steps = [*range(250), *range(250, 375, 2), *range(375, 500, 3), 499]
    moments = pace(steps, 255)
    assert len(moments) == 255
    assert moments == sorted(moments)
    assert (moments[0], moments[-1]) == (0, len(steps) - 1)
    early, late = sum(m <= 50 for m in moments), sum(m >= len(steps) - 20 for m in moments)
    assert early > 50 > late  # 50 steps at the start get more of the time than 60 at the end
    assert pace([3], 7) == [0] * 7
    assert pace([0, 10], 1) == [0]
    assert pace([0, 10], 5, ease=1, between=True) == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0}, {"fps": 241}, {"seconds": 0}, {"seconds": 4000}, {"hold": -1}, {"seconds": float("nan")}],
)
def test_wrong_times_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Film(**wrong)  # type: ignore[arg-type]


def test_what_is_no_trajectory_is_named(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mkv"
    noise.write_bytes(b"noise" * 1000)
    for path in (noise, tmp_path / "gone.mkv"):
        with pytest.raises(ClipartError, match=f"{path.name}: could not be read"):
            render_video(path, tmp_path / "video.mp4")
    with pytest.raises(UsageError, match="does not exist"):
        Recorder(tmp_path / "missing" / "trajectory.mkv", 16, 16)
    assert list(tmp_path.iterdir()) == [noise]


def test_a_video_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "trajectory.mkv", fade(3))
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")
    monkeypatch.setattr(encoders, "_even", lambda frame: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(ResourceError, match="disk is full"):
        render_video(tmp_path / "trajectory.mkv", path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_fills_up_is_said(tmp_path: Path) -> None:
    code = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    for k in range(200): recorder.add(Noise(), k)\n"
        "except ClipartError as error: print(k, error)"
    )
    path = tmp_path / "trajectory.mkv"
    done = in_process(code, path)
    assert "trajectory.part.mkv: larger than a file may be here" in done.stdout, done.stderr
    assert len(read_steps(tmp_path / "trajectory.part.mkv")) > 3


def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    image = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0))
    with Recorder(tmp_path / "trajectory.mkv", 128, 128, share=1.0) as recorder:
        for step in range(60):
            recorder.add(image, step, last=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for step in range(60, 560):
            recorder.add(image, step, last=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5000  # kB; the frames are 24 MB
