"""The one table of picture sets: what is taken, at which version, under which licence, and in what style it is drawn.

Left out on purpose: brand logos, proprietary emoji, and share-alike sets (OpenMoji, EmojiOne v1). Streamline's "color" sets
are left out too: each is drawn in one or two colours (blue, or green for Stickies) and teaches wrong ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"  # what `training.build_data` and `training.teacher` make of them


@dataclass(frozen=True)
class Source:
    """One set. `weight` scales how often its pictures are drawn, next to the concept weight; a `glyph` has one colour, and
    is painted in another each time. A package is npm's, except `debian`.
    """

    name: str
    package: str
    version: str
    licence: str
    styles: tuple[str, ...]
    kind: str = "icon"  # emoji | icon | clipart | webp | font
    file: str = ""  # of a font, in its package
    joins: bool = False  # the font draws a sequence of code points as one picture
    glyph: bool = False
    weight: float = 1.0
    held_out: bool = False
    debian: bool = False


def _iconify(name: str, version: str, licence: str, *styles: str, **more: object) -> Source:
    return Source(name, f"@iconify-json/{name}", version, licence, styles, **more)  # type: ignore[arg-type]


# Twemoji is held out: it covers nearly all of Unicode, no other set here copies its drawings (Noto v1 and Noto share
# many, so holding out one of those would leak), and its licence asks for attribution that weights could hardly give.
SOURCES: tuple[Source, ...] = (
    _iconify("twemoji", "1.2.5", "CC-BY-4.0", "emoji", "flat", kind="emoji", held_out=True),
    _iconify("noto", "1.2.9", "Apache-2.0", "emoji", kind="emoji"),
    _iconify("noto-v1", "1.2.5", "Apache-2.0", "emoji", "flat", kind="emoji", weight=0.8),
    _iconify("fluent-emoji-flat", "1.2.6", "MIT", "emoji", "flat", kind="emoji"),
    _iconify("fluent-emoji", "1.2.7", "MIT", "emoji", "glossy", kind="emoji"),
    _iconify("fxemoji", "1.2.2", "Apache-2.0", "emoji", "flat", kind="emoji"),
    _iconify("emojione", "1.2.3", "CC-BY-4.0", "emoji", "flat", kind="emoji"),
    _iconify("streamline-emojis", "1.2.4", "CC-BY-4.0", "emoji", kind="emoji"),
    Source("fluent-emoji-3d", "@lobehub/fluent-emoji-3d", "1.1.0", "MIT", ("3d", "emoji"), kind="webp"),
    # Silhouettes and outlines of emoji: the shapes of people, hands and signs, of which few other sets have any.
    _iconify(
        "fluent-emoji-high-contrast", "1.2.6", "MIT", "glyph", "emoji", kind="emoji", glyph=True, weight=0.3
    ),
    _iconify(
        "emojione-monotone", "1.2.1", "CC-BY-4.0", "glyph", "emoji", kind="emoji", glyph=True, weight=0.3
    ),
    Source(
        "Noto Emoji",
        "@expo-google-fonts/noto-emoji",
        "0.4.7",
        "OFL-1.1",
        ("glyph", "emoji"),
        kind="font",
        file="400Regular/NotoEmoji_400Regular.ttf",
        joins=True,
        glyph=True,
        weight=0.3,
    ),
    Source(
        "Symbola",
        "fonts-symbola",
        "2.60-1.1",
        "free for any use",
        ("glyph", "emoji"),
        debian=True,
        kind="font",
        file="usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf",
        glyph=True,
        weight=0.3,
    ),
    _iconify("flat-color-icons", "1.2.3", "MIT", "flat", "icon"),
    _iconify("fluent-color", "1.2.21", "MIT", "icon", weight=0.7),
    _iconify("meteocons", "1.2.4", "MIT", "icon", weight=0.5),
    _iconify("game-icons", "1.2.4", "CC-BY-3.0", "glyph", "icon", glyph=True, weight=0.06),
    _iconify("mdi", "1.2.3", "Apache-2.0", "glyph", "icon", glyph=True, weight=0.3),
    _iconify("ph", "1.2.2", "MIT", "glyph", "icon", glyph=True, weight=0.3),
    _iconify("tabler", "1.2.41", "MIT", "glyph", "icon", glyph=True, weight=0.3),
    _iconify("healthicons", "1.2.13", "MIT", "glyph", "icon", glyph=True, weight=0.3),
    _iconify("maki", "1.2.5", "CC0-1.0", "glyph", "icon", glyph=True, weight=0.3),
    Source(
        "openclipart",
        "openclipart-svg",
        "1:0.18+dfsg-19",
        "public domain",
        ("clip art",),
        kind="clipart",
        weight=0.6,
        debian=True,
    ),
)

EMOJI_WORDS = ("emojibase-data", "17.0.0", "MIT")
WORDNET = ("wordnet-base", "1:3.0-37", "WordNet 3.0 licence")
