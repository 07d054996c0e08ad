"""What `--json` prints: every event with its keys. docs/json.md is made from this table.

With `CLIPART_CHECK_EVENTS` set, as it is in the tests, the sink refuses an event or a key that is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipart.cli.event_kinds import Event, Key, check_line
from clipart.cli.event_objects import OBJECTS

_MANY = ("clipart batch", "clipart sweep", "clipart compare")
_RUN = ('clipart "PROMPT"', "clipart replay", "clipart resume")
_NAME = Key("name", "text", "the model")

EVENTS = (
    Event(
        "start",
        _RUN,
        "before the models are loaded",
        (Key("recipe", "object", "every setting of the run, by name"),),
    ),
    Event(
        "trying",
        _RUN[:2],
        "before each start is tried, if there are several",
        (
            Key("start", "integer", "number of this start, from 1"),
            Key("starts", "integer", "how many are tried"),
        ),
    ),
    Event(
        "check",
        _RUN,
        "each time the judge has looked at the picture",
        (
            Key("step", "integer", "the step that is done, 0 before the first"),
            Key("steps", "integer", "steps of the run"),
            Key("seconds", "number", "seconds since the run began"),
            Key("total", "number", "the loss; null before the first step", or_null=True),
            Key("stage", "text", "name of the stage, empty without stages"),
            Key("readings", "reading", "what the judge saw, a reading for each part"),
        ),
    ),
    Event(
        "done",
        _RUN,
        "at the end of a run, when all files are written",
        (
            Key("stop", "text", "`score`, `steps`, `seconds`, `interrupted` or `diverged`"),
            Key("steps", "integer", "steps that are done"),
            Key("seconds", "number", "seconds since the run began"),
            Key("seed", "integer", "the seed, drawn or given"),
            Key("readings", "reading", "the last look of the judge"),
            Key("paths", "object", "paths by `picture`, `video`, `recipe`, `log`, as far as written"),
            Key("timings", "object", "seconds by `start`, `steps`, `record`, `finish`"),
            Key("again", "text", "the command that makes the same picture"),
            Key("exit_code", "integer", "exit code of the command"),
        ),
    ),
    Event(
        "error",
        (),
        "if it fails, in place of its own event or after it",
        (
            Key("kind", "text", "`run`, `usage`, `model`, `resource`, `interrupted` or `unexpected`"),
            Key("message", "text", "what went wrong, as on stderr"),
            Key("exit_code", "integer", "exit code of the command"),
        ),
    ),
    Event(
        "plan",
        _MANY,
        "before the first picture",
        (
            Key("pictures", "integer", "pictures that are asked for"),
            Key("jobs", "integer", "pictures that are made at the same time"),
            Key("folder", "text", "folder of the runs"),
            Key("seconds", "number", "about how long the steps will take; null: not known", or_null=True),
        ),
    ),
    Event(
        "picture",
        _MANY,
        "for each picture, when it has ended",
        (
            Key("number", "integer", "its place among those that are asked for, from 1"),
            Key("state", "text", "`made`, `there` (made before), `cut` (stopped, saved) or `failed`"),
            Key("prompt", "text", "its prompt"),
            Key("seed", "integer", "its seed"),
            Key("axes", "object", "its values on the axes of a sweep, by name"),
            Key("match", "number", "least match of its wanted parts, 0 to 1", or_null=True),
            Key("folder", "text", "the folder of its run; null if there is none", or_null=True),
            Key("reason", "text", "why it failed, else empty"),
        ),
    ),
    Event(
        "compared",
        ("clipart compare",),
        "for each picture, at the end",
        (
            Key("number", "integer", "the number of the picture"),
            Key("judge", "text", "the CLIP that judged it"),
            Key("matches", "object", "its match with each prompt, 0 to 1, by the prompt"),
        ),
    ),
    Event(
        "many",
        _MANY,
        "at the end",
        (
            Key("made", "integer", "pictures that were made"),
            Key("there", "integer", "pictures that had been made before"),
            Key("failed", "integer", "pictures that failed"),
            Key("left", "integer", "pictures that are left to make"),
            Key("folder", "text", "folder of the runs"),
            Key("paths", "object", "paths of `page`, `sheet` and `index`"),
            Key("again", "text", "the command that goes on, empty if nothing is left"),
            Key("exit_code", "integer", "exit code of the command"),
        ),
    ),
    Event(
        "show",
        ("clipart show",),
        "once",
        (
            Key("file", "text", "the file or folder"),
            Key("recipe", "object", "every setting, by name; not for another program's file", optional=True),
            Key("models", "object", "SHA-256 of each model's weights, by name", optional=True),
            Key("versions", "object", "versions of the libraries, by name", optional=True),
            Key("parameters", "text", "the same as AUTOMATIC1111's web UI writes it"),
        ),
    ),
    Event(
        "video",
        ("clipart video",),
        "when the film is written",
        (
            Key("path", "text", "path of the film"),
            Key("frames", "integer", "frames in it"),
            Key("fps", "integer", "frames a second"),
        ),
    ),
    Event(
        "sheet",
        ("clipart sheet",),
        "when the sheet is written",
        (Key("path", "text", "path of the sheet"), Key("pictures", "integer", "pictures on it")),
    ),
    Event(
        "finished",
        ("clipart finish",),
        "for each file that is written",
        (Key("path", "text", "path of the new picture"), Key("source", "text", "path of the old one")),
    ),
    Event(
        "concept",
        ("clipart concept",),
        "for each concept that is learned, listed or shown",
        (
            Key("name", "text", "its name, without angle brackets"),
            Key("word", "text", "what it is near in words"),
            Key("pictures", "integer", "from how many pictures it was learned"),
            Key("clips", "texts", "the CLIPs that know it"),
            Key("path", "text", "its file"),
        ),
    ),
    Event(
        "scored",
        ("clipart score",),
        "for each picture, the best first",
        (
            Key("path", "text", "path of the picture"),
            Key("judge", "text", "the CLIP whose match orders the pictures"),
            Key("match", "number", "the least match of the wanted parts by the judge, 0 to 1"),
            Key("by", "object", "by the name of each CLIP a list of [reading](#object-reading)"),
        ),
    ),
    Event(
        "described",
        ("clipart describe",),
        "for each picture, and for each of its tiles",
        (
            Key("path", "text", "path of the picture"),
            Key("row", "integer", "row of the tile, from 1; 0 for the whole picture"),
            Key("column", "integer", "column of the tile, from 1; 0 for the whole picture"),
            Key("words", "word", "the words that fit best, the best first"),
        ),
    ),
    Event(
        "explained part",
        ("clipart explain",),
        "for each part of the prompt",
        (
            Key("text", "text", "the part"),
            Key("match", "number", "how sure the CLIP is of it in the whole picture, 0 to 1"),
            Key("cosine", "number", "cosine of the picture and the part, -1 to 1"),
            Key("words", "word lost", "what each of its words is worth; empty for a part of one word"),
            Key("heat", "rows", "rows of numbers from 0 to 1: where the part is found"),
            Key("path", "text", "path of the overlay"),
        ),
    ),
    Event(
        "explained",
        ("clipart explain",),
        "when the sheet is written",
        (Key("path", "text", "path of the sheet"), Key("parts", "integer", "parts that were looked for")),
    ),
    Event(
        "suggested",
        ("clipart suggest",),
        "once",
        (
            Key("word", "text", "the word that was asked for"),
            Key("measured", "object", "what is measured of it, as in `near`", or_null=True),
            Key("near", "drawn", "words near it that are named every time, the nearest first"),
            Key("how", "text", "the machine, models, settings and seeds of the measurement, and its date"),
        ),
    ),
    Event(
        "plot",
        ("clipart plot",),
        "for each file that is written",
        (Key("path", "text", "path of the drawing"),),
    ),
    Event(
        "studio",
        ("clipart studio",),
        "when the page can be opened",
        (Key("address", "text", "its address"),),
    ),
    Event(
        "parse",
        ("clipart parse",),
        "once",
        (
            Key("prompt", "text", "the prompt, written out"),
            Key("clip", "text", "the CLIP whose tokens are shown"),
            Key("parts", "part", "its parts, in order"),
        ),
    ),
    Event(
        "presets",
        ("clipart presets",),
        "once",
        (Key("presets", "preset", "the presets, `default` first"),),
    ),
    Event(
        "preset",
        ("clipart presets show",),
        "once",
        (
            Key("name", "text", "its name"),
            Key("about", "text", "what it is for"),
            Key("requires", "text", "`fetched`: it is for fetched CLIPs only", optional=True),
            Key("chain", "texts", "the preset, and those that it extends"),
            Key("settings", "object", "all of its settings, by name"),
        ),
    ),
    Event(
        "preset diff",
        ("clipart presets diff",),
        "once",
        (
            Key("first", "text", "the first preset"),
            Key("second", "text", "the second"),
            Key("settings", "object", "by name, a list of both values where they differ"),
        ),
    ),
    Event(
        "preset checked",
        ("clipart presets check",),
        "for each preset that can be read",
        (
            Key("name", "text", "its name"),
            Key("chain", "texts", "the preset, and those that it extends"),
            Key("changes", "object", "its settings that differ from the defaults, by name"),
        ),
    ),
    Event(
        "preset made",
        ("clipart presets new",),
        "when it is written",
        (
            Key("name", "text", "its name"),
            Key("path", "text", "its file"),
            Key("chain", "texts", "the preset, and those that it extends"),
        ),
    ),
    Event(
        "doctor",
        ("clipart doctor",),
        "once",
        (
            Key("ok", "boolean", "whether the main job can run"),
            Key("findings", "finding", "what was looked at"),
        ),
    ),
    Event("models", ("clipart models",), "once", (Key("models", "model", "the models"),)),
    Event(
        "pull",
        ("clipart models pull", 'clipart "PROMPT"', "clipart replay"),
        "before a model is downloaded",
        (
            _NAME,
            Key("bytes", "integer", "bytes of all its files"),
            Key("done", "integer", "bytes that are here already"),
            Key("licence", "text", "its licence"),
            Key("source", "text", "its page"),
        ),
    ),
    Event(
        "pulled",
        ("clipart models pull",),
        "for each model, when it is here",
        (
            _NAME,
            Key("path", "text", "path of its weights"),
            Key("sha256", "text", "SHA-256 of its weights"),
        ),
    ),
    Event(
        "verified",
        ("clipart models verify",),
        "for each model",
        (
            _NAME,
            Key("ok", "boolean", "whether its files are as they must be"),
            Key("sha256", "text", "SHA-256 of its weights; null if they are not", or_null=True),
        ),
    ),
    Event(
        "path",
        ("clipart models path",),
        "for each model",
        (_NAME, Key("path", "text", "path of its weights")),
    ),
    Event(
        "removed",
        ("clipart models rm", "clipart concept rm"),
        "for each model or concept",
        (
            Key("name", "text", "the model, or the concept"),
            Key("bytes", "integer", "bytes that are free again"),
        ),
    ),
    Event(
        "converted",
        ("clipart models convert",),
        "when the file is written",
        (
            Key("config", "text", "path of the configuration that was read"),
            Key("checkpoint", "text", "path of the checkpoint that was read"),
            Key("path", "text", "path of the new file"),
            Key("bytes", "integer", "its size"),
        ),
    ),
)


def check(line: Mapping[str, Any]) -> None:
    """Refuse a line that is in no row of `EVENTS`.

    Raises:
        ValueError: there is no such event, or a key is missing, unknown or of another type.
    """
    check_line(line, EVENTS, OBJECTS)
