"""What the schemas of a recipe and of its stages share: their values are checked, and refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from clipart.errors import UsageError
from clipart.fields import require_allowed
from clipart.keeping import as_recorded
from clipart.refusal import explained
from clipart.values import require_few, sized


class Schema(BaseModel):
    """Values that are checked when they are given; what is wrong with them is a `UsageError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
    inner: ClassVar[dict[str, type[Schema]]] = {}  # of the fields whose values are schemas, by name

    @field_validator("*")
    @classmethod
    def _texts_are_allowed(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name not in ("prompt", "no"):  # `parse` points at the character in these
            require_allowed(value)
        return value

    if not TYPE_CHECKING:  # or a type checker would no longer know the settings by name

        def __init__(self, /, **values: Any) -> None:
            require_few(values)
            with _in_words(type(self)):
                super().__init__(**as_recorded(sized(values)))

        __init__.__pydantic_base_init__ = True  # values within values are made as pydantic makes them

        @classmethod
        def model_validate(cls, obj: Any, **options: Any) -> Self:
            """Return the schema of a mapping, as pydantic does."""
            with _in_words(cls):
                return super().model_validate(obj, **options)

        @classmethod
        def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
            """Return the schema of a JSON object."""
            with _in_words(cls):
                return super().model_validate_json(json_data, **options)

        @classmethod
        def model_validate_strings(cls, obj: Any, **options: Any) -> Self:
            """Return the schema of a mapping of texts."""
            with _in_words(cls):
                return super().model_validate_strings(obj, **options)

        def __setattr__(self, name: str, value: Any) -> None:
            raise UsageError(
                f"{name}: a recipe cannot be changed. recipe.with_({name}=...) returns a changed copy."
            )

        def __delattr__(self, name: str) -> None:
            raise UsageError(f"{name}: a recipe cannot be changed. Its settings cannot be deleted.")


@contextmanager
def _in_words(schema: type[Schema]) -> Iterator[None]:
    """Raise what is wrong with values of `schema` as a UsageError."""
    try:
        yield
    except ValidationError as error:
        raise UsageError(explained(error, schema, schema.inner)) from None
