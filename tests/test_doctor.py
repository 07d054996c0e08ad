"""`clipart doctor`: what is missing, too old or broken is said, with what to type."""

from __future__ import annotations

import json
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement

from clipart.cli import doctor, main
from clipart.errors import ModelError

ROOT = Path(__file__).parents[1]


def fail_with(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def requires(monkeypatch: pytest.MonkeyPatch, *lines: str, python: str = ">=3.11") -> None:
    """Let clipart be one that requires just this."""
    monkeypatch.setattr(doctor, "_declared", lambda: (list(lines), python))


def accelerators() -> list[str]:
    cuda = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return cuda + ["mps"] * torch.backends.mps.is_available()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of every embedded model."""
    from clipart.models import embedded

    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "weights").write_bytes(b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (folder / "SHA256SUMS").write_text(f"{right}  weights\n")
    monkeypatch.setattr(embedded, "folder", lambda name: folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_doctor_tells_what_is_wrong(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from clipart.models import embedded

    states = lambda: {f["name"]: f["state"] for f in json.loads(capsys.readouterr().out)["findings"]}  # noqa: E731
    requires(monkeypatch, "pytest>=1", "rich>=99.1")
    assert main(["doctor", "--json"]) == 1  # rich is too old
    names = [
        "clipart",
        "python",
        "pytest",
        "cpu",
        "libx264",
        "tiny",
        "tiny-80",
        "tiny-judge",
        "tiny-resnet",
        "tiny-vqgan",
    ]
    fine = dict.fromkeys([*names, "outputs", "own files", "downloads", *accelerators()], "ok")
    assert states() | {"clipart": "ok"} == fine | {"rich": "fail"}

    requires(monkeypatch, "pytest>=1")
    assert main(["doctor"]) == 0
    assert "Ready to make pictures." in capsys.readouterr().out

    (model / "weights").write_bytes(b"abd")
    assert main(["doctor"]) == 1
    assert "not as shipped: weights" in capsys.readouterr().out

    requires(monkeypatch, "no-such-thing>=1")
    monkeypatch.setattr(embedded, "folder", fail_with(ModelError("tiny is missing")))
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 2**80)
    assert main(["doctor", "--json"]) == 1
    found = states()
    assert (found["no-such-thing"], found["tiny"], found["outputs"]) == ("fail", "fail", "warn")


def test_a_film_encoder_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import av.codec

    monkeypatch.setattr(av.codec, "Codec", fail_with(ValueError("no libx264")))
    (found,) = doctor.encoders()
    assert found.state == "fail"
    assert "--video none" in found.todo


@pytest.mark.parametrize(
    ("line", "state", "says"),
    [
        ("rich>=13", "ok", metadata.version("rich")),
        ("rich>=99.1", "fail", "and clipart needs >=99.1"),
        ("rich>=1,<2", "fail", "and clipart needs <2,>=1"),
        ("no-such-thing>=3", "fail", "not installed"),
        ("PyYAML>=6", "ok", metadata.version("pyyaml")),
        ("open_clip_torch>=3.2", "ok", metadata.version("open-clip-torch")),
    ],
)
def test_a_library(monkeypatch: pytest.MonkeyPatch, line: str, state: str, says: str) -> None:
    requires(monkeypatch, line)
    *_, found = doctor.versions()
    assert (found.name, found.state) == (Requirement(line).name, state)
    assert says in found.text
    assert (found.todo == "") == (state == "ok")
    assert state == "ok" or found.todo.startswith(f'pip install "{found.name}')


def test_a_library_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    requires(monkeypatch, "rich>=1")
    monkeypatch.setattr(doctor, "import_module", fail_with(OSError("libfoo.so is missing\nand more")))
    *_, found = doctor.versions(deep=True)
    assert (found.state, found.text.split("; ")[1]) == ("fail", "OSError: libfoo.so is missing")
    *_, found = doctor.versions()
    assert found.state == "ok"
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    *_, found = doctor.versions()
    assert (found.state, found.text.split("; ")[1]) == ("fail", "ImportError: there is no module rich")


def test_what_is_for_other_systems_and_extras_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    requires(
        monkeypatch,
        'no-such-thing; sys_platform == "amiga"',
        'nor-this; extra == "dev"',
        "rich; os_name != ''",
    )
    assert [found.name for found in doctor.versions()] == ["clipart", "python", "rich"]


def test_parts_of_other_packages_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    from clipart.canvas import CANVASES
    from clipart.finish import FINISHES

    assert list(doctor.parts()) == []
    mosaic = metadata.EntryPoint("mosaic", "json:JSONDecoder", CANVASES.group)
    broken = metadata.EntryPoint("broken", "no_such_module:step", FINISHES.group)
    monkeypatch.setitem(vars(CANVASES), "_loaded", {})
    monkeypatch.setitem(vars(CANVASES), "foreign", {"mosaic": mosaic})
    monkeypatch.setitem(vars(FINISHES), "foreign", {"broken": broken})
    good, bad = doctor.parts()
    assert (good.name, good.state, good.text) == (
        "mosaic",
        "ok",
        "canvas of another package, json:JSONDecoder",
    )
    assert (bad.name, bad.state) == ("broken", "warn")
    assert "no_such_module" in bad.todo


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    requires(monkeypatch, python=">=99")
    *_, found = doctor.versions()
    assert (found.name, found.state) == ("python", "fail")


def test_requirements_are_those_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder, without a distribution, pyproject.toml says them."""
    monkeypatch.setattr(metadata, "metadata", fail_with(metadata.PackageNotFoundError("clipart")))
    found, python = doctor.requirements()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [str(each) for each in found] == [str(Requirement(line)) for line in project["dependencies"]]
    assert python == project["requires-python"]
    modules = doctor.import_names()
    assert {modules.get(name) for name in ("pillow", "pyyaml", "torch")} == {"PIL", "yaml", "torch"}
    assert modules["open-clip-torch"] == "open_clip"


def test_the_doctor_lives_without_what_it_needs(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["name"] for each in found if each["state"] == "fail"] == ["imports"]
