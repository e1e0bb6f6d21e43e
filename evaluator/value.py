"""Frozen descriptions that are checked when they are built, and the error that names the field at fault."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen description. It refuses unknown fields and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FieldError(ValueError):
    """A value that does not fit together with others.

    Attributes:
        field: the path of the field at fault inside the plan, such as `("budget", "length")`.
    """

    def __init__(self, field: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.field = field
