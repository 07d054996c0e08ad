"""`clipart models convert`: a published VQGAN becomes one file that `--vqgan` takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from clipart.cli.overwrite import mind_the_file
from clipart.errors import UsageError

if TYPE_CHECKING:
    from clipart.cli.sink import Sink


def convert(sink: Sink, names: Sequence[str], output: Path | None = None, force: bool = False) -> None:
    """Read taming's CONFIG (YAML) and CKPT, and write `output`, by default beside CKPT, as safetensors.

    Raises:
        UsageError: not two files are named, or `output` would replace one of them.
        ModelError: the checkpoint is refused; nothing is written.
    """
    if len(names) != 2:
        raise UsageError(
            "clipart models convert takes two files, CONFIG.yaml and CKPT, and optionally -o FILE."
        )
    config, checkpoint = (Path(name) for name in names)
    final = output or checkpoint.with_suffix(".safetensors")
    if any(os.path.realpath(final) == os.path.realpath(source) for source in (config, checkpoint)):
        raise UsageError(f"{final} is one of the files that are read. Choose another name with -o FILE.")
    from safetensors.torch import save_file

    from clipart.files import atomic, require_writable
    from clipart.models.convert import convert as read_checkpoint

    mind_the_file(sink, final, force)
    require_writable(final)
    tensors, metadata = read_checkpoint(config, checkpoint)
    with atomic(final) as temporary:
        save_file(tensors, temporary, metadata)
    sink.event("converted", config=config, checkpoint=checkpoint, path=final, bytes=final.stat().st_size)
    sink.show(f' {final} is made. To use it: clipart "PROMPT" --canvas vqgan --vqgan {quote(str(final))}')
