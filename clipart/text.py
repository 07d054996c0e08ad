r"""Which text is allowed in a recipe, one definition for all that write it and all that read it.

Allowed is every Unicode character but: control characters other than tab, line feed and carriage return
(they could drive a terminal, and TOML and XML refuse them), halves of surrogate pairs (they are no text), and
the 66 code points that Unicode calls noncharacters, such as U+FFFF (XML refuses two of them).

A file's name may hold any byte but zero. One that is not allowed text is kept as `file:` and its bytes, those
beyond ASCII letters, digits and `_.-~/` as `%` and two hexadecimal digits, as RFC 3986 writes them:

>>> kept_name("caf\udce9.png")
'file:caf%E9.png'
>>> real_name("file:caf%E9.png")
'caf\udce9.png'
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote_to_bytes

_NONCHARACTERS = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
FORBIDDEN = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")
REPLACEMENT = "\ufffd"
FILE = "file:"


def first_forbidden(text: str) -> re.Match[str] | None:
    """Return where `text` has its first character that is not allowed, None where it has none."""
    return FORBIDDEN.search(text)


def code_point(char: str) -> str:
    """Return a character as Unicode writes it, such as U+000B."""
    return f"U+{ord(char):04X}"


def allowed(text: str) -> str:
    """Return `text` with U+FFFD in place of each character that is not allowed."""
    return FORBIDDEN.sub(REPLACEMENT, text)


def kept_name(name: str) -> str:
    """Return the name of a file as a recipe keeps it: as it is, or as `file:` and its bytes."""
    if name.startswith(FILE) or not FORBIDDEN.search(name):
        return name
    try:
        return FILE + quote(os.fsencode(name), safe="/")
    except UnicodeEncodeError:  # no system has such a name
        return name


def real_name(kept: str) -> str:
    """Return the name of the file that a recipe keeps as `kept`, as the system has it."""
    if not kept.startswith(FILE):
        return kept
    path = kept.removeprefix(FILE)
    if path.startswith("//"):  # file:///home/me/a.png, as desktops write it
        path = "/" + path[2:].partition("/")[2]
    return os.fsdecode(unquote_to_bytes(path))
