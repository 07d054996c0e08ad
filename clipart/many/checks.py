"""Everything that can be refused of many recipes is refused before the first picture, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clipart import limits
from clipart.critic.concepts import names_in, word_of
from clipart.errors import ClipartError, ModelError, UsageError
from clipart.finish.chain import make_chain
from clipart.given import MARK, recall
from clipart.layout import lay_out, require_room
from clipart.many.tasks import Task
from clipart.memory import require_memory
from clipart.models.needed import FILES, needed_by
from clipart.models.source import find_source
from clipart.pictures import open_picture
from clipart.text import real_name

if TYPE_CHECKING:
    from clipart.recipe import Recipe

_TOLD = 4 * limits.MISTAKES  # mistakes that are told in full


def require_all(tasks: Sequence[Task]) -> None:
    """Refuse tasks that cannot be begun on this machine, naming each.

    Raises:
        UsageError, ModelError: a value, a picture or a model of some of them; ModelError if all lack models.
    """
    seen: dict[str, ClipartError | None] = {}
    wrong: list[tuple[str, ClipartError]] = []
    for task in tasks:
        try:
            _require(task.recipe, seen)
        except ClipartError as error:
            wrong.append((task.where, error))
    if wrong:
        kind = ModelError if all(isinstance(error, ModelError) for _, error in wrong) else UsageError
        raise kind(all_wrong([(where, str(error)) for where, error in wrong], len(tasks)))


def all_wrong(wrong: Sequence[tuple[str, str]], count: int) -> str:
    """Return one message of all that is `wrong`, places with what is wrong there, out of `count`."""
    lines = [f"{where}: {text}" for where, text in wrong[:_TOLD]]
    if len(wrong) > _TOLD:
        lines.append(f"Also wrong: {', '.join(where for where, _ in wrong[_TOLD:])}.")
    if count > 1:
        lines.append(f"{len(wrong)} of {count} cannot be made, so none was begun. Mend or remove them.")
    return "\n".join(lines)


def _require(recipe: Recipe, seen: dict[str, ClipartError | None]) -> None:
    settled = recipe.resolve()
    make_chain(settled.chain)
    layout = lay_out(settled.parts, apart=settled.layout == "apart", boxes=settled.place)
    require_room(layout, *settled.shape)
    if settled.device == "cpu":
        require_memory(settled)
    for name in dict.fromkeys([*settled.critics, str(settled.judge)]):
        _once(seen, f"clip {name}", partial(find_source, name))
    for name in needed_by(settled):
        if name in FILES:
            key = f"{name} {getattr(settled, name)}"
            _once(seen, key, partial(FILES[name], settled))
    for name in names_in(settled.parts):
        _once(seen, f"concept {name}", partial(word_of, name))
    for name, paths in settled.files.items():
        option = f"--{name.replace('_', '-')}"
        for path in paths if name != "init" or settled.picture is not None else ():
            _once(seen, f"{option} {path}", partial(_open, path, option))


def _once(seen: dict[str, ClipartError | None], key: str, look: Callable[[], object]) -> None:
    """Call `look` if nobody has with this `key`; raise what it raised, each time."""
    if key not in seen:
        seen[key] = None
        try:
            look()
        except ClipartError as error:
            seen[key] = error
    if (found := seen[key]) is not None:
        raise found


def _open(path: str, option: str) -> None:
    if path.startswith(MARK):
        recall(path, option)
    else:
        open_picture(Path(real_name(path)), option)
