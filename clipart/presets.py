"""Presets and recipes as TOML files: a look with a name, and the whole of a run to make it again.

A preset is a recipe with holes: `about`, optionally `extends` and `requires`, any setting of the recipe
except the prompt and the seed, and `[[stages]]`. Both kinds of file are data only, read with limits, every
mistake named.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.errors import ClipartError, UsageError
from clipart.inputs import read_bytes
from clipart.knobs import knobs
from clipart.models import embedded, home, registry
from clipart.near import did_you_mean
from clipart.recipe import GROUPS, Recipe, make_recipe
from clipart.text import brief, quoted
from clipart.values import one_or_more

MAX_BYTES = limits.TOML_BYTES
NOT_IN_PRESETS = ("prompt", "seed")
FETCHED = "fetched"
REQUIRED = (FETCHED, "nothing")  # what a preset may require: CLIPs that know photographs, or any
_OWN_KEYS = ("about", "extends", "requires")  # of a preset, and no setting
_ANY = "preset::100"  # stands for the prompt that a preset is for; no --no outweighs it
_HEADER = "# A clipart recipe: every setting of one picture."
_LEFT = "# Settings that nobody chose: with another critic or canvas they are settled anew."

# tomllib takes a time that is quadratic in the length of a dotted key: 13 s for 64 kB of a.a.a.a
_STRINGS_AND_COMMENTS = re.compile(
    r'''"""(?:\\[\s\S]|[^\\])*?(?:""""{0,2}|\Z)|'{3}[\s\S]*?(?:'{3,5}|\Z)'''
    r"""|"(?:\\.|[^"\\\n])*+"?|'[^'\n]*+'?|#[^\n]*+"""
)
_LONG_KEY = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){8}")


@dataclass(frozen=True)
class Preset:
    """A look. `settings` are those of the whole `chain`, the preset and what it extends; they are checked.

    With `requires` "fetched" they suit CLIPs that know photographs, and no embedded one.
    """

    name: str
    about: str
    settings: Mapping[str, Any]
    chain: tuple[str, ...]
    requires: str = ""


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets: `default` first, the other shipped ones, one's own, those of packages.

    Raises:
        ClipartError: the installation has no presets.
    """
    shipped = shipped_names()
    own = sorted(set(_own()) - set(shipped))
    return (*shipped, *own, *sorted(set(foreign_presets()) - {*shipped, *own}))


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped presets, `default` first.

    Raises:
        ClipartError: the installation has no presets.
    """
    return tuple(sorted(_files(_shipped()), key=lambda name: (name != "default", name)))


def own_folder() -> Path:
    """Return where a person's own presets are: `presets` in the folder of their settings.

    Raises:
        ClipartError: this system knows no such folder.
    """
    return home.config() / "presets"


def write_own(name: str, values: Mapping[str, Any]) -> None:
    """Write a preset of a person's own, with a line that says how to go on.

    Raises:
        UsageError, ResourceError: it cannot be written.
    """
    import tomli_w

    hint = "# Settings, one a line, such as: saturation = 0.3; `clipart presets show default` has them."
    home.write(own_folder() / f"{name}.toml", f"{tomli_w.dumps(values)}\n{hint}\n".encode())


def _own() -> dict[str, Path]:
    try:
        return _files(own_folder())
    except (ClipartError, OSError):
        return {}


def load_preset(name_or_path: str) -> Preset:
    """Load a preset by its name, or one of your own by the path of its .toml file.

    Each setting comes from the nearest preset of the chain that has it; `stages` too, as a whole.

    Raises:
        UsageError: no such preset; broken TOML (with line and column); a key or value that a recipe refuses;
            a prompt or a seed; presets that extend each other in a ring.
    """
    chain: list[tuple[str, Path, dict[str, Any]]] = []
    wanted, beside = name_or_path, Path()
    while True:
        path = _locate(wanted, beside)
        if len(chain) == limits.EXTENDS:
            raise UsageError(
                f"{chain[0][1]}: more than {limits.EXTENDS} presets extend one another. Copy some into one."
            )
        if any(path.samefile(earlier) for _, earlier, _ in chain):
            ring = " extends ".join([*(name for name, _, _ in chain), wanted])
            raise UsageError(f"{ring}: a ring of presets. Take one `extends` out.")
        values = read_toml(path)
        chain.append((wanted, path, values))
        if (parent := values.get("extends")) is None:
            break
        if not isinstance(parent, str):
            raise UsageError(f"{path}: extends = {quoted(parent)} is not the name of a preset.")
        wanted, beside = parent, path.parent
    settings: dict[str, Any] = {}
    for _, path, values in reversed(chain):
        settings |= _own_settings(path, values)
        _check(path, settings)
    about = str(chain[0][2].get("about", ""))
    requires = next((values["requires"] for _, _, values in chain if "requires" in values), "")
    return Preset(chain[0][1].stem, about, settings, tuple(name for name, _, _ in chain), requires)


def apply(preset: Preset, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for `make_recipe`: the settings of `preset` with `overrides`, those typed, on top.

    Raises:
        UsageError: as `require_met`.
    """
    require_met(preset, overrides)
    return {**preset.settings, **overrides}


def require_met(preset: Preset, overrides: Mapping[str, Any]) -> None:
    """See that a preset that requires fetched CLIPs is not used with an embedded one.

    Raises:
        UsageError: it is; the message says what to fetch.
    """
    clips = one_or_more(overrides.get("clip", preset.settings.get("clip", registry.critics())))
    names = [str(each).partition("::")[0] for each in clips] if isinstance(clips, list | tuple) else []
    if preset.requires != FETCHED or not (small := [name for name in names if name in embedded.NAMES]):
        return
    own = [str(each).partition("::")[0] for each in one_or_more(preset.settings.get("clip", ()))]
    wanted = " ".join(own) or "fare4-b32"
    raise UsageError(
        f"--preset {preset.name} is made for fetched CLIPs, and {small[0]} is an embedded one, which knows "
        f"drawings only. Fetch once: clipart models pull {wanted}\n"
        f"Then {'leave --clip out' if own else f'type --clip {wanted}'}, or choose another preset."
    )


def _shipped() -> Path:
    here = Path(__file__).parent
    for folder in (here / "presets", here.parent / "presets"):  # installed; a checkout
        if (folder / "default.toml").is_file():
            return folder
    raise ClipartError(f"{here / 'presets'} is missing: clipart is not fully installed. Install it again.")


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.toml")}


@cache
def foreign_presets() -> dict[str, Path]:
    """Return the preset files of other packages by name: those in the folders of their entry points' modules.

    A package names the folder, a package itself, in the group `clipart.presets`: `looks =
    "my_package.presets"`. Nothing of it is imported but what it lies in. A shipped preset keeps its name.
    """
    found: dict[str, Path] = {}
    for point in sorted(entry_points(group="clipart.presets"), key=lambda point: point.name):
        with suppress(ImportError, AttributeError, ValueError):  # the package is broken
            spec = find_spec(point.module)
            for folder in (spec.submodule_search_locations or []) if spec else []:
                found = _files(Path(folder)) | found
    return found


def _locate(wanted: str, beside: Path) -> Path:
    """Return the file of `wanted`: a path, relative to `beside`, if it ends in .toml, or else a name."""
    if wanted.lower().endswith(".toml"):
        path = beside / wanted
        if not path.is_file():
            raise UsageError(f"{path}: no such preset file. `clipart presets` lists the shipped presets.")
        return path
    names = preset_names()
    if wanted not in names:
        hint = did_you_mean(wanted, names, quoted=True)
        raise UsageError(
            f"No preset {quoted(wanted)}.{hint} `clipart presets` lists them; "
            "a file of your own ends in .toml."
        )
    return _files(_shipped()).get(wanted) or _own().get(wanted) or foreign_presets()[wanted]


def _own_settings(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    for key in NOT_IN_PRESETS:
        if key in values:
            raise UsageError(
                f"{path}: a preset is a look for any prompt, so it has no {key!r}. Take that line out."
            )
    if not isinstance(values.get("about", ""), str):
        raise UsageError(f"{path}: about = {quoted(values['about'])} is not a text.")
    if values.get("requires", FETCHED) not in REQUIRED:
        raise UsageError(
            f"{path}: requires = {quoted(values['requires'])}: type {' or '.join(map(repr, REQUIRED))}."
        )
    return {key: value for key, value in values.items() if key not in _OWN_KEYS}


def _check(path: Path, settings: Mapping[str, Any]) -> Recipe:
    try:
        return make_recipe({"prompt": _ANY, **settings})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of at most 1 MiB; no content makes it hang.

    Raises:
        UsageError: no such file, too large, or broken; the message has the line and the column.
    """
    raw = read_bytes(path, MAX_BYTES)  # larger files are no preset and no recipe
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}: not UTF-8 text (line {line}).") from None
    values = parse_toml(text, str(path))
    if len(values) > limits.SETTINGS:
        raise UsageError(f"{path}: {len(values):,} settings; a recipe has at most {limits.SETTINGS}.")
    return values


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Return the values in `text`, which is called `name` in messages; no content makes it hang.

    Raises:
        UsageError: it is broken; the message has the line and the column.
    """
    try:
        if long := _LONG_KEY.search(_STRINGS_AND_COMMENTS.sub("_", text)):
            raise UsageError(f"{name}: the dotted key {long[0][:20]!r}... is no setting of a recipe.")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: broken TOML: {brief(str(error))}.") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
        raise UsageError(f"{name}: broken TOML: {reason}.") from None


def dump_recipe(recipe: Recipe) -> str:
    """Return `recipe` as TOML, every setting under the heading of its theme; what is None is left out.

    `load_recipe` gives back exactly the same recipe.
    """
    import tomli_w

    values = recipe.model_dump(exclude_none=True)
    themes: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for name, field in knobs().items():
        extra = field.json_schema_extra
        if name in values and isinstance(extra, dict):
            themes.setdefault(str(extra["group"]), {})[name] = values[name]
    parts = [_HEADER]
    parts += [
        f"# {theme}\n{tomli_w.dumps(settings)}".rstrip() for theme, settings in themes.items() if settings
    ]
    if values["left"]:
        parts.append(f"{_LEFT}\nleft = {_list(values['left'])}")
    if values["extras"]:
        parts.append(f"[extras]\n{tomli_w.dumps(values['extras'])}".rstrip())
    stages = [
        {key: value for key, value in stage.items() if key != "left" or value} for stage in values["stages"]
    ]
    parts += [f"[[stages]]\n{tomli_w.dumps(stage)}".rstrip() for stage in stages]
    return "\n\n".join(parts) + "\n"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(name) for name in names)}]"


def load_recipe(path: Path) -> Recipe:
    """Load a recipe that `dump_recipe` wrote or a person did; settings that it lacks have their defaults.

    Raises:
        UsageError: no such file, broken TOML (with line and column), or values that a recipe refuses.
    """
    try:
        return make_recipe(read_toml(path))
    except UsageError as error:
        message = str(error)
        raise UsageError(message if message.startswith(str(path)) else f"{path}: {message}") from None
