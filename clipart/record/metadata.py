"""What a picture or a film says about how it was made: in the words of others, and in ours.

Ours is JSON under the key `clipart`: the recipe, the SHA-256 of every model, the versions of what ran. It is
data only: `read_origin` gives values that a recipe accepts, and `require_harmless` refuses those that would
read a file.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.critic.concepts import digest, names_in
from clipart.errors import UsageError
from clipart.models.needed import FILES, needed_by
from clipart.models.spec import ModelSpec, read_critic
from clipart.presets import load_recipe
from clipart.recipe import SHOWN, Recipe, make_recipe
from clipart.record.folder import Folder
from clipart.record.tags import OURS, THEIRS, XMP, read_tags
from clipart.shown import read_shown, write_shown
from clipart.text import allowed, kept_name, real_name

FORMAT = 2
READS = (1, 2)  # docs/formats.md says what changed
_NEGATIVE = "Negative prompt:"
_CONCEPT = "concept "  # before the name of a concept, among the models
PACKAGES = ("clipart", "torch", "open_clip_torch", "kornia")
# IPTC's word for what this is: https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    Iptc4xmpExt:DigitalSourceType="{source}" xmp:CreatorTool="{tool}">
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Origin:
    """How a picture was made: `models` maps names to SHA-256, `versions` packages to what was installed."""

    recipe: Recipe
    models: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return our own form of it, which `parse_origin` reads."""
        values = {
            "format": FORMAT,
            "recipe": self.recipe.model_dump(mode="json", exclude_none=True),
            "models": dict(self.models),
            "versions": dict(self.versions),
        }
        return json.dumps(values, ensure_ascii=True, separators=(",", ":"))


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a picture, "0+unknown" where one is not installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "0+unknown"
    return found


def model_hashes(recipe: Recipe, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the SHA-256 of the weights of every model, and of the file of every concept, of `recipe`.

    `known` are those of a run that goes on: its concepts are in its checkpoint, and are not read again.

    Raises:
        ModelError: a model is not on this machine.
        UsageError: a concept is not.
    """
    from clipart.files import sha256
    from clipart.models.source import find_source

    recipe = recipe.resolve()
    hashes = {}
    for name in dict.fromkeys([*recipe.critics, str(recipe.judge)]):
        source = find_source(name)
        hashes[name] = source.digest or sha256(source.weights)
    for need in needed_by(recipe):
        path = FILES[need](recipe)
        hashes[f"{need} {path.name}"] = sha256(path)
    for name in names_in(recipe.parts):
        key = f"{_CONCEPT}{name}"
        hashes[key] = (known or {}).get(key) or digest(name)
    return hashes


def infotext(origin: Origin) -> str:
    """Return it as AUTOMATIC1111's web UI writes it under `parameters`, so that galleries can show it."""
    recipe = origin.recipe
    prompt = " ".join(recipe.title.split())
    if prompt.startswith(_NEGATIVE):  # or its reader takes it for what to avoid; CLIPs read no capitals
        prompt = prompt[0].lower() + prompt[1:]
    lines = [prompt]
    if recipe.no:
        lines.append(f"{_NEGATIVE} {' '.join(', '.join(recipe.no).split())}")
    clips = [str(spec) for spec in recipe.clip]
    sampler = recipe.at(recipe.steps).optimizer
    values = {
        "Steps": recipe.steps,
        "Sampler": sampler if sampler != "auto" else "",
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": next(iter(origin.models.values()), "")[:10],
        "Model": " + ".join(clips),
        "Version": f"clipart {origin.versions.get('clipart', '')}".strip(),
    }
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in values.items() if value != ""))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    """Quote a value as the web UI does, if its separators are in it."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(',:\n"') else text


def xmp(origin: Origin) -> str:
    """Return an XMP packet: made by a trained model, with what, and the infotext as description."""
    tool = f"clipart {origin.versions.get('clipart', '')}".strip()
    text = escape(allowed(infotext(origin)), quote=False)
    return _XMP.format(source=_SOURCE_TYPE, tool=escape(tool), text=text)


def tags(origin: Origin) -> dict[str, str]:
    """Return everything that a file is to carry, by keyword: `parameters`, `clipart` and the XMP packet.

    They say it as `shared` has it; the SHA-256 of a model says which it was.
    """
    origin = shared(origin)
    return {THEIRS: infotext(origin), OURS: origin.to_json(), XMP: xmp(origin)}


def shared(origin: Origin) -> Origin:
    """Return it as a picture has it, which others see: of paths on this machine the last part only."""
    recipe = origin.recipe
    specs = {"judge": recipe.judge} | {name: getattr(recipe, name) for name in FILES}
    changes: dict[str, Any] = {name: _last_part(spec) for name, spec in specs.items() if spec is not None}
    changes["clip"] = tuple(_last_part(spec) for spec in recipe.clip)
    for name in ("init", "mask"):
        if (picture := getattr(recipe, name)) is not None:
            changes[name] = _last_name(picture)
    for name in SHOWN:
        shown = [read_shown(text) for text in getattr(recipe, name)]
        changes[name] = tuple(write_shown(_last_name(kept), weight) for kept, weight in shown)
    models = {_last_part(ModelSpec(name)).name: digest for name, digest in origin.models.items()}
    return replace(origin, recipe=recipe.model_copy(update=changes), models=models)


def _last_name(kept: str) -> str:
    """Return the name of a file, as a recipe keeps it, without the folders above it."""
    return kept_name(Path(real_name(kept)).name)


def _last_part(spec: ModelSpec) -> ModelSpec:
    """Return a model in a folder or file without the folders above it."""
    if spec.place == "name":
        return spec
    kind = spec.name[: len(spec.name) - len(spec.typed_path)]
    return replace(spec, name=kind + kept_name(spec.path.name))


def read_origin(path: Path) -> Origin:
    """Read how a file was made: a PNG, WebP, GIF, MP4 or WebM of ours, a recipe.toml, or a run's folder.

    Raises:
        UsageError: there is no such file, nothing of ours in it, or something that no recipe accepts.
    """
    if path.is_dir():
        Folder(path).has("recipe.toml")  # refuses a link, or a pipe that waits for ever
        path = path / "recipe.toml"
    if path.suffix.lower() == ".toml":
        return Origin(load_recipe(path))
    found = read_tags(path)
    if OURS not in found:
        hint = " It has the settings of another program, which `clipart show` prints." if found else ""
        raise UsageError(f"{path}: no recipe of clipart's in it.{hint}")
    try:
        return parse_origin(found[OURS])
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parse_origin(text: str) -> Origin:
    """Read what `Origin.to_json` wrote, or somebody else did.

    Raises:
        UsageError: it is not of this format, or no recipe accepts it; the message names the culprit.
    """
    try:
        values = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UsageError("the recipe in it is broken JSON.") from None
    if not isinstance(values, dict) or not isinstance(values.get("recipe"), dict):
        raise UsageError("the recipe in it is not of a form that clipart writes.")
    if values.get("format") not in READS:
        raise UsageError(
            f"its recipe has format {_short(values.get('format'))}; "
            f"this clipart reads {READS[0]} to {FORMAT}. "
            "Another version of clipart wrote it."
        )
    try:
        recipe = make_recipe(values["recipe"])
    except UsageError as error:  # it quotes what is wrong, however long that is
        lines = str(error).split("\n")[: limits.MISTAKES + 1]
        raise UsageError("\n".join(_short(line, 200) for line in lines)) from None
    return Origin(recipe, _texts(values.get("models")), _texts(values.get("versions")))


def require_harmless(recipe: Recipe, chosen: Mapping[str, Any]) -> None:
    """Refuse a recipe from elsewhere that would read a file, unless the person has `chosen` that setting too.

    `chosen` are values by name, as they were typed. A judge that is one of the critics chosen is chosen as
    well.

    Raises:
        UsageError: naming the setting and what to type.
    """
    specs = {"clip": recipe.clip, "judge": (recipe.judge,)} | {n: (getattr(recipe, n),) for n in FILES}
    files = {
        key: [str(spec) for spec in each if spec and spec.place != "name"] for key, each in specs.items()
    }
    climbed = {read_critic(str(text)).name for text in chosen.get("clip") or ()}
    files["judge"] = [name for name in files["judge"] if name not in climbed]
    read = {name: [*each] for name, each in recipe.files.items()} | files
    shown = {name: [*getattr(recipe, name)] for name in SHOWN}  # with their weights
    for key, found in (read | shown).items():
        if found and chosen.get(key) is None:
            flag = f"--{key.replace('_', '-')}"
            typed = " ".join(f"{flag} {shlex.quote(_short(each))}" for each in found)
            raise UsageError(
                f"The recipe reads the file {_short(read[key][0])} ({key}), and a recipe "
                f"or a preset must not choose files of yours. If you want that, say so: {typed}"
            )


def differences(origin: Origin, models: Mapping[str, str]) -> list[str]:
    """Return in words what is not as it was when the picture was made, so that another one may come out."""
    here = versions()
    current = {_last_part(ModelSpec(name)).name: digest for name, digest in models.items()} | dict(models)
    found = [
        f"{name} was {version}, here it is {here[name]}"
        for name, version in origin.versions.items()
        if name in here and here[name] != version
    ]
    return found + [
        _is_other(name)
        for name, digest in origin.models.items()
        if name in current and current[name] != digest
    ]


def _is_other(name: str) -> str:
    """Say that a model or a concept is not what it was."""
    if name.startswith(_CONCEPT):
        return f"the concept <{name.removeprefix(_CONCEPT)}> is another than it was"
    return f"the weights of {name} are others than they were"


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _texts(values: Any) -> dict[str, str]:
    """Return a small table of text; anything else counts as not given."""
    if not isinstance(values, dict) or len(values) > 100:
        return {}
    return {
        allowed(key[:200]): allowed(value[:200]) for key, value in values.items() if isinstance(value, str)
    }


def _short(value: object, most: int = 60) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = "".join(char if char.isprintable() else "?" for char in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."
