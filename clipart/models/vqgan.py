"""A VQGAN: pictures to codes and back, with the encoder, decoder and quantiser of taming-transformers.

Esser, Rombach and Ommer, "Taming Transformers for High-Resolution Image Synthesis", arXiv 2012.09841.
A VQGAN is one safetensors file with its configuration in the metadata, as `clipart models convert` writes it.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from clipart.device import pick_dtype
from clipart.errors import ModelError
from clipart.models import embedded, registry
from clipart.models.spec import ModelSpec
from clipart.models.weights import require_safe
from clipart.text import brief

METADATA = "clipart.vqgan"  # the key of the configuration in a file's metadata
_DISTANCES_AT_ONCE = 2**24  # entries of the table of distances from latents to codes, 64 MiB
_GROUPS = 32  # of taming's GroupNorm; channel counts are multiples of it


class VqganConfig(BaseModel):
    """The shape of a VQGAN: taming's `ddconfig` and codebook, under taming's names, and two keys of ours.

    Attributes:
        gumbel: the codes are found by a 1x1 convolution (taming's `GumbelQuantize`), not by distance.
        patch: side of the squares of pixels that are folded into channels around the network; 1 is taming's.
        attention: attention in the middle of both halves, as taming has it always. Without it a decoder is
            local, and does at any size what it does at the size it was trained at.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    n_embed: int = Field(ge=2, le=2**20)
    embed_dim: int = Field(ge=1, le=4096)
    z_channels: int = Field(ge=1, le=4096)
    ch: int = Field(ge=1, le=1024)
    ch_mult: tuple[int, ...] = Field(min_length=1, max_length=8)
    num_res_blocks: int = Field(ge=1, le=16)
    attn_resolutions: tuple[int, ...] = Field((), max_length=8)
    resolution: int = Field(256, ge=8, le=8192)
    resamp_with_conv: bool = True
    gumbel: bool = False
    patch: int = Field(1, ge=1, le=16)
    attention: bool = True

    @model_validator(mode="after")
    def _channels_fit(self) -> Self:
        widths = [self.ch, *(self.ch * mult for mult in self.ch_mult)]
        if any(width % _GROUPS or not 0 < width <= 4096 for width in widths):
            raise ValueError(f"channels {widths} must be multiples of {_GROUPS}, up to 4096")
        if self.gumbel and self.embed_dim != self.z_channels:
            raise ValueError("a Gumbel VQGAN needs embed_dim and z_channels to be equal")
        return self

    @property
    def factor(self) -> int:
        """Pixels along a side of what one code stands for."""
        return self.patch << len(self.ch_mult) - 1


def build_network(config: VqganConfig) -> Any:
    """Return the network, parameters named as in taming's checkpoints, on torch's current device.

    `taming.models` is not imported: it needs a Lightning of its time. `taming.modules` needs none.

    Raises:
        ModelError: taming's modules are not installed, or are of the release without this quantiser.
    """
    try:
        from taming.modules.diffusionmodules.model import Decoder, Encoder
        from taming.modules.vqvae.quantize import GumbelQuantize, VectorQuantizer2
    except ImportError as error:
        raise ModelError(
            f"A VQGAN needs taming's modules ({error}). Type: pip install taming-transformers-rom1504 einops"
        ) from error

    size = dict(
        config.model_dump(include={"ch", "ch_mult", "num_res_blocks", "attn_resolutions", "z_channels"})
    )
    colours = 3 * config.patch**2
    size |= {
        "in_channels": colours,
        "out_ch": colours,
        "resolution": config.resolution // config.patch,
        "resamp_with_conv": config.resamp_with_conv,
        "double_z": False,
    }
    network: Any = nn.Module()
    with redirect_stdout(io.StringIO()):  # taming's decoder prints its shape; stdout is for results
        network.encoder, network.decoder = Encoder(**size), Decoder(**size)
    if not config.attention:
        network.encoder.mid.attn_1 = network.decoder.mid.attn_1 = nn.Identity()
    network.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
    network.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
    if config.gumbel:
        network.quantize = GumbelQuantize(config.z_channels, config.embed_dim, n_embed=config.n_embed)
    else:
        network.quantize = VectorQuantizer2(config.n_embed, config.embed_dim, beta=0.25, legacy=False)
    return network


@dataclass(frozen=True)
class Vqgan:
    """A loaded VQGAN, frozen, on its device.

    Attributes:
        name: what the user called it.
        dtype: the arithmetic of encoder and decoder; codes are always float32.
        codebook: (n_embed, embed_dim) float32.
    """

    name: str
    config: VqganConfig
    device: torch.device
    dtype: torch.dtype
    codebook: Tensor
    _network: Any

    @property
    def factor(self) -> int:
        """Pixels along a side of what one code stands for."""
        return self.config.factor

    @cached_property
    def _quantizer(self) -> Any:
        from taming.modules.vqvae.quantize import VectorQuantizer2

        with torch.device("meta"):  # drawing weights here would move torch's global generator
            quantizer = VectorQuantizer2(*self.codebook.shape, beta=0.25, legacy=False)
        quantizer.embedding.weight = nn.Parameter(self.codebook, requires_grad=False)
        return quantizer

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """Return the codes of `image`, (1, 3, height, width) RGB in [0, 1], as (1, embed_dim, rows, columns).

        Any size: what is missing to multiples of `factor` is the edge repeated, at the right and the bottom.
        """
        height, width = image.shape[-2:]
        image = F.pad(image, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        folded = F.pixel_unshuffle(2 * image.to(self.device, self.dtype) - 1, self.config.patch)
        seen = self._network.quant_conv(self._network.encoder(folded))
        if self.config.gumbel:
            indices = self._network.quantize.proj(seen).argmax(dim=1)
            return self.codebook[indices].permute(0, 3, 1, 2).contiguous()
        return self.nearest(seen.float())

    def decode(self, latent: Tensor) -> Tensor:
        """Return the image of `latent`, (1, 3, factor * rows, factor * columns) float32, in about [0, 1]."""
        seen = self._network.post_quant_conv(latent.to(self.device, self.dtype))
        image: Tensor = F.pixel_shuffle(self._network.decoder(seen), self.config.patch)
        return (image.float() + 1) / 2

    @torch.no_grad()
    def nearest(self, latent: Tensor) -> Tensor:
        """Return `latent`, (1, embed_dim, rows, columns) float32, with each column at its nearest code."""
        flat = latent.flatten(2)
        parts = torch.split(flat, max(1, _DISTANCES_AT_ONCE // len(self.codebook)), dim=2)
        found = [self._quantizer(part.unsqueeze(-1))[2][2].flatten() for part in parts]
        _, depth, rows, columns = latent.shape
        codes: Tensor = self._quantizer.get_codebook_entry(torch.cat(found), (1, rows, columns, depth))
        return codes


def vqgan_file(name: str | None) -> Path:
    """Return the file that `name` means, there or not: an embedded one's name, or a path; None: the default.

    Raises:
        ModelError: the package is incomplete.
    """
    spec = ModelSpec(name or registry.default("vqgan"), "vqgan")
    return embedded.weights(spec.name) if spec.place == "name" else spec.path


def load_vqgan(name: str | None, device: torch.device, precision: str = "auto") -> Vqgan:
    """Load a VQGAN: an embedded one by name, or a file of `clipart models convert`; None: the default.

    Raises:
        ModelError: there is no such file, or it is no VQGAN, or does not fit its own description.
    """
    name = str(vqgan_file(name))
    config, state = read_vqgan(name)
    with torch.device("meta"):
        network = build_network(config)
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(f"--vqgan {name}: the weights do not fit the configuration in the file.") from error
    codebook = state["quantize.embed.weight" if config.gumbel else "quantize.embedding.weight"]
    if not codebook.is_floating_point() or not bool(torch.isfinite(codebook).all()):
        raise ModelError(f"--vqgan {name}: the codebook is not all finite numbers. The file is broken.")
    dtype = pick_dtype(precision, device)
    network = network.to(device, dtype).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    return Vqgan(name, config, device, dtype, codebook.to(device, torch.float32), network)


def read_vqgan(name: str) -> tuple[VqganConfig, dict[str, Tensor]]:
    """Return the configuration and the weights of a VQGAN, as they are in its file.

    Raises:
        ModelError: there is no such file, or it is no VQGAN.
    """
    if not Path(name).is_file():
        raise ModelError(
            f"--vqgan {name}: there is no such file. `clipart models convert CONFIG CKPT` makes one."
        )
    try:
        require_safe(Path(name))
        with safe_open(name, "pt") as file:
            config = VqganConfig.model_validate_json((file.metadata() or {})[METADATA])
            return config, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except KeyError:
        raise ModelError(
            f"--vqgan {name}: a safetensors file, but not of a VQGAN: it has no {METADATA!r} in its metadata."
        ) from None
    except ValidationError as error:
        raise ModelError(f"--vqgan {name}: a configuration that cannot be: {reason(error)}.") from error
    except (OSError, SafetensorError, ModelError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(
            f"--vqgan {name}: not a safetensors file that can be read ({brief(str(error))}). "
            "If it is taming's, convert it first: clipart models convert CONFIG CKPT"
        ) from error


def reason(error: ValidationError) -> str:
    """Return the first thing that `error` finds wrong, as one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    return brief(f"{where}: {message}" if where else message)
