"""What happens to a picture after the last step: speckle goes, contrast is used, edges are crisp."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from clipart.errors import UsageError
from clipart.recipe import FinishKind

if TYPE_CHECKING:
    from torch import Tensor

MIN_SIDE = 16
MAX_UPSCALE = 4


def finish(image: Tensor, kind: FinishKind = "clean", upscale: int = 1) -> Tensor:
    """Return `image` finished: (3, H, W) RGB in [0, 1] in, (3, upscale * H, upscale * W) out.

    `kind` "clean" takes speckle away, stretches the contrast a little and sharpens a little; "flat" makes
    a print in few flat colours of that; "none" leaves the picture as it is. `upscale` 2 to 4 enlarges it
    afterwards. The same image gives the same result.

    Raises:
        UsageError: `kind` or `upscale` is not one of these.
        ValueError: another shape than (3, H, W), or a side under 16 pixels.
    """
    if kind not in get_args(FinishKind):
        raise UsageError(f"finish {kind!r}: there is {', '.join(get_args(FinishKind))}.")
    if not 1 <= upscale <= MAX_UPSCALE:
        raise UsageError(f"upscale {upscale} is out of range: 1 to {MAX_UPSCALE} times.")
    if image.ndim != 3 or image.shape[0] != 3 or min(image.shape[1:]) < MIN_SIDE:
        raise ValueError(f"expected (3, H, W) with sides of {MIN_SIDE} or more, got {tuple(image.shape)}")
    from clipart.finish.clean import clean
    from clipart.finish.enlarge import enlarge
    from clipart.finish.flat import flat

    finished = image.detach().float()
    if kind in ("clean", "flat"):
        finished = clean(finished)
    if kind == "flat":
        finished = flat(finished)
    if upscale > 1:
        finished = enlarge(finished, upscale)
    return finished.clamp(0, 1)
