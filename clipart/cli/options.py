"""The options of the main job, made from the recipe's schema, and those that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import typer

from clipart.knobs import choices, knobs, typed_as
from clipart.recipe import GROUPS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

F = TypeVar("F", bound=Callable[..., Any])

_AFTER = GROUPS.index("Stopping") + 1  # the panel for the files follows on what a person needs first
PANELS = ("Options", *GROUPS[:_AFTER], "Output", *GROUPS[_AFTER:], "Help")
EVERYDAY = ("preset", "no", "size", "seed", "init", "steps", "until", "output", "folder", "quiet")
SHORT = {"steps": "-n"}
ALSO = {"no": "--negative"}
NAMED = {"until": "MATCH"}
CHOICES = (
    "{choices}"  # stands in the words about an option for the values, which are asked for when it is shown
)
METAVARS = {int: "N", float: "X", str: "TEXT", bool: None}


def option(
    *flags: str,
    about: str,
    value: object = None,
    metavar: str | None = None,
    panel: str = "Options",
    **more: Any,
) -> Any:
    """Describe an option: its flags, one line about it, the default that the help shows, its panel."""
    shown = False if value is None else str(value)
    return typer.Option(
        *flags, help=about, show_default=shown, metavar=metavar, rich_help_panel=panel, **more
    )


def own(kind: Any, *flags: str, **more: Any) -> Any:
    """Return the annotated type of an option that is None where it is not typed, or False for a flag."""
    return Annotated[kind if kind is bool else kind | None, option(*flags, **more)]


def line_about(param: Any) -> str:
    """Return the line about an option, with the values that there are now: parts may have been added."""
    words = str(param.help or "")
    return words.replace(CHOICES, ", ".join(choices(param.name))) if CHOICES in words else words


def _presets() -> list[str]:
    from clipart.presets import preset_names

    return list(preset_names())


Json = Annotated[bool, option("--json", about="print JSON lines, for programs", panel="Output")]
Quiet = Annotated[bool, option("--quiet", "-q", about="print only the path of the picture", panel="Output")]
NoColor = Annotated[
    bool, option("--no-color", about="print without colours, as with NO_COLOR=1", panel="Output")
]
NoMetadata = Annotated[
    bool, option("--no-metadata", about="do not write the recipe into picture and film", panel="Output")
]
Force = Annotated[bool, option("--force", about="replace the file if it is there", panel="Output")]


def folder_of_run(path: Path) -> Path:
    """Return the folder of the run that is meant by it, or by a file in it."""
    is_of_run = path.is_file() and (path.parent / "recipe.toml").is_file()
    return path.parent if is_of_run else path


PRESET = "preset to begin with: its name, or a TOML file"
BEGIN = "CLIP of the first steps, then --clip (default 20% of them)"
SET = "any setting (repeatable); a stage's: stages.NAME.KEY"
SIZE = "width x height in pixels, or one number for both; default 256, two things 384x192"
FILM = "film of the run: mp4 or none"
EXPLAIN = "film where each part is found, every N steps"
FILM_SECONDS = "length of the film in seconds"
# Options that are no field of the recipe. The defaults shown are those of `clipart.runs.Outputs`, with which
# tests compare them: importing it here would make the help slow.
OWN: dict[str, Any] = {
    "preset": own(
        str, "--preset", "-p", about=PRESET, metavar="NAME", panel="Prompt", autocompletion=_presets
    ),
    "set": own(list[str], "--set", about=SET, metavar="NAME=VALUE", panel="Prompt"),
    "begin_with": own(str, "--begin-with", about=BEGIN, metavar="NAME[=N%]", panel="Model"),
    "size": own(str, "--size", "-s", about=SIZE, value="256x256", metavar="SIZE", panel="Picture"),
    "output": own(
        Path, "--output", "-o", about="write only the picture, to this file", metavar="FILE", panel="Output"
    ),
    "folder": own(
        Path,
        "--folder",
        about="folder in which the folder of the run is made",
        value="outputs",
        panel="Output",
    ),
    "video": own(Literal["mp4", "none"], "--video", about=FILM, value="mp4", panel="Output"),
    "fps": own(int, "--fps", about="frames per second of the film", value=30, min=1, max=120, panel="Output"),
    "video_seconds": own(
        float, "--video-seconds", about=FILM_SECONDS, value=10, min=0.1, max=3600, panel="Output"
    ),
    "explain_every": own(int, "--explain-every", about=EXPLAIN, metavar="N", min=1, panel="Output"),
    "force": Force,
    "no_metadata": NoMetadata,
    "json": Json,
    "quiet": Quiet,
    "no_color": NoColor,
}
Words = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="what to draw, in quotes")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run", show_default=False)]


def takes(**options: Any) -> Callable[[F], F]:
    """Give a job `(context, **given)` the signature that Typer reads: a parameter for each of `options`.

    Each is an annotated type. One that may be None has that for a default, a flag has False, and any other
    must be typed; so what is None was not typed.
    """

    def signed(job: F) -> F:
        annotations: dict[str, Any] = {"context": typer.Context} | options
        job.__annotations__ = annotations | {"return": None}
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                annotation=annotation,
                default=_unset(annotation),
            )
            for name, annotation in annotations.items()
        ]
        vars(job)["__signature__"] = inspect.Signature(parameters, return_annotation=None)
        return job

    return signed


def _unset(annotation: Any) -> Any:
    """Return the value of a parameter that is not typed."""
    kind = next(iter(get_args(annotation)), annotation)
    return False if kind is bool else None if type(None) in get_args(kind) else inspect.Parameter.empty


def recipe_options() -> dict[str, Any]:
    """Return the options of the main job in the order of their panels: those of the recipe, and OWN."""
    return dict(_options())


def _options() -> Iterator[tuple[str, Any]]:
    fields = knobs()
    for panel in PANELS:
        yield from ((n, own) for n, own in OWN.items() if get_args(own)[1].rich_help_panel == panel)
        for name, field in fields.items():
            if _extra(field)["group"] == panel and name != "prompt":
                yield name, _from_field(name, field)


def _from_field(name: str, field: FieldInfo) -> Any:
    """Return the annotation of the option that sets a field of the recipe."""
    (kind, many), extra = typed_as(name), _extra(field)
    metavar = NAMED.get(name) or METAVARS[kind]
    if extra["unit"] == "file" or extra["unit"].isupper():
        metavar = extra["unit"].upper()
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        return Annotated[
            bool | None,
            option(f"{flag}/--no-{flag[2:]}", about=_about_field(name, field), panel=extra["group"]),
        ]
    return own(
        list[str] if many else kind,
        *(each for each in (flag, ALSO.get(name), SHORT.get(name)) if each),
        about=_about_field(name, field),
        value=_shown(field.default, "," if extra["joined"] else " "),
        metavar=metavar,
        panel=extra["group"],
        hidden=name in ("width", "height"),
        autocompletion=(lambda: list(choices(name))) if choices(name) else None,
    )


def _about_field(name: str, field: FieldInfo) -> str:
    """Return what a field of the recipe does, its values if there is a list of them, and its unit.

    The unit is left out where the words say it: where its first word is one of them.
    """
    words, unit = field.description or "", str(_extra(field)["unit"])
    if choices(name):
        words += f" ({CHOICES})" if ":" in words or ";" in words else f": {CHOICES}"
    said = not unit or unit == "file" or unit.isupper() or unit.split()[0] in words.split()
    return words if said else f"{words} ({unit})"


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _shown(default: Any, between: str) -> str | None:
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, tuple):
        return between.join(each.partition("::")[0] for each in default) or None  # names without weights
    return None if default is None else str(default)
