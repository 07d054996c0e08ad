"""The VQGAN and its canvas: shapes, codes, gradients, seeds, and a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from clipart.canvas.vqgan import VqganCanvas
from clipart.errors import ClipartError, ModelError
from clipart.loop import go_on, iterate
from clipart.models import embedded
from clipart.models.needed import load_needed
from clipart.models.vqgan import METADATA, Vqgan, VqganConfig, build_network, load_vqgan
from clipart.recipe import make_recipe
from clipart.rng import stream
from clipart.session import Session

CPU = torch.device("cpu")
SMALL = {"ch": 32, "ch_mult": (1, 1), "num_res_blocks": 1, "z_channels": 8, "resolution": 16}
SHAPES: dict[str, dict[str, Any]] = {
    "f2": SMALL,
    "f16": SMALL | {"ch": 64, "ch_mult": (1,) * 5, "attn_resolutions": (1,)},
    "gumbel": SMALL | {"gumbel": True, "embed_dim": 8},
    "patches": SMALL | {"patch": 4, "attention": False},
}


def write(folder: Path, shape: str, **changes: Any) -> str:
    """Write a VQGAN with random weights; return its path."""
    config = VqganConfig.model_validate({"n_embed": 24, "embed_dim": 4} | SHAPES[shape] | changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_network(config).state_dict()
    path = folder / f"{shape}.safetensors"
    name = "quantize.embed.weight" if config.gumbel else "quantize.embedding.weight"
    state[name] = torch.randn(state[name].shape, generator=stream(0, "init"))  # of a spread as after training
    save_file(state, path, {METADATA: config.model_dump_json()})
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("vqgan")
    return {shape: write(folder, shape) for shape in SHAPES}


@pytest.fixture(scope="module")
def small(files: dict[str, str]) -> Vqgan:
    return load_vqgan(files["f2"], CPU, "float32")


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=stream(seed, "init"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(16, 16), (17, 33), (5, 40)])
def test_any_size_goes_there_and_back(files: dict[str, str], shape: str, size: tuple[int, int]) -> None:
    vqgan = load_vqgan(files[shape], CPU, "float32")
    factor = vqgan.factor
    rows, columns = (-(-side // factor) for side in size)
    latent = vqgan.encode(picture(*size))
    assert latent.shape == (1, vqgan.config.embed_dim, rows, columns)
    assert vqgan.decode(latent).shape == (1, 3, rows * factor, columns * factor)
    canvas = VqganCanvas(picture(*size), vqgan)
    assert canvas().shape == (1, 3, *size)
    assert torch.equal(canvas(), vqgan.decode(latent)[..., : size[0], : size[1]])
    assert canvas().dtype == torch.float32


def test_factors(files: dict[str, str]) -> None:
    assert {shape: load_vqgan(path, CPU).factor for shape, path in files.items()} == {
        "f2": 2,
        "f16": 16,
        "gumbel": 2,
        "patches": 8,
    }


@pytest.mark.parametrize(
    ("gumbel", "n_embed", "mults", "attention", "millions"),
    [
        (False, 1024, (1, 1, 2, 2, 4), 16, 72.1),
        (False, 16384, (1, 1, 2, 2, 4), 16, 76.1),
        (True, 8192, (1, 1, 2, 4), 32, 69.0),
    ],
)
def test_published_shapes(
    gumbel: bool, n_embed: int, mults: tuple[int, ...], attention: int, millions: float
) -> None:
    config = VqganConfig(
        n_embed=n_embed, embed_dim=256, z_channels=256, ch=128, ch_mult=mults, num_res_blocks=2,
        attn_resolutions=(attention,), gumbel=gumbel,
    )  # fmt: skip
    with torch.device("meta"):
        network = build_network(config)
        latent = network.quant_conv(network.encoder(torch.empty(1, 3, 256, 256)))
        image = network.decoder(network.post_quant_conv(latent))
    assert latent.shape == (1, 256, 256 // config.factor, 256 // config.factor)
    assert image.shape == (1, 3, 256, 256)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize("shape", ["f2", "gumbel"])
def test_latents_go_to_the_nearest_code(
    files: dict[str, str], shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vqgan = load_vqgan(files[shape], CPU)
    depth = vqgan.config.embed_dim
    latent = torch.randn(1, depth, 5, 7, generator=stream(3, "init"))
    nearest = torch.cdist(latent.flatten(2)[0].T, vqgan.codebook).argmin(dim=1)
    expected = vqgan.codebook[nearest].T.view(1, depth, 5, 7)
    assert torch.equal(vqgan.nearest(latent), expected)
    monkeypatch.setattr("clipart.models.vqgan._DISTANCES_AT_ONCE", 100)  # in many parts
    assert torch.equal(vqgan.nearest(latent), expected)
    codes = vqgan.encode(picture(16, 16))
    assert torch.equal(vqgan.nearest(codes), codes)


def test_the_gradient_goes_straight_through_the_codes(small: Vqgan) -> None:
    canvas = VqganCanvas(picture(12, 12), small)
    with torch.no_grad():
        canvas.latent.add_(0.01)  # off the codes
    weights = picture(12, 12, seed=1)
    (canvas() * weights).sum().backward()
    code = small.nearest(canvas.low + canvas.span * canvas.latent.detach()).requires_grad_()
    (small.decode(code) * weights).sum().backward()
    assert code.grad is not None
    assert canvas.latent.grad is not None
    assert torch.allclose(canvas.latent.grad, code.grad * canvas.span)
    assert canvas.latent.grad.abs().min() > 0
    assert [name for name, _ in canvas.named_parameters()] == ["latent"]
    assert not any(p.requires_grad for p in small._network.parameters())


def test_projection_keeps_latents_in_the_codebook(small: Vqgan) -> None:
    canvas = VqganCanvas(picture(12, 12), small)
    with torch.no_grad():
        canvas.latent.copy_(5 * torch.randn(canvas.latent.shape, generator=stream(0, "init")))
    canvas.project(0.5)
    latent = (canvas.low + canvas.span * canvas.latent.detach()).flatten(2)[0]
    low, high = small.codebook.amin(dim=0)[:, None], small.codebook.amax(dim=0)[:, None]
    assert (latent >= low - 1e-6).all()
    assert (latent <= high + 1e-6).all()
    assert torch.allclose(latent.amax(dim=1), high[:, 0])


def test_pull_draws_to_the_middle_and_fades_out(small: Vqgan) -> None:
    def moved(progress: float) -> float:
        canvas = VqganCanvas(picture(12, 12), small, pull=0.1)
        before = (canvas.latent.detach() - canvas.middle).norm()
        canvas.project(progress)
        return float((canvas.latent.detach() - canvas.middle).norm() / before)

    assert moved(0) == pytest.approx(0.9, abs=1e-4)
    assert moved(0.5) == pytest.approx(0.95, abs=1e-4)
    assert moved(1) == pytest.approx(1, abs=1e-4)


def test_random_codes_come_from_the_generator(small: Vqgan) -> None:
    def start(seed: int, codes: float) -> torch.Tensor:
        return VqganCanvas(picture(16, 16), small, generator=stream(seed, "init"), codes=codes)().detach()

    before = torch.get_rng_state()
    assert torch.equal(start(1, 1.0), start(1, 1.0))
    assert not torch.equal(start(1, 1.0), start(2, 1.0))
    assert torch.equal(start(1, 0.0), VqganCanvas(picture(16, 16), small)().detach())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_canvas_gets_the_models_that_it_needs(small: Vqgan) -> None:
    recipe = make_recipe({"prompt": "a", "canvas": "vqgan", "codes": 0.0})
    built = VqganCanvas.build(picture(16, 16), recipe, {"vqgan": small}, None)
    assert built.vqgan is small
    with pytest.raises(ClipartError, match=r"asks for the model 'nothing'. There is: vqgan"):
        load_needed("nothing", recipe, CPU)


def test_bfloat16_is_close(files: dict[str, str], small: Vqgan) -> None:
    rough = load_vqgan(files["f2"], CPU, "bfloat16")
    latent = small.encode(picture(16, 16))
    assert rough.codebook.dtype == torch.float32
    assert (rough.decode(latent) - small.decode(latent)).abs().mean() < 0.02


def test_a_run_on_latents(settings: dict[str, Any], files: dict[str, str]) -> None:
    values = settings | {"canvas": "vqgan", "vqgan": files["patches"], "lr": 0.2, "ema": 0}
    one, same, other = ([*iterate(make_recipe(values | {"seed": seed}))] for seed in (1, 1, 2))
    assert torch.equal(one[-1].image, same[-1].image)
    assert one[-1].losses == same[-1].losses
    assert not torch.equal(one[1].image, other[1].image)
    assert not torch.equal(one[1].image, one[-1].image)
    assert one[-1].image.shape == (3, 40, 40)


def test_stages_go_from_latents_to_pixels_and_back(settings: dict[str, Any], files: dict[str, str]) -> None:
    stages = [
        {"name": "shapes", "share": 1, "canvas": "vqgan", "scale": 0.5},
        {"name": "details", "share": 1, "canvas": "multires"},
        {"name": "tidy", "share": 1, "canvas": "vqgan"},
    ]
    recipe = make_recipe(settings | {"stages": stages, "vqgan": files["f2"], "width": 36})
    session = Session(recipe)
    kinds = []
    for it in go_on(session):
        assert it.image.shape == (3, 40, 36)
        kinds.append(type(session.canvas).__name__)
        if it.step == 3:
            state = {name: value.clone() for name, value in session.state().items()}
    assert kinds[1:] == ["VqganCanvas"] * 2 + ["MultiResCanvas"] * 2 + ["VqganCanvas"] * 2
    *_, last = go_on(Session.restore(state, recipe))
    assert torch.equal(last.image, it.image)


def test_an_init_picture_is_encoded_alone(
    settings: dict[str, Any], files: dict[str, str], tmp_path: Path
) -> None:
    from clipart.record.files import save_png

    save_png(picture(40, 40)[0], tmp_path / "init.png")
    values = settings | {
        "canvas": "vqgan",
        "vqgan": files["f2"],
        "init": str(tmp_path / "init.png"),
        "init_strength": 1,
    }
    canvas = Session(make_recipe(values)).canvas
    assert isinstance(canvas, VqganCanvas)
    assert torch.equal(canvas(), VqganCanvas(canvas.start, canvas.vqgan)())


def test_taming_is_loaded_only_for_latents_and_quietly() -> None:
    code = (
        "import sys, clipart.canvas; assert not {'taming', 'einops'} & set(sys.modules);"
        "from clipart.models.vqgan import VqganConfig, build_network as b;"
        f"b(VqganConfig(n_embed=9, embed_dim=4, **{SMALL}));"
        "assert not {'pytorch_lightning', 'lightning', 'omegaconf', 'torchvision'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)
    assert done.stdout == b""


def test_what_cannot_be_loaded_says_so(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 99)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "shape.safetensors", {METADATA: '{"ch": 33}'})
    config = VqganConfig.model_validate({"n_embed": 24, "embed_dim": 4} | SMALL)
    save_file({"x": torch.zeros(1)}, tmp_path / "less.safetensors", {METADATA: config.model_dump_json()})
    for name, says in {
        "none": "no such file",
        "junk.safetensors": "convert it first",
        "other.safetensors": "not of a VQGAN",
        "shape.safetensors": "cannot be",
        "less.safetensors": "do not fit",
    }.items():
        with pytest.raises(ModelError, match=says):
            load_vqgan(str(tmp_path / name), CPU)


def test_a_package_without_its_vqgan_says_so(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_HERE", tmp_path)
    for values in ({"canvas": "vqgan"}, {"stages": [{"name": "last", "share": 1, "canvas": "vqgan"}]}):
        with pytest.raises(ModelError, match="Install clipart again") as raised:
            Session(make_recipe(settings | values))
        assert raised.value.exit_code == 3


def test_the_embedded_vqgan_shows_what_it_is_given() -> None:
    vqgan = load_vqgan(None, CPU, "float32")
    assert embedded.weights(embedded.VQGAN).stat().st_size < 6e6
    scene = torch.ones(1, 3, 64, 64)
    scene[:, :, 16:48, 16:48] = torch.tensor([0.9, 0.2, 0.1]).view(3, 1, 1)
    seen = vqgan.decode(vqgan.encode(scene))
    assert (seen - scene).abs().mean() < 0.05
