"""The ``mapping`` section: how Expensify's names become accounts, dimensions and employees of the ERP."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from include.settings.values import FilledText, Section, Text


class ValueMap(Section):
    """How Expensify names become ERP values: ``values`` first, then the GL code kept in Expensify, then ``default``."""

    values: dict[Text, Text] = Field(default_factory=dict)
    expensify_gl_code: bool = False
    default: FilledText | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _from_csv(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            folder = (info.context or {}).get("folder", Path())
            return _read_two_columns(Path(folder, value))
        return value

    @field_validator("values", mode="after")
    @classmethod
    def _trimmed(cls, value: dict[str, str]) -> dict[str, str]:
        trimmed = {name.strip(): mapped.strip() for name, mapped in value.items()}
        if len(trimmed) != len(value):
            raise ValueError("two names are equal after trimming blanks")
        empty = [name for name, mapped in trimmed.items() if not mapped]
        if empty:
            raise ValueError(f"{empty[0]!r} has an empty value")
        return trimmed


class Dimension(ValueMap):
    """One dimension, read from the tag level ``tag`` (1 is the first)."""

    tag: int = Field(ge=1, le=10)
    required: bool = False


class Mapping_(Section):
    """The ``mapping`` section."""

    gl_account: ValueMap = Field(default_factory=lambda: ValueMap(expensify_gl_code=True))
    dimensions: dict[Text, Dimension] = Field(default_factory=dict)
    employee: ValueMap = Field(default_factory=ValueMap)


def _read_two_columns(path: Path) -> dict[str, str]:
    import csv

    if not path.is_file():
        raise ValueError(f"the file {path} does not exist")
    values: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines))
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8: save it again as `CSV UTF-8`") from None
    except (csv.Error, OSError) as error:
        raise ValueError(f"{path.name} cannot be read as CSV: {error}") from None
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise ValueError(
                f"{path.name} line {number}: expected two columns, Expensify name and ERP value, with a comma between them"
            )
        name, value = row[0].strip(), row[1].strip()
        if name in values:
            raise ValueError(f"{path.name} line {number}: {name!r} is listed twice")
        values[name] = value
    return values
