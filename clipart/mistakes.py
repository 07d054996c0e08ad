"""What is wrong with a recipe, in words: every wrong key with its allowed range, as far as fits a screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from clipart import limits
from clipart.fields import RefusedError
from clipart.near import did_you_mean
from clipart.text import allowed

_LONGEST = 200  # characters of a value, or of a key
Fields = Mapping[str, FieldInfo]


def mistakes(error: ValidationError, settings: Fields, of_stages: Fields) -> str:
    """Return what `error` says of a recipe's `settings`, or of those `of_stages`: a line a mistake."""
    issues: list[dict[str, Any]] = [dict(issue) for issue in error.errors(include_url=False)]
    inner = {issue["loc"][:-1] for issue in issues}  # a list with a bad item is not also too short
    issues = [each for each in issues if each["loc"] not in inner]
    lines = [_line(each, settings, of_stages) for each in issues[: limits.MISTAKES]]
    if len(issues) > len(lines):
        lines.append(f"And {len(issues) - len(lines):,} more.")
    return "\n".join(lines)


def _line(issue: dict[str, Any], settings: Fields, of_stages: Fields) -> str:
    where = [brief(str(part)) for part in issue["loc"]]
    in_stage = where[:1] == ["stages"]
    fields = of_stages if in_stage else settings
    name = where[-1] if in_stage else (where[0] if where else "recipe")
    if issue["type"] == "extra_forbidden":
        hint = did_you_mean(name, fields, quoted=True) or " `clipart --help` lists the options."
        return f"{'.'.join(where)}: no such setting.{hint}"
    if issue["type"] == "missing":
        return f"{'.'.join(where)}: is needed and not given."
    refused = isinstance(issue.get("ctx", {}).get("error"), RefusedError)
    if refused and name == "no":  # the prompt, with a mark under the character
        return str(issue["ctx"]["error"])
    message = str(issue["msg"]).removeprefix("Value error, ").rstrip(".")
    field = fields.get(name)
    about = f" ({field.description})" if field is not None and field.description and not refused else ""
    given = _given(issue.get("input"))
    return f"{'.'.join(where) or 'recipe'} = {given}: {message[:1].lower()}{message[1:]}.{about}"


def _given(value: Any) -> str:
    try:
        return brief(repr(value))
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        return "a value too long to write"


def brief(text: str) -> str:
    """Return at most 200 characters of `text`, without what is not allowed in a recipe."""
    text = allowed(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
