"""What Sage 100 answers, as checked values; one shape for both channels.

Account parts and entry numbers keep their leading zeros: they are texts. Amounts come as texts (agent) or decimals (SOAP),
never as floats.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_MONEY = re.compile(r"([0-9]{1,14})\.([0-9]{2})", re.ASCII)
_MOST_DIGITS = 18
M = TypeVar("M", bound=BaseModel)


class Unreadable(Exception):
    """The answer is not what the operation answers: cut off, another form, a value that cannot be."""


def _cents(value: object) -> object:
    if isinstance(value, Decimal):
        # In that order: of what is not finite, or larger than any amount, nothing else may be asked.
        if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS or value < 0:
            raise ValueError("it is not an amount")
        hundredths = value * 100
        if hundredths != hundredths.to_integral_value():
            raise ValueError(f"{value} is not an amount with two decimals")
        return int(hundredths)
    match = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("it is not an amount")
    return int(match[1]) * 100 + int(match[2])


def _cents_or_zero(value: object) -> object:
    return 0 if value is None else _cents(value)


def _day(value: object) -> object:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value


Cents = Annotated[int, BeforeValidator(_cents)]
LineCents = Annotated[int, BeforeValidator(_cents_or_zero)]
Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, Field(min_length=1)]


class _Answer(BaseModel):
    # A newer agent may tell more than we ask for. Sage's fields have a fixed length, and not every reader takes the blanks off.
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True, alias_generator=to_camel)


class Structure(_Answer):
    """How the company writes account numbers."""

    account_format: Text


class Account(_Answer):
    """One combined account. ``status``: A active, I inactive, D deleted; the dates limit its use."""

    account: Text
    status: Text
    account_key: str | None = None
    account_desc: str | None = None
    date_start: Day | None = None
    date_end: Day | None = None


class Period(_Answer):
    """One fiscal period. ``status``: O open, C closed."""

    fiscal_year: Text
    fiscal_period: Text
    start_date: Day
    end_date: Day
    status: Text

    def __str__(self) -> str:
        return f"{self.fiscal_year}/{self.fiscal_period}"


class SubAccount(_Answer):
    """A value of one account segment, such as a cost centre."""

    segment_no: Text
    sub_account_code: Text
    status: Text


class EntryLine(_Answer):
    """One line of a journal entry, in cents."""

    account: Text
    account_key: str | None = None
    debit_amount: LineCents = 0
    credit_amount: LineCents = 0


class Entry(_Answer):
    """A journal entry that is in Sage. ``lines`` is ``None`` when the answer leaves them out."""

    source_journal: Text
    entry_no: Text
    external_reference: Text
    posting_date: Day
    status: Text
    total_debit: Cents
    total_credit: Cents
    lines: list[EntryLine] | None = None
    company_code: str | None = None
    fiscal_year: str | None = None
    fiscal_period: str | None = None
    journal_register_no: str | None = None


def read(model: type[M], value: Any) -> M:
    """``value`` (names in camel case) as ``model``.

    :raises Unreadable: something is missing or has another form.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise Unreadable(f"{place}: {first['msg']}") from None
