"""Train the embedded VQGAN on the pictures of the critic, with the critic's features as perceptual loss.

    python -m training.train_vqgan render            # 4,000 pictures at 192 px, once; 2 minutes
    python -m training.train_vqgan train --minutes 35
    python -m training.train_vqgan export            # to clipart/models/tiny-vqgan, with a sheet and figures

Resumable as `training.train` is. The network is taming's, around squares of 4 x 4 pixels folded into
channels: at 256 px its widest maps are 64 x 64. The codes are FSQ's (Mentzer et al., arXiv 2309.15505), a fixed
grid that cannot collapse; written out as a codebook, taming's quantiser finds the same codes by distance.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from clipart.canvas.base import clamp_with_grad
from clipart.models.vqgan import METADATA, VqganConfig, build_network, load_vqgan
from training.checkpoint import load_state, save_state
from training.data import Pictures, composite, paint, placements, some_of, warp
from training.export import write_sums
from training.runtime import Clock, add_arguments, autocast, log, pick_device, reseed, uniform
from training.sources import DATA, SOURCES
from training.train import average, go_on, meet, share_gradients, start
from training.words import WordNet, clean

LEVELS = (7, 5, 5, 5, 5)  # 4,375 codes
CONFIG = VqganConfig(
    n_embed=math.prod(LEVELS), embed_dim=len(LEVELS), z_channels=64, ch=64, ch_mult=(1, 2), num_res_blocks=1,
    resolution=256, patch=4, attention=False,
)  # fmt: skip
LARGE, LARGE_COUNT, KEPT_BACK = 192, 4000, 16
CRITIC = Path("clipart/models/tiny")


# --- data -----------------------------------------------------------------------------------------------


def render_large(job: tuple[str, str]) -> np.ndarray | None:
    """(svg, path) to (LARGE, LARGE, 4) uint8 with colour premultiplied by alpha, cut to the drawing."""
    import io

    import resvg_py
    from PIL import Image

    svg, path = job
    try:
        if path:
            image = Image.open(path).convert("RGBA")
        else:
            png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=256, dpi=96, skip_system_fonts=True))
            image = Image.open(io.BytesIO(png)).convert("RGBA")
    except (ValueError, OSError, BaseException) as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        return None
    box = image.getchannel("A").point(lambda a: 255 * (a > 12)).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 64:
        return None
    image = image.crop(box)
    side = max(image.size)
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    pixels = np.array(square.resize((LARGE, LARGE), Image.Resampling.LANCZOS))
    pixels[..., :3] = (pixels[..., :3].astype(np.uint16) * pixels[..., 3:] // 255).astype(np.uint8)
    return pixels


def render(args: argparse.Namespace) -> None:
    """Write `large.npy`, (N, LARGE, LARGE, 4): colour pictures of the training sets, shuffled."""
    from training.build_data import Emoji, emoji_jobs, icon_jobs  # needs resvg, which training does not

    root = DATA / "packages"
    wordnet, emoji = WordNet(root / "debian/usr/share/wordnet"), Emoji(root)
    taken = frozenset(clean(e["label"]) for e in emoji.by_hex.values())
    jobs = []
    for source in SOURCES:
        if source.held_out or source.glyph or source.kind == "clipart":
            continue
        make = icon_jobs if source.kind == "icon" else emoji_jobs
        jobs += [(j.svg, j.path) for j in make(root, source, emoji, wordnet, taken) if j.record["weight"] > 0]
    order = np.random.default_rng(0).permutation(len(jobs))[: int(LARGE_COUNT * 1.1)]
    out = np.lib.format.open_memmap(
        DATA / "large.tmp", mode="w+", dtype=np.uint8, shape=(LARGE_COUNT, LARGE, LARGE, 4)
    )
    count = 0
    with ProcessPoolExecutor(args.workers) as pool:
        for pixels in pool.map(render_large, [jobs[i] for i in order], chunksize=16):
            if pixels is not None and count < LARGE_COUNT:
                out[count] = pixels
                count += 1
    out.flush()
    (DATA / "large.tmp").replace(DATA / "large.npy")
    print(json.dumps({"jobs": len(jobs), "rendered": count}))


def grounds(count: int, size: int, rng: torch.Generator) -> torch.Tensor:
    """(count, 3, size, size): a third white or light, a third plain, the rest gradients, some faint."""
    kind = uniform(count, 1, 1, 1, rng=rng)
    a, b = uniform(2, count, 3, 1, 1, rng=rng)
    light = 1 - 0.25 * uniform(count, 3, 1, 1, rng=rng) * (uniform(count, 1, 1, 1, rng=rng) < 0.6)
    a = torch.where(kind < 0.35, light, a)
    b = torch.where(kind < 0.6, a, torch.where(kind < 0.75, a + 0.25 * (b - 0.5), b))
    ramp = torch.linspace(-0.5, 0.5, size, device=rng.device)
    angle = 6.2832 * uniform(count, 1, 1, rng=rng)
    t = 0.5 + (torch.cos(angle) * ramp[None, None] + torch.sin(angle) * ramp[None, :, None])[:, None] / 1.42
    return (a + (b - a) * t).clamp_(0, 1)


def load_large(device: torch.device) -> torch.Tensor:
    """(N, 4, LARGE, LARGE) uint8: in the memory of a GPU, and left in the file for a CPU."""
    large = torch.from_numpy(np.load(DATA / "large.npy", mmap_mode="c")).permute(0, 3, 1, 2)
    return large if device.type == "cpu" else large.to(device)


def draw(
    pictures: Pictures, large: torch.Tensor, count: int, size: int, rng: torch.Generator
) -> torch.Tensor:
    """(count, 3, size, size): whole small pictures, and parts of large ones as a 256 px canvas shows them."""
    n = count // 3
    index = torch.searchsorted(pictures.cumulative, uniform(n, rng=rng), right=True)
    layer = pictures.rgba[index].float().div_(255)
    paint(layer, pictures.glyph[index], rng)
    whole = warp(layer, placements(n, pictures.flip[index], rng), size)

    n = count - n
    rows = torch.randint(len(large) - KEPT_BACK, (n,), generator=rng, device=rng.device)
    layer = large[rows].float().div_(255)
    zoom = size / (130 + 130 * uniform(n, rng=rng))
    theta = torch.zeros(n, 2, 3, device=rng.device)
    theta[:, 0, 0] = zoom * torch.where(uniform(n, rng=rng) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = zoom
    theta[:, :, 2] = (2 * uniform(n, 2, rng=rng) - 1) * (1.05 - 0.8 * zoom)[:, None]
    parts = warp(layer, theta, size)

    views = composite(torch.cat([whole, parts]), grounds(count, size, rng))
    some = some_of(count, 0.3, rng)  # more colours than the sets have
    order = uniform(len(some), 3, rng=rng).argsort(1)
    views[some] = views[some].gather(1, order[:, :, None, None].expand(-1, -1, size, size))
    return views.contiguous(memory_format=torch.channels_last)


# --- codes ----------------------------------------------------------------------------------------------


def codebook() -> torch.Tensor:
    """(n_embed, embed_dim): every point of the grid, each channel from -1 to 1."""
    return torch.cartesian_prod(*(torch.linspace(-1, 1, n) for n in LEVELS))


@functools.cache
def half_steps(device: torch.device) -> torch.Tensor:
    """(1, embed_dim, 1, 1): half of the steps from one end of a channel's grid to the other."""
    return (torch.tensor(LEVELS, device=device) - 1).view(1, -1, 1, 1) / 2


def quantise(z: torch.Tensor, dither: float, rng: torch.Generator) -> torch.Tensor:
    """(B, embed_dim, h, w) to the nearest point of the grid, straight through.

    `dither` is the share of pictures that get noise of one step's width instead, so that early on the codes
    that nobody uses have a gradient too.
    """
    steps = half_steps(z.device)
    inside = clamp_with_grad((z + 1) / 2) * 2 - 1
    error = torch.round((inside + 1) * steps) / steps - 1 - inside
    noise = (uniform(*z.shape, rng=rng) - 0.5) / steps
    noisy = uniform(len(z), 1, 1, 1, rng=rng) < dither
    return inside + torch.where(noisy, noise, error).detach()


class Autoencoder(nn.Module):
    """Pictures (B, 3, S, S) in [0, 1] to latents and back; the quantiser is not part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build_network(CONFIG)
        del self.network.quantize

    def encode(self, views: torch.Tensor) -> torch.Tensor:
        folded = F.pixel_unshuffle(2 * views - 1, CONFIG.patch)
        return self.network.quant_conv(self.network.encoder(folded)).float()

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        unfolded = self.network.decoder(self.network.post_quant_conv(z)).float()
        return (F.pixel_shuffle(unfolded, CONFIG.patch) + 1) / 2

    @torch.no_grad()
    def spread(self, views: torch.Tensor) -> None:
        """Scale the last layer of the encoder so that the codes of `views` fill the grid to begin with."""
        z = self.encode(views)
        scale = 0.6 / z.std(dim=(0, 2, 3))
        conv = self.network.quant_conv
        conv.bias.copy_(-z.mean(dim=(0, 2, 3)) * scale + conv.bias * scale)
        conv.weight.mul_(scale.view(-1, 1, 1, 1))


# --- losses ---------------------------------------------------------------------------------------------


class Perceptual(nn.Module):
    """Distance of two pictures in the critic's first layers, as LPIPS (arXiv 1801.03924), unweighted."""

    def __init__(self) -> None:
        super().__init__()
        import open_clip

        trunk = open_clip.create_model(f"local-dir:{CRITIC}").visual.trunk
        self.parts = nn.ModuleList([trunk.stem, *trunk.stages[:3]]).eval().requires_grad_(False)

    def forward(self, seen: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
        a, b = (seen - 0.5) / 0.25, (views - 0.5) / 0.25  # as the critic was trained
        total = torch.zeros((), device=seen.device)
        for part in self.parts:
            a = part(a)
            with torch.no_grad():
                b = part(b)
            total = (
                total + (F.normalize(a.float(), dim=1) - F.normalize(b.float(), dim=1)).square().sum(1).mean()
            )
        return total / len(self.parts)


def reconstruction(seen: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
    """L1 of pixels, of their differences to both neighbours (clean edges, flat areas), at a quarter size."""
    error = seen - views
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + 0.5 * edges + 0.5 * F.avg_pool2d(error, 4).abs().mean()


# --- the loop -------------------------------------------------------------------------------------------


def train(rank: int, args: argparse.Namespace) -> None:
    """One worker; see `training.train.train`."""
    meet(rank, args)
    device = pick_device(args.device)
    pictures = Pictures(DATA, held_out=False, device=device, limit=args.limit)
    large = load_large(device)
    perceptual = Perceptual().to(device) if CRITIC.is_dir() and args.perceptual else None
    torch.manual_seed(args.seed)  # initial weights only; batches come from `rng`
    rng = reseed(torch.Generator(device), args.seed, -1)
    model = Autoencoder().to(device, memory_format=torch.channels_last)
    model.spread(draw(pictures, large, 48, 64, rng))
    ema = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=device.type == "cuda"
    )
    step, before = load_state(args.run, model, ema, optimiser)
    if rank == 0:
        held = test_views(large)
        print(
            f"{sum(p.numel() for p in model.parameters()):,} weights on {device}; step {step}, {before / 60:.1f} min",
            flush=True,
        )

    clock = Clock(args.minutes, args.stop_after, before)
    checked, began, count = time.time(), step, 0
    total: dict[str, torch.Tensor] = {}
    while True:
        progress, more = go_on(clock, args.workers)
        if rank == 0 and (not more or time.time() - checked > 60 * args.check_minutes or step == 50):
            seconds = clock.spent()
            line = {
                "step": step,
                "minutes": round(seconds / 60, 2),
                "steps_per_s": round((step - began) / (seconds - before), 2),
            }
            line |= {name: round(value.item() / count, 4) for name, value in total.items()}
            line |= measure(ema, held)
            log(args.run, line)
            save_state(args.run, model, ema, optimiser, step, seconds)
            checked, total, count = time.time(), {}, 0
        if not more:
            break
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, (step + 1) / 100) * (0.98 * cosine + 0.02)
        size = 64 if progress < 0.7 else 96
        batch = args.batch if size == 64 else args.batch // 2
        reseed(rng, args.seed, rank, step)
        views = draw(pictures, large, batch, size, rng)
        critic = perceptual if progress > 0.2 else None  # half of the work, and of no use at first
        losses = train_step(model, optimiser, critic, views, max(0.0, 0.9 - 6 * progress), rng, args)
        step, count = step + 1, count + 1
        if rank == 0:
            average(ema, model, step, 0.998)
            total = {name: total.get(name, 0.0) + value for name, value in losses.items()}
    if rank == 0:
        print(json.dumps({"done": progress >= 1, "step": step}), flush=True)


def train_step(
    model: Autoencoder,
    optimiser: torch.optim.Optimizer,
    perceptual: Perceptual | None,
    views: torch.Tensor,
    dither: float,
    rng: torch.Generator,
    args: argparse.Namespace,
) -> dict[str, torch.Tensor]:
    """One batch and one step of the optimiser; the losses by name, not waited for."""
    model.train()
    with autocast(views.device):
        z = model.encode(views)
        seen = model.decode(quantise(z, dither, rng))
        losses = {"l1": reconstruction(seen, views)}
        if perceptual is not None:
            losses["perceptual"] = args.perceptual * perceptual(seen, views)
    losses["range"] = (
        0.01 * (z.abs() - 1).clamp(min=0).square().mean()
    )  # so that none is stuck far outside the grid
    optimiser.zero_grad(set_to_none=True)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    if args.workers > 1:
        share_gradients(model, args.workers)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return {name: loss.detach() for name, loss in losses.items()}


def test_views(large: torch.Tensor) -> list[torch.Tensor]:
    """What no training view shows: 48 pictures of the held-out family at 64 px, KEPT_BACK large at 256."""
    device = large.device
    held = Pictures(DATA, held_out=True, device=device)
    pick = torch.arange(0, len(held.records), len(held.records) // 48, device=device)[:48]
    rng = torch.Generator(device).manual_seed(7)
    theta = torch.tensor([[1.15, 0.0, 0.0], [0.0, 1.15, 0.0]], device=device)
    small = warp(held.rgba[pick].float() / 255, theta.expand(48, 2, 3), 64)
    big = warp(large[-KEPT_BACK:].float() / 255, theta.expand(KEPT_BACK, 2, 3), 256)
    return [composite(small, grounds(48, 64, rng)), composite(big, grounds(KEPT_BACK, 256, rng))]


@torch.no_grad()
def measure(model: Autoencoder, held: list[torch.Tensor]) -> dict[str, float]:
    """PSNR in dB at both sizes, and how many of the codes the pictures use."""
    out: dict[str, float] = {}
    used: list[torch.Tensor] = []
    rng = torch.Generator(held[0].device).manual_seed(0)
    for name, views in zip(("psnr_64", "psnr_256"), held, strict=True):
        z = quantise(model.encode(views), 0.0, rng)
        used.append(z.permute(0, 2, 3, 1).reshape(-1, len(LEVELS)))
        out[name] = round(-10 * math.log10((model.decode(z).clamp(0, 1) - views).square().mean().item()), 2)
    return out | {"codes": len(torch.unique((torch.cat(used) * 12).round(), dim=0))}


# --- the file -------------------------------------------------------------------------------------------


def export(args: argparse.Namespace) -> None:
    """Write the averaged weights in float16, with the grid as codebook, and a sheet of what comes out."""
    from safetensors.torch import load_file

    state = load_file(args.run / "state.safetensors")
    prefix = "ema.network."
    tensors = {
        k.removeprefix(prefix): v.half().contiguous() for k, v in state.items() if k.startswith(prefix)
    }
    tensors["quantize.embedding.weight"] = codebook()  # float32: fifths are no float16
    path = args.out / "vqgan.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path.with_suffix(".tmp"), {"format": "pt", METADATA: CONFIG.model_dump_json()})
    path.with_suffix(".tmp").replace(path)
    write_sums(path.parent)
    sheet(str(path), args.run / "sheet.png")
    print(json.dumps({"out": str(path), "bytes": path.stat().st_size}))


def sheet(name: str, path: Path) -> None:
    """A picture of pairs, what goes in above what comes out: 24 at 64 px, 8 at 256 px."""
    from PIL import Image

    vqgan = load_vqgan(name, torch.device("cpu"))
    small, big = test_views(load_large(torch.device("cpu")))
    rows = []
    for views, across in ((F.interpolate(small[:24], scale_factor=2.0), 12), (big[:8], 4)):
        source = small[:24] if across == 12 else big[:8]
        seen = torch.cat([vqgan.decode(vqgan.encode(view[None])) for view in source]).clamp(0, 1)
        seen = F.interpolate(seen, size=views.shape[-2:])
        for first in range(0, len(views), across):
            rows += [torch.cat(list(part[first : first + across]), dim=2) for part in (views, seen)]
    width = max(row.shape[2] for row in rows)
    image = torch.cat([F.pad(row, (0, width - row.shape[2])) for row in rows], dim=1)
    Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("render", "train", "export"))
    parser.add_argument("--run", type=Path, default=Path("training/runs/vqgan"))
    add_arguments(parser, minutes=35)
    parser.add_argument("--workers", type=int, help="processes: 1 on a GPU; one a core on a CPU, default 2")
    parser.add_argument(
        "--batch",
        type=int,
        help="views of 64 px a worker and step, half as many at 96 px; 64 on a GPU, 8 on a CPU",
    )
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument(
        "--perceptual", type=float, default=0.3, help="weight of the critic's features; 0 leaves them out"
    )
    parser.add_argument("--check-minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("clipart/models/tiny-vqgan"))
    parser.add_argument("--limit", type=int, help="small pictures to keep, to see whether everything runs")
    args = parser.parse_args()
    cuda = pick_device(args.device).type == "cuda"
    args.workers = args.workers or (1 if cuda else 2)
    args.batch = args.batch or (64 if cuda else 8)
    if args.what == "render":
        render(args)
    elif args.what == "export":
        export(args)
    else:
        start(args, train)


if __name__ == "__main__":
    main()
