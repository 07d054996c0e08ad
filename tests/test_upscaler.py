"""Enlarging by a network in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clipart.cli import main
from clipart.errors import ModelError, UsageError
from clipart.finish.chain import make_chain
from clipart.finish.upscaler import TILE, read_upscaler
from clipart.pictures import open_picture, to_pil

spandrel = pytest.importorskip("spandrel", reason='no spandrel: pip install "clipart[upscale]"')


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of a published architecture with random weights, that doubles the size."""
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("models") / "double.safetensors"
    save_file(SRVGGNetCompact(num_feat=8, num_conv=2, upscale=2).state_dict(), path)
    return path


def test_the_picture_goes_through_it_in_tiles(network: Path) -> None:
    image = torch.rand(3, TILE + 40, 24, generator=torch.Generator().manual_seed(1))
    model = spandrel.ModelLoader("cpu").load_from_file(network)
    with torch.no_grad():
        whole = model(image[None])[0].clamp(0, 1)
    enlarged = make_chain(["upscale"], {"upscale": read_upscaler(network)})(image)
    assert enlarged.shape == (3, 2 * (TILE + 40), 48)
    assert torch.allclose(enlarged, whole, atol=1e-5)


def test_the_times_are_its_own(network: Path) -> None:
    with pytest.raises(UsageError, match=r"upscale:4: times goes from 2 to 2"):
        make_chain(["upscale:4"], {"upscale": read_upscaler(network)})


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_upscaler(tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match=r"only a file that ends in \.safetensors"):
        read_upscaler(tmp_path / "a.pth")
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.ones(2)}, other)
    with pytest.raises(ModelError, match="knows no network with these weights"):
        read_upscaler(other)


def test_the_command_enlarges_with_it(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    to_pil(torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(1))).save("a.png")
    assert main(["finish", "a.png", "--finish", "upscale:2", "--upscaler", str(network)]) == 0
    assert open_picture(Path("a-finished.png")).size == (80, 64)
    assert main(["finish", "a.png", "--finish", "clean", "--upscaler", str(network)]) == 2
    assert "--upscaler is for the step upscale" in capsys.readouterr().err
