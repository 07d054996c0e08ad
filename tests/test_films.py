"""Films in every format, opened again by a decoder that is not the one that wrote them."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from clipart.cli import main
from clipart.errors import ClipartError, UsageError
from clipart.presets import dump_recipe
from clipart.recipe import make_recipe
from clipart.record.caption import caption, shortened, strip_height
from clipart.record.files import save_png
from clipart.record.metadata import Origin, read_origin, tags, versions
from clipart.record.recorder import Recorder
from clipart.record.render import EASE, Film, fitted, render, schedule
from clipart.record.trajectory import Trajectory, next_segment, open_trajectory, segments

RED, BLUE, GREEN = (0.8, 0.1, 0.1), (0.1, 0.2, 0.9), (0.1, 0.8, 0.1)
ORIGIN = Origin(make_recipe({"prompt": "grüner Apfel", "seed": 7}), {"tiny": "ab" * 32}, versions())
FORMATS = ("mp4", "webm", "gif", "apng", "webp")


def plain(colour: tuple[float, float, float], width: int, height: int) -> Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, height, width).contiguous()


def record(path: Path, steps: range, of: int, width: int = 33, height: int = 21) -> Path:
    """Record `steps` of a fade from red to blue that takes `of` steps."""
    red, blue = plain(RED, width, height), plain(BLUE, width, height)
    with Recorder(path, width, height, share=1.0) as recorder:
        for step in steps:
            recorder.add(torch.lerp(red, blue, step / (of - 1)), step)
    return path


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    folder = tmp_path_factory.mktemp("films")
    return Trajectory([record(folder / "trajectory.mkv", range(12), 12)])


def decoded(path: Path) -> tuple[list[Tensor], float]:
    """The mean colours of the frames of a film and its length in seconds, by Pillow where it reads it."""
    if path.suffix in (".mp4", ".webm"):
        with av.open(str(path)) as container:
            # Not the decoder that is the encoder's other half: FFmpeg's own for VP9.
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            assert container.duration is not None
            seconds = container.duration / av.time_base
    else:
        with Image.open(path) as film:
            frames, seconds = [], 0.0
            for frame in ImageSequence.Iterator(film):
                frames.append(np.asarray(frame.convert("RGB")))
                seconds += frame.info["duration"] / 1000
    return [torch.from_numpy(f.astype(np.float32)).mean((0, 1)) / 255 for f in frames], seconds


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_what_was_asked_for(trajectory: Trajectory, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film.{kind}"
    last = plain(GREEN, 66, 42)
    assert render(trajectory, path, Film(fps=10, seconds=2, hold=0.5), last, tags(ORIGIN)) == 20
    frames, seconds = decoded(path)
    assert seconds == pytest.approx(2, abs=0.06)
    assert torch.allclose(frames[0], torch.tensor(RED), atol=0.05)
    assert torch.allclose(frames[-1], torch.tensor(GREEN), atol=0.05)
    if kind in ("mp4", "webm"):
        assert len(frames) == 20  # the others join equal frames into a longer one
        assert torch.allclose(frames[14], torch.tensor(BLUE), atol=0.05)
    else:
        assert 10 <= len(frames) <= 20
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_carries_the_recipe(trajectory: Trajectory, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film.{kind}"
    render(trajectory, path, Film(fps=5, seconds=1), None, tags(ORIGIN))
    assert read_origin(path) == ORIGIN
    plainly = tmp_path / f"plain.{kind}"
    render(trajectory, plainly, Film(fps=5, seconds=1))
    assert b"Apfel" not in plainly.read_bytes()
    with pytest.raises(UsageError, match="no recipe"):
        read_origin(plainly)


@pytest.mark.parametrize("kind", ["mp4", "apng", "webp"])
def test_the_source_type_is_in_the_film(trajectory: Trajectory, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film.{kind}"
    render(trajectory, path, Film(fps=5, seconds=1), None, tags(ORIGIN))
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in path.read_bytes()
    if kind == "mp4":
        data, at, kinds = path.read_bytes(), 0, []
        while at < len(data):
            size, box = struct.unpack(">I4s", data[at : at + 8])
            kinds.append(box)
            at += size
        assert (at, kinds[-1]) == (len(data), b"uuid")


def test_sizes_of_formats(trajectory: Trajectory, tmp_path: Path) -> None:
    sizes = {}
    for kind in FORMATS:
        path = tmp_path / f"film.{kind}"
        render(trajectory, path, Film(fps=2, seconds=1, size=67))
        if kind in ("mp4", "webm"):
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                sizes[kind] = (stream.width, stream.height)
        else:
            with Image.open(path) as film:
                sizes[kind] = film.size
    assert fitted(33, 21, 67) == (67, 43)
    assert sizes == dict.fromkeys(("gif", "apng", "webp"), (67, 43)) | dict.fromkeys(
        ("mp4", "webm"), (68, 44)
    )


def test_a_gif_has_good_colours(tmp_path: Path) -> None:
    """A smooth picture keeps its colours to a few levels, which a fixed palette cannot do."""
    x, y = torch.linspace(0, 1, 64).expand(64, 64), torch.linspace(0, 1, 64)[:, None].expand(64, 64)
    image = torch.stack([x, 0.3 + 0.2 * y, 1 - x])
    with Recorder(tmp_path / "t.mkv", 64, 64, share=1.0) as recorder:
        for step in range(3):
            recorder.add(image, step)
    path = tmp_path / "film.gif"
    render(Trajectory([tmp_path / "t.mkv"]), path, Film(fps=25, seconds=1))
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        shown = torch.from_numpy(np.asarray(film.convert("RGB")).astype(np.float32)).permute(2, 0, 1) / 255
    smooth = torch.nn.functional.avg_pool2d(shown - image, 4)
    assert smooth.abs().max() < 0.05


def test_30_frames_a_second_keep_time_in_a_gif(trajectory: Trajectory, tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    render(trajectory, path, Film(fps=30, seconds=3))
    assert decoded(path)[1] == pytest.approx(3, abs=0.05)


# --- which frame when ---------------------------------------------------------------------------------


def test_the_schedule_of_a_film() -> None:
    steps = list(range(11))
    even = Film(fps=10, seconds=2, hold=0.9, ease=1)
    there = schedule(steps, even)
    assert there == [*map(float, range(11)), *[11.0] * 9]
    assert schedule(steps, Film(fps=10, seconds=2, hold=0.9, ease=1, reverse=True)) == there[::-1]
    back = schedule(steps, Film(fps=10, seconds=2, hold=0, ease=1, boomerang=True))
    assert len(back) == 20
    assert back == back[::-1]
    assert (back[0], back[9], back[10], back[-1]) == (0, 10, 10, 0)
    with_hold = schedule(steps, Film(fps=10, seconds=2, hold=0.5, ease=1, boomerang=True))
    assert with_hold.count(11.0) == 5
    assert (with_hold[0], with_hold[-1], len(with_hold)) == (0, 0, 20)
    early = schedule(steps, Film(fps=10, seconds=2, hold=0))
    assert sum(moment < 5 for moment in early) > 10
    assert EASE > 1


@pytest.mark.parametrize(
    ("film", "says"),
    [
        ({"ease": 0}, "ease"),
        ({"size": 15}, "size"),
        ({"size": 5000}, "size"),
        ({"reverse": True, "boomerang": True}, "backwards"),
    ],
)
def test_what_is_no_film(film: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Film(**film)


def test_reverse_and_boomerang(trajectory: Trajectory, tmp_path: Path) -> None:
    colours = {}
    for way in ("reverse", "boomerang"):
        path = tmp_path / f"{way}.mp4"
        render(trajectory, path, Film(fps=10, seconds=2, hold=0.5, **{way: True}), plain(GREEN, 33, 21))
        colours[way], _ = decoded(path)
        assert len(colours[way]) == 20
    for way, index, colour in [
        ("reverse", 0, GREEN), ("reverse", 5, BLUE), ("reverse", 19, RED),
        ("boomerang", 0, RED), ("boomerang", 10, GREEN), ("boomerang", 19, RED),
    ]:  # fmt: skip
        assert torch.allclose(colours[way][index], torch.tensor(colour), atol=0.05), (way, index)


def test_interpolation_fades_between_recorded_steps(tmp_path: Path) -> None:
    path = record(tmp_path / "t.mkv", range(2), 2)
    render(
        Trajectory([path]), tmp_path / "film.mp4", Film(fps=10, seconds=1, hold=0, ease=1, interpolate=True)
    )
    frames, _ = decoded(tmp_path / "film.mp4")
    blue = torch.stack(frames)[:, 2]
    assert torch.allclose(blue, torch.linspace(0.1, 0.9, 10), atol=0.04)


# --- captions -----------------------------------------------------------------------------------------


def test_a_caption_stands_below_the_picture(trajectory: Trajectory, tmp_path: Path) -> None:
    planes = np.full((3, 64, 200), 90, np.uint8)
    captioned = caption(planes, "a green apple", "step 12")
    assert captioned.shape == (3, 64 + strip_height(64, 200), 200)
    assert (captioned[:, :64] == planes).all()
    luma = captioned[0, 64:]
    assert (luma.min(), luma.max() > 150) == (16, True)
    assert (captioned[1:, 64:] == 128).all()
    path = tmp_path / "film.mp4"
    render(trajectory, path, Film(fps=5, seconds=1, caption="a green apple"))
    with av.open(str(path)) as container:
        assert container.streams.video[0].height == 22 + strip_height(21, 33)


def test_long_words_are_shortened() -> None:
    from clipart.record.caption import font

    letters = font(12)
    assert shortened("apple", 500, letters) == "apple"
    short = shortened("apple " * 100, 100, letters)
    assert short.endswith("...")
    assert letters.getlength(short) <= 100
    assert shortened("apple", 1, letters) == ""


# --- trajectories in several films --------------------------------------------------------------------


def test_films_of_a_run_that_was_cut_are_one(tmp_path: Path) -> None:
    record(tmp_path / "trajectory.mkv", range(8), 12)
    record(tmp_path / "trajectory-2.mkv", range(5, 11), 12)
    record(tmp_path / "trajectory-3.mkv", range(6, 12), 12)
    record(tmp_path / "trajectory-10.mkv", range(11, 12), 12)
    trajectory = open_trajectory(tmp_path)
    assert [path.name[10:] for path in trajectory.files] == [".mkv", "-2.mkv", "-3.mkv", "-10.mkv"]
    assert trajectory.steps == list(range(12))
    blue = [f.to_ndarray(format="rgb24").astype(np.float32)[..., 2].mean() / 255 for f in trajectory.frames()]
    assert np.allclose(blue, np.linspace(0.1, 0.9, 12), atol=0.03)


def test_what_a_killed_process_left_is_taken_in(tmp_path: Path) -> None:
    assert next_segment(tmp_path).name == "trajectory.mkv"
    record(tmp_path / "whole.mkv", range(4), 12)
    (tmp_path / "trajectory.part.mkv").write_bytes((tmp_path / "whole.mkv").read_bytes()[:-10])
    (tmp_path / "trajectory-2.part.mkv").write_bytes(b"")
    assert len(segments(tmp_path)) == 2
    assert open_trajectory(tmp_path).steps[0] == 0
    assert next_segment(tmp_path).name == "trajectory-3.mkv"
    assert [path.name for path in segments(tmp_path)] == ["trajectory.mkv", "trajectory-2.mkv"]
    assert len(open_trajectory(tmp_path).steps) >= 3


def test_where_there_is_no_trajectory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--video none"):
        open_trajectory(tmp_path)
    with pytest.raises(ClipartError, match="could not be read"):
        open_trajectory(tmp_path / "gone.mkv")


# --- the command line ---------------------------------------------------------------------------------


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    record(folder / "trajectory.mkv", range(12), 12)
    save_png(plain(GREEN, 33, 21), folder / "picture.png", tags(ORIGIN))
    (folder / "recipe.toml").write_text(dump_recipe(ORIGIN.recipe), encoding="utf-8")
    return folder


def test_video_on_the_command_line(run_folder: Path, capsys: Any) -> None:
    assert main(["video", str(run_folder), "--seconds", "1", "--fps", "10", "--hold", "0.2"]) == 0
    path = run_folder / "video.mp4"
    assert capsys.readouterr().out == f"{path}\n"
    frames, seconds = decoded(path)
    assert (len(frames), seconds) == (10, 1)
    assert torch.allclose(frames[-1], torch.tensor(GREEN), atol=0.05)
    assert read_origin(path) == ORIGIN
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == Fraction(10)


def test_other_films_of_the_same_run(run_folder: Path, tmp_path: Path, capsys: Any) -> None:
    short = ["--seconds", "1", "--fps", "5"]
    assert (
        main(["video", str(run_folder), "--format", "gif", *short, "--boomerang", "--caption", "--json"]) == 0
    )
    event = json.loads(capsys.readouterr().out)
    assert event == {"event": "video", "path": str(run_folder / "video.gif"), "frames": 5, "fps": 5}
    other = tmp_path / "other.webp"
    assert main(["video", str(run_folder), "-o", str(other), *short, "--no-metadata", "-q"]) == 0
    assert b"Apfel" not in other.read_bytes()
    assert main(["video", str(run_folder / "trajectory.mkv"), *short]) == 0
    assert (
        main(["video", str(run_folder / "trajectory-film.mp4"), *short, "--format", "webm", "--reverse"]) == 0
    )
    frames, _ = decoded(run_folder / "trajectory-film-film.webm")
    assert torch.allclose(frames[-1], torch.tensor(RED), atol=0.06)


def test_what_video_refuses(run_folder: Path, tmp_path: Path, capsys: Any) -> None:
    film = run_folder / "trajectory.mkv"
    for args, says in [
        ([str(run_folder), "-o", "a.avi"], ".mp4, .webm"),
        ([str(run_folder), "-o", "a.gif", "--format", "mp4"], "ends in .mp4"),
        ([str(film), "-o", str(film)], "is the film that it is made of"),
        ([str(run_folder), "--reverse", "--boomerang"], "backwards"),
        ([str(run_folder), "--fps", "0"], "--fps"),
        ([str(tmp_path)], "no trajectory"),
    ]:
        assert main(["video", *args]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="no ffprobe")
@pytest.mark.parametrize(
    ("format_", "codec"), [("mp4", "h264"), ("webm", "vp9"), ("gif", "gif"), ("apng", "apng")]
)
def test_a_player_that_is_not_ours_plays_it(
    trajectory: Trajectory, tmp_path: Path, format_: str, codec: str
) -> None:
    path = tmp_path / f"film.{format_}"
    render(trajectory, path, Film(fps=10, seconds=1))
    entries = "stream=codec_name,nb_read_frames:format=duration"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert seen["streams"][0]["codec_name"] == codec
    assert int(seen["streams"][0]["nb_read_frames"]) == 10
    if "duration" in seen["format"]:
        assert float(seen["format"]["duration"]) == pytest.approx(1, abs=0.11)
