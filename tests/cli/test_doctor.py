"""`clipart doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_run import fail_with

from clipart.cli import main
from clipart.errors import ModelError


def test_doctor_tells_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    from clipart.cli import doctor
    from clipart.models import embedded

    model = tmp_path / "tiny"
    model.mkdir()
    (model / "weights").write_bytes(b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    monkeypatch.setattr(embedded, "folder", lambda name: model)
    monkeypatch.setattr(doctor, "LIBRARIES", (("json", "pytest", (1,)), ("rich", "rich", (99, 1))))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (model / "SHA256SUMS").write_text(f"{right}  weights\n")
    states = lambda: {f["name"]: f["state"] for f in json.loads(capsys.readouterr().out)["findings"]}  # noqa: E731

    assert main(["doctor", "--json"]) == 1  # rich is too old
    assert states() | {"clipart": "ok"} == dict.fromkeys(
        [
            "clipart",
            "python",
            "json",
            "cpu",
            "libx264",
            "tiny",
            "tiny-judge",
            "tiny-vqgan",
            "outputs",
            "downloads",
        ],
        "ok",
    ) | {"rich": "fail"} | dict.fromkeys(_accelerators(), "ok")

    monkeypatch.setattr(doctor, "LIBRARIES", (("json", "pytest", (1,)),))
    assert main(["doctor"]) == 0
    assert "Ready to make pictures." in capsys.readouterr().out

    (model / "weights").write_bytes(b"abd")
    assert main(["doctor"]) == 1
    assert "not as shipped: weights" in capsys.readouterr().out

    monkeypatch.setattr(doctor, "LIBRARIES", (("no_such_module", "no-such-thing", (1,)),))
    monkeypatch.setattr(embedded, "folder", fail_with(ModelError("tiny is missing")))
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 2**80)
    assert main(["doctor", "--json"]) == 1
    found = states()
    assert (found["no_such_module"], found["tiny"], found["outputs"]) == ("fail", "fail", "warn")


def _accelerators() -> list[str]:
    cuda = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return cuda + ["mps"] * torch.backends.mps.is_available()


def test_doctor_without_a_film_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    import av.codec

    from clipart.cli.doctor import encoders

    monkeypatch.setattr(av.codec, "Codec", fail_with(ValueError("no libx264")))
    (found,) = encoders()
    assert found.state == "fail"
    assert "--video none" in found.todo


def test_versions_are_compared_as_numbers() -> None:
    from clipart.cli.doctor import _numbers

    assert _numbers("2.10.1+cu130") == (2, 10, 1) > (2, 9)
    assert _numbers("3.0.0rc1") == (3, 0)
    assert _numbers("not installed") == ()
