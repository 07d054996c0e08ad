"""From a CLIP's spec (`clipart.models.spec`) to files on this machine that open_clip can build it from.

Nothing here goes to the network, and open_clip is never given a name that would make it go there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipart import limits
from clipart.errors import ModelError
from clipart.files import sha256, size_text
from clipart.inputs import read_bytes
from clipart.models import foreign, hub, registry, store
from clipart.models.config import Model, check_config, read_json, require_numbers
from clipart.models.spec import AT, LOCAL, ModelSpec
from clipart.near import did_you_mean


@dataclass(frozen=True)
class Source:
    """What open_clip needs to build a CLIP.

    Attributes:
        location: an architecture of open_clip's, or `local-dir:` and the folder of an open_clip_config.json.
        weights: the file of the weights.
        options: more for `open_clip.create_model`.
        digest: the SHA-256 of the weights, empty if nobody has computed it.
        tokenizer: the folder of a tokenizer of transformers', None where open_clip has its own.
    """

    location: str
    weights: Path
    options: dict[str, Any]
    digest: str = ""
    tokenizer: Path | None = None

    def identity(self) -> str:
        """Return a name that no other model has: of the weights, and of how they are used."""
        config = ""
        if self.location.startswith(LOCAL):
            path = Path(self.location.removeprefix(LOCAL)) / store.CONFIG
            config = read_bytes(path, limits.CONFIG_BYTES).decode()
        place = config or self.location
        parts = [self.digest or sha256(self.weights), place, json.dumps(self.options, sort_keys=True)]
        if self.tokenizer is not None:
            parts.append(sha256(self.tokenizer / foreign.FILE))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def find_source(name: str) -> Source:
    """Return the files of the CLIP called `name`, checked.

    Raises:
        ModelError: there is no such model, it is not on this machine, or a file is not what it was.
    """
    if (spec := ModelSpec(name)).place != "name":
        return _in_folder(spec) if spec.place == "folder" else _in_file(spec)
    entry = _find(name)
    files = store.checked(entry)
    options = _options(*name_and_tag(entry)) if entry.architecture else {}
    if files.config is not None:
        require_numbers(name, _require_ours(name, files.config), files.weights)
    location = _location(entry, files.config)
    folder = _tokenizer_of(entry, location)
    return Source(location, files.weights, options, files.sha256, folder)


def require_here(names: Iterable[str]) -> None:
    """Refuse to begin where several of the CLIPs called `names` are missing, all of them in one message.

    Raises:
        ModelError: two or more are not on this machine; a single one is refused where it is looked for.
    """
    entries = [_find(name) for name in dict.fromkeys(names) if ModelSpec(name).place == "name"]
    missing = [entry for entry in entries if store.locate(entry) is None]
    if len(missing) > 1:
        size = sum(entry.megabytes for entry in missing) * 1e6
        listed = " ".join(entry.name for entry in missing)
        raise ModelError(
            f"{len(missing)} models are not on this machine (about {size_text(size)}): "
            f"{listed.replace(' ', ', ')}.\nFetch them once: clipart models pull {listed}"
        )


def text_config(location: str) -> dict[str, Any]:
    """Return the `text_cfg` of the model at a location that `find_tokenizer` or a `Source` has."""
    if location.startswith(LOCAL):
        path = Path(location.removeprefix(LOCAL)) / store.CONFIG
        return dict(read_json(location, path)["model_cfg"]["text_cfg"])
    return dict(hub.open_clip().get_model_config(location)["text_cfg"])


def make_tokenizer(name: str, location: str, folder: Path | None) -> Any:
    """Return the tokenizer of the model called `name` at `location`; that of transformers' lies in `folder`.

    Raises:
        ModelError: the files are no tokenizer, or transformers is not installed.
    """
    if folder is None:
        return hub.open_clip().get_tokenizer(location)
    return foreign.read(name, folder, text_config(location))


def tokenizer_folder(name: str) -> Path | None:
    """Return the folder of the tokenizer of transformers' of the CLIP called `name`; None if it has none.

    Raises:
        ModelError: it is not on this machine.
    """
    location = find_tokenizer(name)
    if (spec := ModelSpec(name)).place == "name":
        return _tokenizer_of(_find(name), location)
    return _tokenizer_beside(name, location, spec.path if spec.place == "folder" else spec.path.parent)


def _tokenizer_of(entry: registry.Entry, location: str) -> Path | None:
    if entry.embedded or not foreign.is_foreign(text_config(location)):
        return None
    path = store.find_file(entry, foreign.FILE)
    if path is None:
        raise store.missing(entry, foreign.FILE)
    for name in foreign.FILES:
        if (path.parent / name).is_file():
            store.check_file(entry, path.parent / name)
    return path.parent


def _tokenizer_beside(name: str, location: str, folder: Path) -> Path | None:
    if not foreign.is_foreign(text_config(location)):
        return None
    if not (folder / foreign.FILE).is_file():
        raise ModelError(f"--clip {name}: there is no {foreign.FILE} in {folder}.")
    return folder


def find_tokenizer(name: str) -> str:
    """Return the location from which open_clip makes the tokenizer of `name`; no weights are needed.

    Raises:
        ModelError: there is no such model, or its configuration is not on this machine.
    """
    if (spec := ModelSpec(name)).place != "name":
        return f"{LOCAL}{_config_in(spec).parent}" if spec.place == "folder" else _architecture(spec.name)
    entry = _find(name)
    if entry.architecture:
        return entry.architecture
    found = store.locate(entry) if entry.embedded else None
    config = found[1] if found else store.find_file(entry, store.CONFIG)
    if config is None:
        raise store.missing(entry)
    return _location(entry, config)


def side(name: str) -> int:
    """Return the side, in pixels, of the squares that the CLIP called `name` takes; no weights are read.

    Raises:
        ModelError: there is no such model, or its configuration is not on this machine.
    """
    location = find_tokenizer(name)
    if location.startswith(LOCAL):
        return _require_ours(name, Path(location.removeprefix(LOCAL)) / store.CONFIG).side
    open_clip = hub.open_clip()

    found = open_clip.get_model_config(location)["vision_cfg"].get("image_size", 224)
    return int(found if isinstance(found, int) else found[0])


def name_and_tag(entry: registry.Entry) -> tuple[str, str]:
    """Return open_clip's name and tag of a model whose architecture it knows."""
    return entry.architecture, entry.name.rpartition("/")[2]


def _find(name: str) -> registry.Entry:
    entry = registry.find(name)
    if entry.kind != "clip":
        raise ModelError(f"{name} is no CLIP but a {entry.kind.upper()}. `clipart models` shows which are.")
    return entry


def _location(entry: registry.Entry, config: Path | None) -> str:
    if config is None:
        return entry.architecture
    _require_ours(entry.name, config)
    return f"{LOCAL}{config.parent}"


def _options(architecture: str, tag: str) -> dict[str, Any]:
    """Return how weights of open_clip's were trained: with which activation, mean and standard deviation."""
    open_clip = hub.open_clip()

    about = open_clip.get_pretrained_cfg(architecture, tag)
    preprocess = {key: list(about[key]) for key in ("mean", "std") if key in about}
    return {"force_quick_gelu": bool(about.get("quick_gelu")), "force_preprocess_cfg": preprocess}


def _in_folder(spec: ModelSpec) -> Source:
    config = _config_in(spec)
    folder = config.parent
    weights = next((folder / each for each in store.WEIGHTS if (folder / each).is_file()), None)
    if weights is None:
        raise ModelError(f"--clip {spec.name}: there is no {store.WEIGHTS[0]} in {folder}.")
    require_numbers(spec.name, _require_ours(spec.name, config), weights)
    location = f"{LOCAL}{folder}"
    return Source(location, weights, {}, tokenizer=_tokenizer_beside(spec.name, location, folder))


def _config_in(spec: ModelSpec) -> Path:
    config = spec.path / store.CONFIG
    if not config.is_file():
        raise ModelError(f"--clip {spec.name}: there is no {store.CONFIG} in {config.parent}.")
    _require_ours(spec.name, config)
    return config


def _in_file(spec: ModelSpec) -> Source:
    architecture = _architecture(spec.name)
    if not spec.path.is_file():
        raise ModelError(f"--clip {spec.name}: there is no file {spec.path}.")
    folder = _tokenizer_beside(spec.name, architecture, spec.path.parent)
    return Source(architecture, spec.path, {}, tokenizer=folder)


def _architecture(name: str) -> str:
    open_clip = hub.open_clip()

    architecture, _, path = name.partition(AT)
    known = open_clip.list_models()
    if architecture not in known or not path:
        hint = did_you_mean(architecture, known, 3)
        raise ModelError(f"--clip {name}: a file of weights is typed ARCHITECTURE@FILE.{hint}")
    registry.require_whole(name, open_clip.get_model_config(architecture))
    return architecture


def _require_ours(name: str, config: Path) -> Model:
    """Return what a configuration describes; refuse one that would load something from somewhere else."""
    found = read_json(name, config)
    model = found.get("model_cfg")
    towers = [model.get(tower) for tower in ("text_cfg", "vision_cfg")] if isinstance(model, dict) else [None]
    if isinstance(model, dict) and all(isinstance(tower, dict) for tower in towers):
        registry.require_whole(name, model)
    return check_config(name, config, found)
