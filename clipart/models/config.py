"""What an open_clip_config.json may say: keys, with types and ranges, before open_clip reads it.

The keys are those of open_clip's own configurations, less those that name a file or fetch a part of a model.
Ranges reach beyond the largest published CLIP.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clipart import limits
from clipart.errors import ModelError, UsageError
from clipart.inputs import read_bytes
from clipart.models.weights import SAFE, require_tensors

Part = Annotated[float, Field(ge=0, le=1)]
Width = Annotated[int, Field(ge=1, le=16_384)]
Depth = Annotated[int, Field(ge=1, le=256)]
Heads = Annotated[int, Field(ge=1, le=1024)]
Side = Annotated[int, Field(ge=8, le=2048)]
Word = Annotated[str, Field(pattern=r"^[\w.-]{0,100}$")]
Positive = Annotated[float, Field(gt=0, le=1000)]
Four = Annotated[tuple[Depth, Depth, Depth, Depth], Field(strict=False)]
Sides = Annotated[tuple[Side, Side], Field(strict=False)]
Three = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=3, max_length=3)]
Spread = Annotated[list[Positive], Field(min_length=3, max_length=3)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Tower(_Strict):
    width: Width = 768
    mlp_ratio: Positive = 4.0
    ls_init_value: float | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    norm_kwargs: dict[Literal["eps", "elementwise_affine", "bias"], float | bool] | None = None
    act_kwargs: dict[Literal["approximate"], Literal["none", "tanh"]] | None = None
    block_type: Word | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False


class Vision(_Tower):
    """open_clip's `CLIPVisionCfg`."""

    layers: Depth | Four = 12
    head_width: Width = 64
    patch_size: Annotated[int, Field(ge=1, le=256)] | None = 16
    image_size: Side | Sides = 224
    patch_dropout: Part = 0.0
    attentional_pool: bool | Word = False
    attn_pooler_queries: Annotated[int, Field(ge=1, le=4096)] = 256
    attn_pooler_heads: Heads = 8
    no_ln_pre: bool = False
    pos_embed_type: Word = "learnable"
    pool_type: Word = "tok"
    timm_model_name: Word | None = None
    timm_model_pretrained: Literal[False] = False
    timm_pool: Word | None = "avg"
    timm_proj: Word | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: Part = 0.0
    timm_drop_path: Part | None = None


class Tokens(_Strict):
    """open_clip's arguments of its own tokenizer or of one of transformers'; not those that name a file."""

    clean: Literal["lower", "whitespace", "canonicalize"] = "lower"
    strip_sep_token: bool = False


class Text(_Tower):
    """open_clip's `CLIPTextCfg`."""

    context_length: Annotated[int, Field(ge=2, le=1024)] = 77
    vocab_size: Annotated[int, Field(ge=2, le=1_000_000)] = 49408
    heads: Heads = 8
    layers: Depth = 12
    tokenizer_kwargs: Tokens = Tokens()
    hf_tokenizer_name: Annotated[str, Field(pattern=r"^[\w./-]{0,200}$")] = ""  # where it was once; not used
    embed_cls: bool = False
    pad_id: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    eos_id: Annotated[int, Field(ge=0, le=1_000_000)] = 2
    no_causal_mask: bool = False
    pool_type: Word = "argmax"
    proj_bias: bool = False
    proj_type: Word = "linear"


class Multimodal(_Tower):
    """open_clip's `MultimodalCfg`, of CoCa."""

    context_length: Annotated[int, Field(ge=2, le=1024)] = 76
    vocab_size: Annotated[int, Field(ge=2, le=1_000_000)] = 49408
    heads: Heads = 8
    layers: Depth = 12
    dim_head: Width = 64
    n_queries: Annotated[int, Field(ge=1, le=4096)] = 256
    attn_pooler_heads: Heads = 8


class Model(_Strict):
    """`model_cfg`."""

    embed_dim: Width
    vision_cfg: Vision
    text_cfg: Text
    multimodal_cfg: Multimodal | None = None
    custom_text: bool = False
    quick_gelu: bool = False
    init_logit_scale: float = 2.6593
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool = False

    @property
    def side(self) -> int:
        """The side, in pixels, of the pictures that it takes."""
        size = self.vision_cfg.image_size
        return size if isinstance(size, int) else size[0]

    def numbers(self) -> int:
        """Return about how many weights it has; those of a tower of timm's, and small ones, are left out."""
        vision, text = self.vision_cfg, self.text_cfg
        found = text.vocab_size * text.width + text.layers * round((4 + 2 * text.mlp_ratio) * text.width**2)
        if vision.timm_model_name:
            return found
        if isinstance(vision.layers, tuple):  # a ResNet
            stages = enumerate(vision.layers)
            return found + sum(count * 17 * (vision.width << stage) ** 2 for stage, count in stages)
        places = (self.side // (vision.patch_size or 16)) ** 2
        blocks = vision.layers * round((4 + 2 * vision.mlp_ratio) * vision.width**2)
        return found + places * vision.width + blocks


class Preprocess(_Strict):
    """open_clip's `PreprocessCfg`."""

    size: Side | Sides = 224
    mode: Literal["RGB"] = "RGB"
    mean: Three = [0.0, 0.0, 0.0]
    std: Spread = [1.0, 1.0, 1.0]
    interpolation: Word = "bicubic"
    resize_mode: Word = "shortest"
    fill_color: Annotated[int, Field(ge=0, le=255)] = 0


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    model_cfg: Model
    preprocess_cfg: Preprocess = Preprocess()


def read_json(name: str, path: Path) -> dict[str, Any]:
    """Return the table in a JSON file of at most `clipart.limits.CONFIG_BYTES`.

    Raises:
        ModelError: it cannot be read, or is no table; the message begins with `name`.
    """
    try:
        found = json.loads(read_bytes(path, limits.CONFIG_BYTES).decode(), parse_constant=_no_constant)
    except UsageError as error:
        raise ModelError(f"{name}: {error}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{name}: {path} is no {path.name}: broken JSON.") from None
    if not isinstance(found, dict):
        raise ModelError(f"{name}: {path} is no {path.name}: not a table.")
    return found


def check_config(name: str, path: Path, found: dict[str, Any]) -> Model:
    """Return the model that an open_clip_config.json describes.

    Raises:
        ModelError: a key that is not allowed, or a value of another type or out of range, by name.
    """
    try:
        return _File.model_validate_json(json.dumps(found)).model_cfg
    except (ValidationError, ValueError) as error:
        raise ModelError(f"{name}: {path} is no {path.name} that is read here: {_first(error)}.") from None


def require_numbers(name: str, model: Model, weights: Path) -> None:
    """Refuse a configuration that asks for more weights than its file can hold, before memory is taken.

    Raises:
        ModelError: a weight takes a byte at least.
    """
    size, asked = weights.stat().st_size, model.numbers()
    if weights.suffix.lower() == SAFE:
        require_tensors(weights)
    if asked > size:
        raise ModelError(
            f"{name}: the model cannot be loaded: its configuration asks for about {asked:,} weights, and "
            f"{weights} has {size:,} bytes."
        )


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return "broken JSON"
    issue = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in issue["loc"] if str(part).isidentifier())[:200]
    if issue["type"] == "extra_forbidden":
        return f"{where} is no key that is allowed"
    return f"{where}: {str(issue['msg'])[:200].rstrip('.')}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
