"""`clipart doctor`: what the main job needs, whether it is there, and what to do if not.

Every check is a small function that yields findings; nothing here goes to the network or leaves a file.
"""

from __future__ import annotations

import os
import platform
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clipart.cli.sink import Sink
from clipart.errors import ClipartError
from clipart.files import free_space, require_folder, size_text

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from rich.text import Text

    from clipart.tables import Table

State = Literal["ok", "warn", "fail"]
MARKS = {"ok": ("ok", "green"), "warn": ("warn", "bold yellow"), "fail": ("fail", "bold red")}
OURS, VERSIONS = "clipart", "Versions"
WIDTH = 15  # columns of a name; few are longer
NOT_INSTALLED = "not installed"
ENOUGH_DISK = 500_000_000  # bytes; a run of the main job leaves a few MB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: where it belongs, what it is, how it is, and what to do about it."""

    group: str
    name: str
    state: State
    text: str
    todo: str = ""


def check_up(sink: Sink, deep: bool = False) -> int:
    """Print every finding; return 1 if one of them stops the main job, else 0.

    With `deep` every library is imported, which takes seconds; without it, only its version is looked at, and
    whether its modules are there.
    """
    findings: list[Finding] = []
    for check in (partial(versions, deep), devices, encoders, models, parts, folders):
        for finding in _guarded(check):
            if not findings or findings[-1].group != finding.group:
                sink.show("", f" {finding.group}")
            findings.append(finding)
            sink.show(*_lines(finding))
    failed = [finding for finding in findings if finding.state == "fail"]
    sink.event("doctor", ok=not failed, findings=[asdict(finding) for finding in findings])
    bad = f"{len(failed)} of {len(findings)} must be put right first."
    sink.show("", f" {bad if failed else 'Ready to make pictures.'}", "")
    return 1 if failed else 0


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield the findings of `check`; a library that it needs itself and that is missing is one of them."""
    try:
        yield from check()
    except ImportError as error:
        todo = "pip install --force-reinstall clipart"
        group = getattr(check, "func", check).__name__.capitalize()
        yield Finding(group, "imports", "fail", f"{error}", todo)


def version_of(distribution: str) -> str:
    """Return the installed version of a distribution, or "not installed"."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED


def versions(deep: bool = False) -> Iterator[Finding]:
    """Look at Python and every library that clipart requires: its version, and if `deep` whether it works."""
    ours = version_of(OURS)
    if ours == NOT_INSTALLED:
        yield Finding(VERSIONS, OURS, "warn", ours, "It runs from a folder. To install it: pip install .")
    else:
        yield Finding(VERSIONS, OURS, "ok", ours)
    needed, python = requirements()
    yield _python(python)
    modules = import_names()
    for requirement in needed:
        yield _library(requirement, modules, deep)


def requirements() -> tuple[list[Requirement], str]:
    """Return what clipart requires on this system, without its extras, and which versions of Python.

    That is what the installed distribution says, or the pyproject.toml of a folder that it runs from.
    """
    from packaging.requirements import Requirement

    listed, python = _declared()
    found = [Requirement(line) for line in listed]
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})], python


def _declared() -> tuple[list[str], str]:
    try:
        about = metadata.metadata(OURS).json
        return list(about.get("requires_dist", [])), str(about.get("requires_python", ""))
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        return [], ""
    about = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    return list(about["dependencies"]), str(about["requires-python"])


def import_names() -> dict[str, str]:
    """Return the name under which each installed distribution is imported, by its canonical name.

    Of several modules in one distribution it is the one with the shortest name.
    """
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for module, distributions in sorted(metadata.packages_distributions().items()):
        for name in map(canonicalize_name, distributions):
            if not module.startswith("_") and (name not in found or len(module) < len(found[name])):
                found[name] = module
    return found


def _python(wanted: str) -> Finding:
    from packaging.specifiers import SpecifierSet

    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Finding(VERSIONS, "python", "ok", version)
    todo = "Install such a Python, and clipart with it."
    return Finding(VERSIONS, "python", "fail", f"{version}, and clipart needs {wanted}", todo)


def _library(requirement: Requirement, modules: Mapping[str, str], deep: bool) -> Finding:
    from packaging.utils import canonicalize_name

    name, version = requirement.name, version_of(requirement.name)
    install = f'pip install "{name}{requirement.specifier}"'
    if version == NOT_INSTALLED:
        return Finding(VERSIONS, name, "fail", version, install)
    if not requirement.specifier.contains(version, prereleases=True):
        needed = f"{version}, and clipart needs {requirement.specifier}"
        return Finding(VERSIONS, name, "fail", needed, install)
    module = modules.get(canonicalize_name(name), name)
    try:
        if deep:
            _import(module)
        elif find_spec(module) is None:
            raise ImportError(f"there is no module {module}")
    except Exception as error:  # whatever goes wrong within a library, the doctor reports it
        reason = (str(error).splitlines() or [""])[0]
        return Finding(VERSIONS, name, "fail", f"{version}; {type(error).__name__}: {reason}", install)
    return Finding(VERSIONS, name, "ok", version)


def _import(module: str) -> None:
    from clipart.models.hub import set_aside

    with set_aside():
        import_module(module)


def devices() -> Iterator[Finding]:
    """Look at what can compute, how much memory it has, and which would be taken."""
    group = "Devices"
    try:
        import torch

        from clipart.device import has_bfloat16, pick_device
    except ImportError:
        yield Finding(group, "torch", "fail", "cannot be imported, so no device can be used", "See above.")
        return
    chosen = pick_device("auto")
    found = [(torch.device("cpu"), f"{torch.get_num_threads()} threads, {size_text(_memory())} of memory")]
    if torch.backends.mps.is_available():
        found.append((torch.device("mps"), "Apple GPU"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(index)
        found.append(
            (torch.device("cuda", index), f"{about.name}, {size_text(about.total_memory)} of memory")
        )
    for device, text in found:
        arithmetic = "bfloat16 in hardware" if has_bfloat16(device) else "float32"
        mark = ", chosen" if device.type == chosen.type and (device.index or 0) == (chosen.index or 0) else ""
        yield Finding(group, str(device), "ok", f"{text}, {arithmetic}{mark}")


def encoders() -> Iterator[Finding]:
    """Look at the encoder of the film."""
    group, todo = "Film", "pip install --upgrade av, or do without a film: --video none"
    try:
        import av

        av.codec.Codec("libx264", "w")
    except (ImportError, ValueError) as error:
        yield Finding(group, "libx264", "fail", f"not there ({type(error).__name__}): {error}", todo)
    else:
        yield Finding(group, "libx264", "ok", f"H.264 through PyAV {av.__version__}")


def models() -> Iterator[Finding]:
    """Look at the embedded models: there, and as they were shipped."""
    from clipart.models import embedded, store

    group, todo = "Embedded models", "Install clipart again."
    for name in embedded.NAMES:
        try:
            folder = embedded.folder(name)
        except ClipartError as error:
            yield Finding(group, name, "fail", str(error), todo)
            continue
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        wrong = list(store.not_as_shipped(folder))
        text = f"{size_text(sum(path.stat().st_size for path in files))} in {folder}"
        if wrong:
            yield Finding(group, name, "fail", f"not as shipped: {', '.join(wrong)}", todo)
        else:
            yield Finding(group, name, "ok", text)


def parts() -> Iterator[Finding]:
    """Look at the canvases, processes, finish steps and presets of other packages, and whether they load."""
    from clipart.canvas import CANVASES
    from clipart.finish import FINISHES
    from clipart.presets import foreign_presets, load_preset
    from clipart.process import PROCESSES

    tables: tuple[Table[Any], ...] = (CANVASES, PROCESSES, FINISHES)
    for table in tables:
        for name, point in table.foreign.items():
            text = f"{table.kind} of {point.dist.name if point.dist else 'another package'}, {point.value}"
            try:
                table[name]
            except ClipartError as error:
                yield Finding("Parts of other packages", name, "warn", text, str(error))
            else:
                yield Finding("Parts of other packages", name, "ok", text)
    for name, path in foreign_presets().items():
        try:
            load_preset(name)
        except ClipartError as error:
            yield Finding("Parts of other packages", name, "warn", f"preset, {path}", str(error))
        else:
            yield Finding("Parts of other packages", name, "ok", f"preset, {path}")


def folders() -> Iterator[Finding]:
    """Look at where pictures and downloaded models go, and at the room there."""
    group, here = "Folders", Path.cwd()
    try:
        require_folder(here / "outputs")
    except ClipartError as error:
        yield Finding(group, "outputs", "fail", str(error))
    else:
        yield _room(group, "outputs", here / "outputs", "")
    yield _own_files(group)
    yield from _downloads(group)


def _own_files(group: str) -> Finding:
    from clipart.models.home import ELSEWHERE, NoHomeError, home

    try:
        folder = home()
    except NoHomeError:
        text = "no home folder, so nothing is remembered from run to run"
        return Finding(group, "own files", "warn", text, f"To have one, {ELSEWHERE}.")
    if _may_be_used(folder):
        return Finding(group, "own files", "ok", str(folder))
    return Finding(
        group, "own files", "warn", f"{folder} cannot be read and written", f"To have another, {ELSEWHERE}."
    )


def _downloads(group: str) -> Iterator[Finding]:
    from clipart.models import hub

    for name, why in hub.wrong_variables().items():
        text = f"{why}; until then nothing can be fetched"
        yield Finding(group, name, "warn", text, f"Set it right, or remove it: unset {name}")
    cache = hub.cache_folder()
    if not _may_be_used(cache):
        text, todo = f"{cache} cannot be read and written", "Set HF_HOME to a folder elsewhere."
        yield Finding(group, "downloads", "warn", text, todo)
        return
    sizes = (path.lstat() for path in cache.rglob("*"))
    used = sum(about.st_size for about in sizes if stat.S_ISREG(about.st_mode))
    yield _room(group, "downloads", cache, "", f"{size_text(used)} in ")


def _may_be_used(folder: Path) -> bool:
    """Say whether this process may read and write a folder, or make it."""
    there = folder if folder.is_absolute() else Path.cwd() / folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    return there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)


def _room(group: str, name: str, folder: Path, todo: str, prefix: str = "") -> Finding:
    free = free_space(folder)
    text = f"{prefix}{folder}, {size_text(free)} free"
    if todo:
        return Finding(group, name, "fail", text, todo)
    if free < ENOUGH_DISK:
        return Finding(group, name, "warn", text, "Make room on this disk.")
    return Finding(group, name, "ok", text)


def _memory() -> int:
    """Return the bytes of memory that the CPU has, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _lines(finding: Finding) -> list[Text]:
    from rich.text import Text

    mark, style = MARKS[finding.state]
    lines = [Text.assemble("  ", (f"{mark:<4}", style), f"  {finding.name:<{WIDTH}}  {finding.text}")]
    if finding.todo:
        lines.append(Text(f"        {'':<{WIDTH}}  {finding.todo}", "yellow"))
    return lines
