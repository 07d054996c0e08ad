"""Put a trained image tower and the text tower aligned with it into one ordinary open_clip model, in float16.

    python -m training.export --tower tiny
    python -m training.export --tower judge
    python -m training.export --tower tiny --text clipart/models/tiny     (after training.train --keep-text)

Writes `open_clip_config.json` and `open_clip_model.safetensors`, each by rename, after loading them back through
open_clip, and their SHA-256 in `SHA256SUMS`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from clipart.files import sha256
from training.checkpoint import averaged, part
from training.finished import load_finished
from training.model import MEAN, STD, TOWERS, Tower, clip_config, text_config


def is_image(name: str) -> bool:
    """Whether a tensor of an open_clip CLIP is of the image tower."""
    return name.startswith("visual.")


def combine(image: dict[str, torch.Tensor], text: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of an open_clip CLIP: the image tower of one state, all else of another.

    So the scale is that of clean views, which the alignment learnt; under attack a run learns a lower one.
    """
    rest = {name: value for name, value in text.items() if not is_image(name)}
    return rest | {name: value for name, value in image.items() if is_image(name)}


def text_side(aligned: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The text tower and the scale of an open_clip CLIP, float32, out of the averaged weights of `training.align`."""
    text = part(aligned, "student.tower.")
    rows = text["token_embedding.weight"]
    table = torch.zeros(text_config()["vocab_size"], rows.shape[1])  # tokens never used say nothing
    table[aligned["student.vocabulary"]] = rows
    scale = aligned["scale"].clamp(max=torch.tensor(40.0).log().item())
    return text | {"token_embedding.weight": table, "logit_scale": scale}


def config(tower: Tower, width: int) -> dict[str, object]:
    """The whole of `open_clip_config.json`."""
    return {
        "model_cfg": clip_config(tower, width),
        "preprocess_cfg": {
            "mean": [MEAN] * 3,
            "std": [STD] * 3,
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def write(state: dict[str, torch.Tensor], tower: Tower, folder: Path) -> None:
    """Both files into `folder`, each by rename, after a check that open_clip loads them and gives the same embeddings."""
    folder.mkdir(parents=True, exist_ok=True)
    width = state["token_embedding.weight"].shape[1]
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        temporary = Path(name)
        half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
        save_file(half, temporary / "open_clip_model.safetensors", metadata={"format": "pt"})
        (temporary / "open_clip_config.json").write_text(json.dumps(config(tower, width), indent=2) + "\n")
        check(temporary, state, tower.look.size)
        for file in ("open_clip_config.json", "open_clip_model.safetensors"):
            (temporary / file).chmod(0o644)
            (temporary / file).replace(folder / file)


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of all files of weights and configuration, as `sha256sum` does, to `SHA256SUMS`."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    lines = [f"{sha256(path)}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def check(folder: Path, state: dict[str, torch.Tensor], size: int) -> None:
    """Raise unless the float16 files, loaded by open_clip, agree with the float32 state on views of `size` pixels a side."""
    import open_clip

    model = open_clip.create_model(f"local-dir:{folder}").eval()
    full = open_clip.create_model(f"local-dir:{folder}").eval()
    full.load_state_dict(state)
    if any(p.dtype != torch.float32 for p in model.parameters()):
        raise RuntimeError("open_clip did not cast the float16 file to float32")
    views = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a red apple", "tart", "the sun"])
    with torch.no_grad():
        for a, b in (
            (model.encode_image(views), full.encode_image(views)),
            (model.encode_text(tokens), full.encode_text(tokens)),
        ):
            likeness = F.cosine_similarity(a, b).min().item()
            if likeness < 0.999:
                raise RuntimeError(f"float16 changes an embedding: cosine {likeness:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tower", choices=TOWERS, default="tiny")
    parser.add_argument(
        "--image", type=Path, help="run of training.train; default: training/runs/TOWER, as trained"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument(
        "--aligned", type=Path, help="run of training.align; default: training/runs/TOWER-aligned"
    )
    words.add_argument(
        "--text", type=Path, metavar="MODEL", help="take the text tower of this finished model"
    )
    parser.add_argument("--out", type=Path, help="default: the tower's folder in clipart/models")
    args = parser.parse_args()
    tower = TOWERS[args.tower]
    image = args.image or Path("training/runs") / args.tower
    aligned = args.aligned or Path("training/runs") / f"{args.tower}-aligned"
    out = args.out or Path(tower.out)
    text = load_finished(args.text) if args.text else text_side(averaged(aligned))
    write(combine(averaged(image), text), tower, out)
    write_sums(out)
    print(json.dumps({"out": str(out), "bytes": (out / "open_clip_model.safetensors").stat().st_size}))


if __name__ == "__main__":
    main()
