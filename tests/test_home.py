"""Our own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from clipart.errors import ClipartError
from clipart.models.home import NoHomeError, cache, cached, config, home, write


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a person who has set nothing."""
    for name in ("CLIPART_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_on_linux_nothing_has_moved(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home() == user / ".local" / "share" / "clipart"
    assert config() == user / ".config" / "clipart"
    assert cache() == user / ".cache" / "clipart"
    for name, folder in (("DATA", home), ("CONFIG", config), ("CACHE", cache)):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(user / name))
        assert folder() == user / name / "clipart"
    assert list(user.iterdir()) == []


def test_one_folder_for_all(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPART_HOME", os.path.join("~", "ours"))  # noqa: PTH118 (a shell may leave it so)
    assert home() == config() == cache() == user / "ours"


def test_what_an_earlier_version_cached_is_found(user: Path) -> None:
    assert cached("texts/a") == cache() / "texts" / "a"
    write(home() / "texts" / "a", b"old")
    assert cached("texts/a").read_bytes() == b"old"
    assert cached("texts/b") == cache() / "texts" / "b"


def test_an_old_folder_on_a_mac_stays_in_use(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    before = user / "Library" / "Application Support" / "clipart"
    monkeypatch.setenv("XDG_DATA_HOME", str(user / "data"))
    assert home() == user / "data" / "clipart"
    before.mkdir(parents=True)
    assert home() == before
    (user / "data" / "clipart").mkdir(parents=True)
    assert home() == user / "data" / "clipart"


def test_a_place_that_cannot_be_written(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ClipartError, match=r"a\.json: this place is read-only to you\. Set CLIPART_HOME to"):
        write(home() / "a.json", b"{}")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a home is found in other ways")
def test_a_person_without_a_home_has_no_cache_and_that_is_all(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    from clipart.critic.texts import encode
    from clipart.models import ledger, registry, store

    def nobody(_: object) -> None:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for folder in (home, config, cache, lambda: cached("a")):
        with pytest.raises(NoHomeError, match="CLIPART_HOME"):
            folder()
    monkeypatch.setenv("CLIPART_HOME", "~/ours")
    with pytest.raises(NoHomeError):
        home()
    monkeypatch.delenv("CLIPART_HOME")
    assert ledger.read() == {}
    assert "CLIPART_HOME" in str(store.missing(registry.find("fare4-b32")))
    vectors = torch.nn.functional.normalize(torch.ones(100, 4), dim=1)
    assert encode(["a"] * 100, lambda texts: vectors[: len(texts)], lambda: "x").shape == (100, 4)
    monkeypatch.setenv("CLIPART_HOME", str(user))
    assert home() == user
