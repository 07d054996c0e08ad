"""Names of models: those of the table in registry.toml, and what else a person may type for one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from clipart.errors import ModelError
from clipart.near import did_you_mean, nearest

HUB = "hf-hub:"
UNKNOWN_LICENCE = "see its page"
_REPO = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*?)(?:@(?P<revision>[\w./-]{1,100}))?")


@dataclass(frozen=True)
class Entry:
    """A model that has a name.

    Attributes:
        name: what a person types.
        repo: its repository on the hub, empty if it lies in the package.
        file: its weights in the repository, empty for those that open_clip usually writes.
        architecture: open_clip's model, empty if the repository has an open_clip_config.json that says it.
        revision: the commit or branch that is fetched, None for the newest at the first time.
        sha256: of the weights, None if it is to be recorded at the first use.
        megabytes: about what is downloaded, or what it takes in the package; 0 if that is not known.
        sees: which of the table's traits it has, so what it wants of a run where nobody says otherwise.
        began: the model whose weights its training began with, empty if it began with none.
        default: it is taken where no model of its kind is named.
    """

    name: str
    kind: Literal["clip", "vqgan"] = "clip"
    repo: str = ""
    file: str = ""
    architecture: str = ""
    licence: str = UNKNOWN_LICENCE
    megabytes: int = 0
    about: str = ""
    revision: str | None = None
    sha256: str | None = None
    sees: str = "photographs"
    began: str = ""
    default: bool = False

    @property
    def embedded(self) -> bool:
        """Whether it comes inside the package."""
        return not self.repo

    @property
    def page(self) -> str:
        """The page of its repository."""
        return f"https://huggingface.co/{self.repo}"


@dataclass(frozen=True)
class Traits:
    """What CLIPs of one sort want of a run where nobody says otherwise.

    Attributes:
        layout, distance, starts, low_pass, share_views: values of those settings of a recipe.
        finish: the steps after those of a canvas that has finish steps.
        judges: which models judge such critics, the first that does not climb itself; where there is none,
            the first critic does.
    """

    layout: str
    distance: str
    starts: int
    low_pass: float
    share_views: bool
    finish: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ensemble:
    """Several CLIPs under one name: where it is typed as a critic, each of `members` is one."""

    name: str
    members: tuple[str, ...]
    about: str


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "registry.toml").read_text(encoding="utf-8"))


@cache
def entries() -> tuple[Entry, ...]:
    """Return the models of the table."""
    return tuple(Entry(architecture=each["name"].rpartition("/")[0], **each) for each in _table()["models"])


@cache
def ensembles() -> dict[str, Ensemble]:
    """Return the ensembles of the table by name."""
    found = _table()["ensembles"]
    return {each["name"]: Ensemble(**{**each, "members": tuple(each["members"])}) for each in found}


def members(name: str) -> tuple[str, ...]:
    """Return the names of the models that `name` means: those of an ensemble, or it alone."""
    found = ensembles().get(name.lower())
    return found.members if found else (name,)


@cache
def sorts() -> dict[str, Traits]:
    """Return the traits of the table by the name that an entry's `sees` has."""
    found = _table()["traits"].items()
    return {name: Traits(**{key: _kept(value) for key, value in each.items()}) for name, each in found}


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def critics() -> tuple[str, ...]:
    """Return the CLIPs that a picture climbs where none is named, each as it is typed."""
    return tuple(_table()["critics"])


def default(kind: str) -> str:
    """Return the name of the model that is taken where none of its `kind`, "clip" or "vqgan", is named."""
    return next(entry.name for entry in entries() if entry.kind == kind and entry.default)


def traits(names: Iterable[str]) -> Traits:
    """Return what critics called `names` want; where they are not of one sort, that of photographs."""
    seen = {_sees(name) for name in names}
    return sorts()[seen.pop() if len(seen) == 1 else Entry.sees]


def judge_of(names: Sequence[str]) -> str:
    """Return the name of the CLIP that judges what critics called `names` climb.

    That is the first critic that knows photographs, since no embedded judge knows them; where all critics are
    embedded, the first of their sort's judges that did not climb, and with whose weights no critic began.
    """
    for name in names:
        if not sorts()[_sees(name)].judges:
            return name
    judges = sorts()[_sees(names[0])].judges
    strangers = [name for name in judges if name not in names]
    return next((name for name in strangers if not descendants(name, names)), [*strangers, *judges][0])


def descendants(judge: str, names: Iterable[str]) -> list[str]:
    """Return those of the critics called `names` whose training began with the weights of `judge`.

    What `judge` says of a picture that climbed one of them is not independent.
    """
    return [entry.name for entry in entries() if entry.name in set(names) and entry.began == judge]


def _sees(name: str) -> str:
    return next((entry.sees for entry in entries() if entry.name == name), Entry.sees)


# What OpenAI's own package, and the hub's most fetched repositories, call the models that open_clip has.
_OPENAI = {
    "rn50": "RN50/openai",
    "rn101": "RN101/openai",
    "rn50x4": "RN50x4/openai",
    "rn50x16": "RN50x16/openai",
    "rn50x64": "RN50x64/openai",
    "vit-b/32": "ViT-B-32/openai",
    "vit-b/16": "ViT-B-16/openai",
    "vit-l/14": "ViT-L-14/openai",
    "vit-l/14@336px": "ViT-L-14-336/openai",
    "openai/clip-vit-base-patch32": "ViT-B-32/openai",
    "openai/clip-vit-base-patch16": "ViT-B-16/openai",
    "openai/clip-vit-large-patch14": "ViT-L-14/openai",
    "openai/clip-vit-large-patch14-336": "ViT-L-14-336/openai",
}


def canonical(name: str) -> str:
    """Return the name here of a CLIP that OpenAI's package or the hub calls `name`; any other as it is.

    A repository of the table may be typed with `hf-hub:` before it or without.
    """
    plain = name.removeprefix(HUB)
    if found := _OPENAI.get(plain.lower()):
        return found
    same = (entry.name for entry in entries() if entry.repo and entry.repo.lower() == name.lower())
    return next(same, name)


def find(name: str) -> Entry:
    """Return the model that is called `name`.

    That is a name of the table; open_clip's NAME/PRETRAINED; NAME alone, for its first entry in the table; or
    hf-hub:ORG/REPO[@REVISION].

    Raises:
        ModelError: there is none; the message names the nearest. Or it is that of an ensemble.
    """
    if name.lower() in ensembles():
        each = ", ".join(members(name))
        raise ModelError(f"{name} is several CLIPs, for --clip, and one is needed here. Type one of: {each}")
    for entry in entries():
        if name.lower() == entry.name.lower():
            return entry
    for entry in entries():
        if name and name.lower() == entry.architecture.lower():
            return entry
    if name.startswith(HUB):
        return _on_the_hub(name)
    return _of_open_clip(name)


def _on_the_hub(name: str) -> Entry:
    found = _REPO.fullmatch(name.removeprefix(HUB))
    if found is None or ".." in name or "--" in found["repo"]:
        raise ModelError(
            f"{name}: not the name of a repository. Type {HUB}ORG/REPO or {HUB}ORG/REPO@REVISION."
        )
    repo, revision = found["repo"], found["revision"]
    for entry in entries():
        if entry.repo == repo and not entry.architecture and revision in (None, entry.revision):
            return entry
    return Entry(name, repo=repo, revision=revision)


def _of_open_clip(name: str) -> Entry:
    from clipart.models.hub import open_clip as import_open_clip

    open_clip = import_open_clip()

    architecture, _, tag = name.partition("/")
    about = open_clip.get_pretrained_cfg(architecture, tag) if tag else {}
    if not about:
        raise unknown(name, ("/".join(pair) for pair in open_clip.list_pretrained()))
    if not about.get("hf_hub"):
        raise ModelError(
            f"{name} is not on the hub. Fetch {about.get('url') or 'it'} yourself, "
            f"then type {architecture}@FILE."
        )
    require_whole(name, open_clip.get_model_config(architecture))
    repo, _, file = about["hf_hub"].rpartition("/")
    same = next((entry for entry in entries() if entry.repo == repo), Entry(name))
    return replace(same, name=name, repo=repo, file=file, architecture=architecture, about="")


def require_whole(name: str, model: dict[str, Any]) -> None:
    """Refuse a configuration of open_clip's that would make it fetch a part of the model by itself.

    Raises:
        ModelError: it names a text tower of transformers, or a tower elsewhere on the hub.
    """
    text, vision = model["text_cfg"], model["vision_cfg"]
    tower = str(vision.get("timm_model_name") or "")
    foreign = text.get("hf_model_name") or (tower if ":" in tower else "")
    if foreign:
        raise ModelError(
            f"{name} takes a part of itself from {foreign!r}, which open_clip would fetch by itself. "
            "Models with a text tower of transformers are not supported; those with its tokenizer only are, "
            "such as ViT-B-16-SigLIP2/webli, which reads many languages."
        )


def unknown(name: str, more: Iterable[str] = ()) -> ModelError:
    """Return the error for a name that no model has, with the nearest names."""
    known = list(dict.fromkeys([*(entry.name for entry in entries()), *ensembles(), *more]))
    hint = did_you_mean(name, known, 3, cutoff=0.4)
    architectures = {each.partition("/")[0] for each in known}
    if _REPO.fullmatch(name) and not nearest(name.partition("/")[0], architectures):
        hint = f" For a repository of the hub type {HUB}{name}."
    return ModelError(f"{name}: no such model.{hint} `clipart models` lists those with names.")
