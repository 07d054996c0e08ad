"""What is wrong with the values of a recipe, in words: every culprit, its range, the nearest known name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from clipart import limits
from clipart.fields import RefusedError
from clipart.meanings import setting_meant
from clipart.text import brief, quoted

_MESSAGE = 1000  # characters of a mistake


def explained(error: ValidationError, schema: type[BaseModel], inner: Mapping[str, type[BaseModel]]) -> str:
    """Return what `error` says of values of `schema`, a line each; `inner` are schemas of fields by name."""
    issues: list[dict[str, Any]] = [dict(issue) for issue in error.errors(include_url=False)]
    items = {
        issue["loc"][:-1] for issue in issues if issue["loc"]
    }  # a list with a bad item is not also too short
    issues = [each for each in issues if each["loc"] not in items]
    lines = [_explain(each, schema, inner) for each in issues[: limits.MISTAKES]]
    if len(issues) > len(lines):
        lines.append(f"And {len(issues) - len(lines):,} more.")
    return "\n".join(lines)


def _explain(issue: dict[str, Any], outer: type[BaseModel], inner: Mapping[str, type[BaseModel]]) -> str:
    where = [brief(str(part)) for part in issue["loc"]]
    first = where[0] if where else "recipe"
    schema = inner.get(first, outer) if "stages" in outer.model_fields else outer
    name = where[-1] if schema is not outer and where else first
    if issue["type"] == "extra_forbidden":
        hint = setting_meant(name, schema.model_fields, quoted=True) or " `clipart --help` lists the options."
        return f"{'.'.join(where)}: no such setting.{hint}"
    if issue["type"] == "missing":
        return f"{'.'.join(where)}: is needed and not given."
    refused = isinstance(issue.get("ctx", {}).get("error"), RefusedError)
    if refused and (name == "no" or not where):  # the prompt, with a mark under the character; or all of it
        return str(issue["ctx"]["error"])
    message = str(issue["msg"]).removeprefix("Value error, ").rstrip(".")
    field = schema.model_fields.get(name)
    about = f" ({field.description})" if field is not None and field.description and not refused else ""
    given = quoted(issue.get("input"))
    message = brief(message[:1].lower() + message[1:], _MESSAGE)
    return f"{'.'.join(where) or 'recipe'} = {given}: {message}.{about}"
