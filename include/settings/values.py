"""Single values of a tenant file, and what all its sections have in common."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class WrittenInt(int):
    """An integer that remembers how the file writes it: ``0100`` is 64 to YAML."""

    written: str


def text_of(value: object) -> object:
    """``value``, which must be text: what YAML made something else of is not turned back."""
    if isinstance(value, bool):
        raise ValueError(
            "yes, no, on, off, true and false are truth values to YAML: write it in quotes, so that it stays exactly as typed"
        )
    if isinstance(value, int | float | date):
        written = getattr(value, "written", value)
        raise ValueError(f"{written} is not text to YAML: write it in quotes, so that it stays exactly as typed")
    return value


Text = Annotated[str, BeforeValidator(text_of)]
ShortText = Annotated[Text, Field(min_length=1, max_length=200)]


def _filled(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise ValueError("is blank: write a value, or null for none")
    return stripped


FilledText = Annotated[ShortText, AfterValidator(_filled)]
"""Text of which something is left after trimming: an account could not be built from blanks."""


class Section(BaseModel):
    """One section of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
