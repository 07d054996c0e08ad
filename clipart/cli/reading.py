"""What was typed, as a recipe and as outputs.

An option that is not typed is not passed on, so that a preset's value holds: default < preset < option.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipart.cli.assignments import change_stages, read_set
from clipart.errors import UsageError, shell_word
from clipart.files import require_folder, require_writable
from clipart.knobs import knobs
from clipart.recipe import Recipe, make_recipe

BEGINNING = 20  # per cent of the steps, of --begin-with
_BEGINNING = re.compile(r"(?P<name>[^=]+)(?:=(?P<part>\d{1,3}(?:\.\d{1,3})?)%)?")
MOST_PIPED = 40_000  # bytes of a prompt; 10,000 characters have no more


def read_recipe(words: list[str] | None, given: dict[str, Any]) -> Recipe:
    """Return the recipe that the prompt and the options ask for, a preset's settings under the options.

    Raises:
        UsageError: saying what to type instead.
    """
    preset = preset_settings(given)
    prompt = "" if not words and given.get("image_prompt") else one_prompt(words)
    recipe = make_recipe(settings_over(preset, given) | {"prompt": prompt})
    if preset:
        from clipart.record.metadata import require_harmless

        require_harmless(recipe, typed_settings(given))
    return recipe


def settings_over(
    values: Mapping[str, Any], given: dict[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return `values` of a recipe with what was typed in their place: options of their own, and `--set`.

    `before` are the values of the recipe that these change: it has the stages and extras that `values` lack.

    Raises:
        UsageError: an option contradicts another, or `--set` names no setting or no stage.
    """
    typed, assigned = typed_settings(given), read_set(given.get("set"))
    under, over = {**(before or {}), **values, **typed}, {**values, **typed}
    if "stages" in typed and {**(before or {}), **values}.get("stages"):
        raise UsageError(
            "--begin-with: this recipe or preset has stages of its own. Type --set stages.NAME.clip=CLIP."
        )
    if assigned.stages:
        over["stages"] = change_stages(under.get("stages", ()), assigned.stages)
    if assigned.extras:
        over["extras"] = {**under.get("extras", {}), **assigned.extras}
    return over


def typed_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the recipe that were typed.

    Raises:
        UsageError: one of them was typed twice, or `--size` or `--set` cannot be read.
    """
    typed = {name: given[name] for name in knobs() if given.get(name) is not None} | read_size(given)
    by_name = read_set(given.get("set")).fields
    for name in by_name:
        if name in typed:
            flag = "size" if name in read_size(given) else name.replace("_", "-")
            raise UsageError(f"--set {name} and --{flag} set the same thing. Type one of them.")
    return typed | by_name | read_beginning(given)


def read_beginning(given: dict[str, Any]) -> dict[str, Any]:
    """Return the two stages of `--begin-with NAME[=N%]`, where it was typed.

    Raises:
        UsageError: it cannot be read.
    """
    if given.get("begin_with") is None:
        return {}
    found = _BEGINNING.fullmatch(given["begin_with"])
    part = float(found["part"] or BEGINNING) if found else 0.0
    if not found or not 0 < part < 100:
        raise UsageError(
            f"--begin-with {given['begin_with'][:60]}: type the name of a CLIP, and above 0 and below 100 % "
            "of the steps. For example: --begin-with fare4-b32=30%"
        )
    first = {"name": "beginning", "share": part, "clip": [found["name"]]}
    return {"stages": [first, {"name": "rest", "share": 100 - part}]}


def preset_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the preset that was typed, none if none was.

    Raises:
        UsageError: there is no such preset, or it is for other CLIPs than were typed.
    """
    if not given.get("preset"):
        return {}
    from clipart.presets import load_preset, require_met

    preset = load_preset(given["preset"])
    require_met(preset, typed_settings(given))
    return dict(preset.settings)


def one_prompt(words: list[str] | None, command: str = "clipart") -> str:
    """Return the prompt among the arguments.

    Raises:
        UsageError: there is none, or it was not put in quotes.
    """
    if not words:
        raise UsageError(f'There is no prompt. Say what to draw, for example: {command} "apple:: tart::"')
    if len(words) > 1:
        joined = " ".join(words)
        raise UsageError(f"These are {len(words)} prompts. Put one in quotes: {command} {shell_word(joined)}")
    return words[0] if words[0] != "-" else piped_prompt(command)


def piped_prompt(command: str) -> str:
    """Return the prompt that is piped in, as `-` asks for.

    Raises:
        UsageError: nothing is piped in, or more than one line.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"- reads the prompt from a pipe, and there is none: echo apple | {command} -")
    data = sys.stdin.buffer.read(MOST_PIPED + 1)
    lines = [line.strip() for line in data.decode(errors="surrogateescape").splitlines() if line.strip()]
    if len(data) > MOST_PIPED or len(lines) != 1:
        found = f"more than {MOST_PIPED:,} bytes" if len(data) > MOST_PIPED else f"{len(lines)} lines"
        raise UsageError(
            f"- reads one prompt, on one line, and there are {found}. For several: clipart batch -"
        )
    return lines[0]


_SIZE = re.compile(r"(\d{1,6})(?:\s*[xX×*]\s*(\d{1,6}))?")


def read_size(given: dict[str, Any]) -> dict[str, int]:
    """Read `--size`: 512x384, or 512 for a square.

    Raises:
        UsageError: it is neither, or a side is out of range, or it is given twice.
    """
    size = given.get("size")
    if size is None:
        return {}
    if given.get("width") is not None or given.get("height") is not None:
        raise UsageError("--size sets the width and the height. Type either --size, or --width and --height.")
    lowest, highest = bounds("width")
    found = _SIZE.fullmatch(size.strip())
    sides = (int(found[1]), int(found[2] or found[1])) if found else ()
    if not sides or not all(lowest <= side <= highest for side in sides):
        raise UsageError(
            f"--size {size[:20]}: no such size. Type width x height such as 512x384, or one number for both; "
            f"each from {lowest} to {highest} pixels."
        )
    return dict(zip(("width", "height"), sides, strict=True))


def bounds(name: str) -> tuple[Any, Any]:
    """Return the lowest and the highest value of a field of the recipe, None where there is no bound."""
    metadata = knobs()[name].metadata
    lowest = next((getattr(each, "ge", None) for each in metadata if hasattr(each, "ge")), None)
    highest = next((getattr(each, "le", None) for each in metadata if hasattr(each, "le")), None)
    return lowest, highest


def read_outputs(given: dict[str, Any]) -> dict[str, Any]:
    """Return where the run's files go, as arguments of `clipart.runs.Outputs`.

    Raises:
        UsageError: options contradict each other, or a folder does not exist.
        ResourceError: a place that cannot be written.
    """
    file: Path | None = given.get("output")
    names = ("folder", "video", "fps", "video_seconds")
    chosen: dict[str, Any] = {name: given[name] for name in names if given.get(name) is not None}
    plain = {"metadata": False} if given.get("no_metadata") else {}
    if file is None:
        require_folder(chosen.get("folder", Path("outputs")))  # before the models are loaded, or fetched
        return chosen | plain
    if file.is_dir():
        example = file / "apple.png"
        raise UsageError(f"--output {file} is a folder. Type a file such as {example}, or --folder {file}.")
    if chosen and chosen != {"video": "none"}:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise UsageError(f"--output writes just the picture: leave it out, or leave out {flags}.")
    require_writable(file)
    return {"folder": None, "file": file, "video": "none"} | plain
