"""The ``posting`` section: what is posted per journal, on which date, against which balancing accounts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from include.settings.values import FilledText, Section, ShortText, Text, text_of

Per = Literal["day", "report"]


class CreditAccount(Section):
    """A balancing account, with dimensions where the ERP splits them (names of ``mapping.dimensions``)."""

    account: FilledText
    dimensions: dict[Text, FilledText] = Field(default_factory=dict)


def _credit_account(value: object) -> object:
    return {"account": value} if isinstance(value, str) else text_of(value)


Credit = Annotated[CreditAccount, BeforeValidator(_credit_account)]


class CardAccounts(Section):
    """Balancing accounts of company cards: by card feed (``bank``, then ``cardName``), else ``default``."""

    by_card: dict[Text, Credit] = Field(default_factory=dict)
    default: Credit | None = None

    @field_validator("by_card", mode="after")
    @classmethod
    def _trimmed(cls, value: dict[str, CreditAccount]) -> dict[str, CreditAccount]:
        trimmed = {name.strip(): account for name, account in value.items()}
        if len(trimmed) != len(value):
            raise ValueError("two cards are equal after trimming blanks")
        return trimmed


def _card_accounts(value: object) -> object:
    if isinstance(value, dict) and ("by_card" in value or "default" in value):
        return value
    return None if value is None else {"default": value}


class Credits(Section):
    """The ``credit`` section: full ERP accounts, account templates do not apply to them."""

    reimbursable: Credit | None = None
    company_card: Annotated[CardAccounts | None, BeforeValidator(_card_accounts)] = None
    already_reimbursed: Credit | None = None


class Posting(Section):
    """The ``posting`` section."""

    per: Per | None = None
    lines: Literal["group", "expense"] | None = None
    date: Literal["approved", "report", "run"] = "approved"
    closed_period: Literal["hold", "next_open"] = "hold"
    currency: Annotated[Text, Field(pattern=r"^[A-Z]{3}$")]
    reference_prefix: ShortText = "EXP"
    credit: Credits = Field(default_factory=Credits)
    company_card: Literal["with_reimbursable", "journal", "exclude"] | None = None
