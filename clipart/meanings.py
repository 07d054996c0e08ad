"""Words that other tools have for our settings, and what we have instead: "did you mean" by meaning.

| what a person types | what is said |
|---|---|
| `--iterations` | `--steps` |
| `--cfg` | that weights stand in the prompt |
"""

from __future__ import annotations

from collections.abc import Iterable

from clipart.near import did_you_mean

# Of each setting or option here, the words that other programs, or other people, have for it.
_WORDS = {
    "steps": "iterations iters iter epochs num-steps num-iterations max-iterations max-steps n-iter rounds",
    "lr": "learning-rate rate step-size",
    "views": "cutn cuts cutouts num-cutouts crops augmentations batch-size",
    "clip": "model models clip-model clip-models ckpt checkpoint backbone perceptor",
    "size": "resolution image-size dimensions dim side aspect aspect-ratio ar w h shape",
    "output": "out outfile output-file save save-as o file filename name",
    "folder": "outdir out-dir output-dir output-folder outputs dir directory destination dest path",
    "no": "negative-prompt neg exclude avoid without not anti unwanted",
    "init": "image init-image initial-image input from source img start-image img2img",
    "init-strength": "strength denoise denoising denoising-strength image-weight init-weight init-scale",
    "optimizer": "sampler solver optim",
    "schedule": "scheduler decay lr-schedule",
    "preset": "styles theme profile config settings",
    "template": "prefix suffix prompt-prefix prompt-suffix prompt-template",
    "device": "gpu cuda cpu mps accelerator",
    "precision": "fp16 half dtype float16 bf16",
    "seconds": "time timeout duration max-time limit",
    "until": "target threshold score stop goal confidence match",
    "paper": "background bg background-color background-colour canvas-color canvas-colour white black",
    "upscale": "enlarge super-resolution upscaler hires esrgan",
    "video": "animate animation gif movie film mp4",
    "video-seconds": "length video-length film-seconds",
    "check-every": "save-every display-every log-every image-every",
    "low-pass": "blur smooth smoothing",
    "noise": "noise-level grain-noise",
    "quiet": "silent",
    "force": "overwrite yes y clobber",
    "seed": "random-seed rng random",
    "starts": "tries attempts candidates restarts",
    "judge": "critic scorer evaluator",
    "spin": "turn camera-rotate",
    "pan-x": "translation-x pan x",
    "transparent": "transparency alpha rgba no-background sticker",
    "tile": "tiling seamless tileable wallpaper",
    "symmetry": "mirror kaleidoscope symmetric reflect",
    "mask": "inpaint inpainting mask-image",
    "place": "box boxes position region regions",
    "pan-y": "translation-y y",
}
# What is not there at all, and what can be done instead.
_INSTEAD = {
    "num-colors num-colours color-count colour-count posterize quantize flat": (
        "--finish flat, or --preset poster, prints a picture in few flat colours."
    ),
    "count num number n-images images batch batch-count num-images how-many samples repeat": (
        "A run makes one picture; for several: clipart sweep PROMPT --seeds 1-4, or clipart batch FILE."
    ),
    "cfg cfg-scale guidance guidance-scale weight weights": (
        'Weights stand in the prompt: clipart "a fox::2 snow".'
    ),
    "verbose debug v": "Put CLIPART_DEBUG=1 before the command to see where an error came from.",
    "prompt text p-prompt description": 'The prompt is typed by itself: clipart "PROMPT".',
}
MEANT = {word: setting for setting, words in _WORDS.items() for word in words.split()}
INSTEAD = {word: sentence for words, sentence in _INSTEAD.items() for word in words.split()}


def meant(typed: str) -> str:
    """Return the setting that is meant by `typed`, as an option is written, without dashes; or nothing."""
    return MEANT.get(_plain(typed), "")


def instead(typed: str) -> str:
    """Return what can be done in place of what is called `typed` elsewhere; or nothing."""
    return INSTEAD.get(_plain(typed), "")


def setting_meant(name: str, known: Iterable[str], *, quoted: bool = False) -> str:
    """Return as `did_you_mean` what setting is meant by `name`: by the word, then by the letters."""
    known = list(known)
    by_meaning = meant(name).replace("-", "_")
    if by_meaning in known:
        return f" Did you mean {by_meaning!r}?" if quoted else f" Did you mean {by_meaning}?"
    return f" {instead(name)}" if instead(name) else did_you_mean(name, known, quoted=quoted)


def _plain(typed: str) -> str:
    return typed.strip("-").replace("_", "-").lower()
