"""Put the trained image tower and the aligned text tower together as one ordinary open_clip model, in float16.

    python -m training.export --critic training/runs/tiny --aligned training/runs/aligned --out clipart/models/tiny

Writes `open_clip_config.json` and `open_clip_model.safetensors`, each by rename, after loading them back through
open_clip, and their SHA-256 in `SHA256SUMS`, which `clipart models verify` and `clipart doctor` read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from training.distil import TEXT
from training.model import EMBED, MEAN, STD, VISION

CONFIG = {
    "model_cfg": {"embed_dim": EMBED, "vision_cfg": VISION, "text_cfg": TEXT},
    "preprocess_cfg": {
        "mean": [MEAN] * 3,
        "std": [STD] * 3,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


def combine(critic: dict[str, torch.Tensor], aligned: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of an open_clip CLIP out of the averaged weights of the image tower and of the alignment, float32."""
    out = {k: v for k, v in _part(critic, "ema.").items() if k.startswith("visual.")}
    tower = _part(aligned, "ema.student.tower.")
    rows = tower.pop("token_embedding.weight")
    table = torch.zeros(TEXT["vocab_size"], TEXT["width"])  # tokens that the corpus never used say nothing
    table[aligned["ema.student.vocabulary"]] = rows
    out |= tower | {"token_embedding.weight": table}
    out["logit_scale"] = aligned["ema.scale"].clamp(max=torch.tensor(40.0).log().item())
    return out


def write(state: dict[str, torch.Tensor], folder: Path) -> None:
    """Both files into `folder`, each by rename, after a check that open_clip loads them and gives the same pictures' embedding."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        temporary = Path(name)
        half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
        save_file(half, temporary / "open_clip_model.safetensors", metadata={"format": "pt"})
        (temporary / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
        check(temporary, state)
        for file in ("open_clip_config.json", "open_clip_model.safetensors"):
            (temporary / file).chmod(0o644)
            (temporary / file).replace(folder / file)


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of all files of weights and configuration, as `sha256sum` does, to `SHA256SUMS`."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def check(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Raise unless the float16 files, loaded by open_clip, agree with the float32 state."""
    import open_clip

    model = open_clip.create_model(f"local-dir:{folder}").eval()
    full = open_clip.create_model(f"local-dir:{folder}").eval()
    full.load_state_dict(state)
    if any(p.dtype != torch.float32 for p in model.parameters()):
        raise RuntimeError("open_clip did not cast the float16 file to float32")
    views = torch.randn(
        4, 3, VISION["image_size"], VISION["image_size"], generator=torch.Generator().manual_seed(0)
    )
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a red apple", "tart", "the sun"])
    with torch.no_grad():
        for a, b in (
            (model.encode_image(views), full.encode_image(views)),
            (model.encode_text(tokens), full.encode_text(tokens)),
        ):
            likeness = F.cosine_similarity(a, b).min().item()
            if likeness < 0.999:
                raise RuntimeError(f"float16 changes an embedding: cosine {likeness:.4f}")


def _part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--critic", type=Path, default=Path("training/runs/tiny"))
    parser.add_argument("--aligned", type=Path, default=Path("training/runs/aligned"))
    parser.add_argument("--out", type=Path, default=Path("clipart/models/tiny"))
    args = parser.parse_args()
    state = combine(
        load_file(args.critic / "state.safetensors"), load_file(args.aligned / "state.safetensors")
    )
    write(state, args.out)
    write_sums(args.out)
    print(
        json.dumps({"out": str(args.out), "bytes": (args.out / "open_clip_model.safetensors").stat().st_size})
    )


if __name__ == "__main__":
    main()
