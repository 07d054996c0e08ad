"""From pictures to the file of a film: MP4, WebM, GIF, APNG and WebP.

imageio writes what its public functions can say. They have no way to the encoder's options, to colour tags
and to palettes: those films are written with PyAV, on which imageio builds, by its public functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipart.record.films import protocol_free
from clipart.record.tags import film_tags
from clipart.record.video import set_colours

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    Planes = NDArray[Any]
    Pictures = Callable[[], Iterable[Planes]]


@dataclass(frozen=True)
class Codec:
    """How a format is written: the encoder's name, its options, the container's, whether colours are RGB."""

    name: str
    pixels: str
    rgb: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    container: Mapping[str, str] = field(default_factory=dict)


FORMATS: Mapping[str, Codec] = {
    "mp4": Codec(
        "libx264", "yuv420p",
        options={"preset": "veryfast", "crf": "18"}, container={"movflags": "faststart"},
    ),
    "webm": Codec(
        "libvpx-vp9", "yuv420p",
        options={"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    ),
    "gif": Codec("gif", "pal8", rgb=True, container={"loop": "0"}),
    "apng": Codec("apng", "rgb24", rgb=True, container={"plays": "0"}),
    "webp": Codec(
        "libwebp_anim", "bgra", rgb=True, options={"quality": "85"}, container={"loop": "0"}
    ),
}  # fmt: skip


CLEAR = {"apng": "rgba", "webp": "bgra"}  # formats of films with an alpha channel, and their pixels


def encode(
    pictures: Pictures,
    path: Path,
    kind: str,
    fps: int,
    texts: Mapping[str, str],
    cut: Callable[[Planes], Planes] | None = None,
) -> None:
    """Write pictures, planes (3, H, W) uint8 in yuv444p and BT.709, to `path`; `kind` is a key of FORMATS.

    `pictures` gives them anew at each call, as a palette is made of all of them before the first is written.
    `cut`, of a format of CLEAR, makes (H, W, 4) uint8 RGBA of (H, W, 3) RGB.
    """
    codec = FORMATS[kind]
    if cut is not None:
        clear = replace(codec, pixels=CLEAR[kind])
        _write_with_pyav(_timed(pictures, clear, fps, cut), path, kind, fps, {}, clear)
        return
    if not codec.options and kind != "gif":
        _write_with_imageio(pictures(), path, kind, fps)
        return
    frames = _mapped(pictures, _palette(pictures), fps) if kind == "gif" else _timed(pictures, codec, fps)
    _write_with_pyav(frames, path, kind, fps, film_tags(texts) if kind in ("mp4", "webm") else {})


def _write_with_imageio(pictures: Iterable[Planes], path: Path, kind: str, fps: int) -> None:
    """Write a film whose encoder takes no options."""
    import imageio.v3 as iio
    from imageio.plugins.pyav import PyAVPlugin

    codec = FORMATS[kind]
    with iio.imopen(path, "w", plugin=PyAVPlugin, container=kind, options=dict(codec.container)) as video:
        video.init_video_stream(codec.name, fps=fps, pixel_format=codec.pixels)
        before: Planes | None = None
        shown: Any = None
        for planes in pictures:
            if planes is not before:  # a picture that stays is converted once
                before, shown = planes, to_rgb(planes).to_ndarray()
            video.write_frame(shown, pixel_format="rgb24")


def _write_with_pyav(
    frames: Iterable[Any],
    path: Path,
    kind: str,
    fps: int,
    tags: Mapping[str, str],
    codec: Codec | None = None,
) -> None:
    """Write a film with what imageio has no way to say: the encoder's options, colours, a palette."""
    import av

    codec = codec or FORMATS[kind]
    with av.open(protocol_free(path), "w", format=kind, options=dict(codec.container)) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream(codec.name, fps, options=dict(codec.options))
        stream.pix_fmt, stream.time_base = codec.pixels, Fraction(1, fps)
        stream.codec_context.thread_count = 2
        if not codec.rgb:
            set_colours(stream.codec_context)
        for index, frame in enumerate(frames):
            if index == 0:
                stream.width, stream.height = frame.width, frame.height
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def to_rgb(planes: Planes) -> av.VideoFrame:
    """Return `planes`, (3, H, W) uint8 in yuv444p and BT.709, as a frame in rgb24."""
    import av
    import numpy as np

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), "yuv444p")
    return frame.reformat(
        format="rgb24", src_colorspace="ITU709", src_color_range="MPEG", dst_color_range="JPEG", threads=1
    )


def _even(planes: Planes) -> Planes:
    import numpy as np

    _, height, width = planes.shape
    if height % 2 == width % 2 == 0:
        return planes
    return np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")


def _palette(pictures: Pictures) -> av.VideoFrame:
    """Return the 256 colours of all pictures, as the frame that FFmpeg's palettegen makes."""
    import av

    graph = av.filter.Graph()
    source: Any = None
    for frame in _timed(pictures, FORMATS["gif"], 1):
        if source is None:
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            make = graph.add("palettegen", "stats_mode=full:reserve_transparent=0")
            source.link_to(make)
            make.link_to(graph.add("buffersink"))
            graph.configure()
        source.push(frame)
    source.push(None)
    colours: Any = graph.pull()
    return colours  # type: ignore[no-any-return]


def _mapped(pictures: Pictures, palette: av.VideoFrame, fps: int) -> Iterator[Any]:
    """Yield the pictures in the colours of `palette`, dithered."""
    import av

    graph = av.filter.Graph()
    source: Any = None
    for frame in _timed(pictures, FORMATS["gif"], fps):
        if source is None:
            time_base = frame.time_base
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=time_base
            )
            colours = graph.add_buffer(
                width=palette.width, height=palette.height, format=palette.format, time_base=time_base
            )
            # Its error diffusion keeps what does not change from flickering.
            use = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
            source.link_to(use, 0, 0)
            colours.link_to(use, 0, 1)
            use.link_to(graph.add("buffersink"))
            graph.configure()
            palette.pts = 0
            colours.push(palette)
            colours.push(None)
        source.push(frame)
        yield from _drained(graph)
    source.push(None)
    yield from _drained(graph)


def _timed(
    pictures: Pictures, codec: Codec, fps: int, cut: Callable[[Planes], Planes] | None = None
) -> Iterator[av.VideoFrame]:
    """Yield the pictures as frames in the colours of `codec`, with time stamps."""
    import av

    before: Planes | None = None
    frame: Any = None
    for index, planes in enumerate(pictures()):
        if planes is not before:  # a picture that stays is converted once
            before = planes
            frame = to_rgb(planes) if codec.rgb else av.VideoFrame.from_ndarray(_even(planes), "yuv444p")
            if cut is not None:
                frame = av.VideoFrame.from_ndarray(cut(frame.to_ndarray()), "rgba")
        frame.pts, frame.time_base = index, Fraction(1, fps)
        yield frame


def _drained(graph: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
