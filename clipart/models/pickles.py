"""The program in a pickle, looked through before anything runs it: its length, its depth, its keys.

Python walks nested tuples with its own stack when it hashes them, so a few thousand, one in another, end the
process. Keys of equal hashes make a dictionary quadratic: Python draws the hashes of texts anew in every
process, those of numbers and tuples it does not. What an honest checkpoint needs is far below the bounds in
`clipart.limits`.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

from clipart import limits
from clipart.errors import ModelError

ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch before 1.6: its magic number, pickled
LEGACY_PICKLES = 5  # magic number, version, machine, contents, names of the storages
_TOO_LARGE = "its pickle is too large, or made to fill the memory"
_LARGE = 2**60  # whole numbers below it have hashes of their own
_CALLS = {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BUILD"}


class _Item:
    """What is known of a value: how deep it is, whether it is odd as a key, how many pairs with odd keys."""

    __slots__ = ("depth", "odd", "pairs")

    def __init__(self, depth: int = 0, odd: bool = False, pairs: int = 0) -> None:
        self.depth, self.odd, self.pairs = depth, odd, pairs


_PLAIN, _ODD = _Item(), _Item(odd=True)
_CONTAINERS = {"EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "EMPTY_TUPLE"}


class _Look:
    """Follows one pickle, as a machine with a stack does, without making any of its values."""

    def __init__(self) -> None:
        self.stack: list[_Item | None] = []  # None is a mark
        self.memo: dict[int, _Item] = {}
        self.odd_keys = 0

    def take(self, opcode: Any, argument: Any) -> None:
        """Follow one step.

        Raises:
            ModelError: it is beyond a bound, or takes what is not there.
        """
        name = opcode.name
        if name == "MARK":
            self.stack.append(None)
        elif "PUT" in name or name == "MEMOIZE":
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self._top()
        elif "GET" in name:
            self.stack.append(self.memo.get(argument, _Item()))
        elif name in _CONTAINERS:
            self.stack.append(_Item(odd=True))
        elif not opcode.stack_before:
            self.stack.extend([_ODD if _is_odd(name, argument) else _PLAIN] * len(opcode.stack_after))
        else:
            self._apply(name, opcode, argument)
        if len(self.stack) > limits.PICKLE_STEPS or self.odd_keys > limits.PICKLE_ODD_KEYS:
            raise ModelError("its pickle has keys that no checkpoint has")

    def _apply(self, name: str, opcode: Any, argument: Any) -> None:
        container, values = self._taken(opcode.stack_before)
        depth = 1 + max((each.depth for each in values), default=-1)
        if container is not None and name in ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"):
            container.depth = max(container.depth, depth)
            made = container
        else:
            values = values if container is None else [container, *values]
            depth = 1 + max((each.depth for each in values), default=-1)
            made = _Item(depth, odd=_is_odd(name, argument))
        pairs = sum(each.pairs for each in values)
        if name in _CALLS:
            self.odd_keys += pairs
        elif name == "TUPLE2" or (name == "TUPLE" and len(values) == 2):
            made.pairs = int(values[0].odd)
        else:
            made.pairs += pairs
        self.odd_keys += sum(each.odd for each in _keys(name, values))
        if made.depth > limits.PICKLE_DEPTH:
            raise ModelError(f"its pickle is nested more than {limits.PICKLE_DEPTH} deep")
        self.stack.extend([made] * len(opcode.stack_after))

    def _taken(self, before: Sequence[Any]) -> tuple[_Item | None, list[_Item]]:
        """Take what an opcode takes off the stack: what lies below, and the values above the mark or it."""
        values: list[_Item] = []
        if pickletools.markobject in before:
            while (item := self._pop()) is not None:
                values.append(item)
            values.reverse()
            before = before[: before.index(pickletools.markobject)]
            container = self._pop() if before else None
            return container, values
        taken = [self._pop() or _Item() for _ in before][::-1]
        return (taken[0], taken[1:]) if len(taken) > 1 else (None, taken)

    def _pop(self) -> _Item | None:
        if not self.stack:
            raise ModelError("its pickle is broken")
        return self.stack.pop()

    def _top(self) -> _Item:
        if not self.stack:
            raise ModelError("its pickle is broken")
        return self.stack[-1] or _Item()


def _is_odd(name: str, argument: Any) -> bool:
    """Say whether what an opcode makes is neither a text, nor a small whole number, nor alone of its kind."""
    if isinstance(argument, int) and not isinstance(argument, bool):
        return abs(argument) >= _LARGE
    return not (isinstance(argument, str | bytes) or name in ("NONE", "NEWTRUE", "NEWFALSE"))


def _keys(name: str, values: list[_Item]) -> list[_Item]:
    if name in ("SETITEM", "SETITEMS", "DICT"):
        return values[::2]
    return values if name in ("ADDITEMS", "FROZENSET") else []


def check_pickle(stream: BinaryIO) -> None:
    """Look through the pickle that begins where `stream` is, and leave `stream` behind it.

    Raises:
        ModelError: it has more steps, is deeper, or has more odd keys than an honest checkpoint.
        ValueError: it is broken.
    """
    look = _Look()
    for step, (opcode, argument, _) in enumerate(pickletools.genops(stream), start=1):
        # A place far beyond those used makes the memo as large: 64 GB for six bytes.
        if step > limits.PICKLE_STEPS or ("PUT" in opcode.name and (argument or 0) > step):
            raise ModelError(_TOO_LARGE)
        look.take(opcode, argument)


def open_archive(file: BinaryIO) -> tuple[zipfile.ZipFile, str]:
    """Return torch's archive in `file`, and the name of the folder in it; nothing in it is larger than it.

    Raises:
        ModelError: it is not one that torch writes, or beyond a bound.
        zipfile.BadZipFile: it is broken.
    """
    archive = zipfile.ZipFile(file)
    names = [entry.filename for entry in archive.infolist()]
    if len(names) > limits.ARCHIVE_ENTRIES or len(set(names)) < len(names):
        raise ModelError(f"its archive has more than {limits.ARCHIVE_ENTRIES} entries, or one twice")
    for entry in archive.infolist():
        # Torch compresses nothing; so no entry can be larger than the file.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise ModelError("its archive is compressed, which torch's never are")
    roots = [name.removesuffix("/data.pkl") for name in names if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ModelError("it is an archive, but not one that torch wrote")
    if archive.getinfo(f"{roots[0]}/data.pkl").file_size > limits.PICKLE_BYTES:
        raise ModelError(f"its pickle has more than {limits.PICKLE_BYTES:,} bytes")
    return archive, roots[0]


def check_checkpoint(file: BinaryIO) -> None:
    """Look through every pickle of the checkpoint of torch's that is open as `file`, of any version.

    Raises:
        ModelError: it is none, or beyond a bound.
        ValueError, zipfile.BadZipFile: it is broken.
    """
    head = file.read(len(LEGACY))
    file.seek(0)
    if head.startswith(ZIP):
        archive, root = open_archive(file)
        check_pickle(io.BytesIO(archive.read(f"{root}/data.pkl")))
    elif head == LEGACY:
        start = io.BytesIO(file.read(limits.PICKLE_BYTES))
        for _ in range(LEGACY_PICKLES):
            check_pickle(start)
    else:
        raise ModelError("it is no checkpoint of torch's")
    file.seek(0)
