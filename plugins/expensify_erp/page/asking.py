"""What a request asks for: filters and pages out of the address, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, get_args

from fastapi import Depends, HTTPException, Query

from expensify_erp.page.access import Visible
from include.ledger.journals import State
from include.ledger.views.expense_list import ExpenseFilter
from include.ledger.views.finding_list import FindingFilter
from include.ledger.views.journal_list import JournalFilter, Sort
from include.ledger.views.paging import Ask

ROWS = 50
STATES: tuple[str, ...] = get_args(State)
Short = Annotated[str | None, Query(max_length=200)]


def page_asked(cursor: Annotated[str | None, Query(max_length=2000)] = None) -> Ask:
    """Which page of a list."""
    return Ask(ROWS, cursor or None)


AskDep = Annotated[Ask, Depends(page_asked)]


def day_of(text: str | None) -> date | None:
    """A day; nothing for an empty field.

    :raises HTTPException: 422, it is not a day.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, f"{text} is not a day: write it as 2026-11-20.") from None


@dataclass(frozen=True)
class JournalsAsked:
    """The journals' filter as it stands in the address; ``values`` fill the form and the links again."""

    values: Mapping[str, Any]
    sort: Sort
    descending: bool

    def where(self, visible: Visible) -> JournalFilter:
        """The filter for the ledger.

        :raises HTTPException: 404 for a tenant that may not be seen, 422 for what cannot be read.
        """
        values = self.values
        wrong = [state for state in values["state"] if state not in STATES]
        if wrong:
            raise HTTPException(422, f"{wrong[0]} is not a state of a journal.")
        return JournalFilter(
            tenants=visible.of(values["tenant"]) if values["tenant"] else (),
            states=tuple(values["state"]),
            posting_from=day_of(values["from"]),
            posting_to=day_of(values["to"]),
            account=_text(values["account"]),
            text=_text(values["text"]),
            unfinished=bool(values["unfinished"]),
        )


def journals_asked(
    tenant: Short = None,
    state: Annotated[list[str] | None, Query(max_length=20)] = None,
    posting_from: Annotated[str | None, Query(alias="from", max_length=10)] = None,
    posting_to: Annotated[str | None, Query(alias="to", max_length=10)] = None,
    account: Short = None,
    text: Short = None,
    unfinished: Annotated[str | None, Query(max_length=5)] = None,
    sort: Sort = "posting_date",
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
) -> JournalsAsked:
    """The journals' filter, from the address."""
    values = {
        "tenant": tenant,
        "state": [one for one in state or [] if one],
        "from": posting_from,
        "to": posting_to,
        "account": account,
        "text": text,
        "unfinished": "yes" if unfinished else None,
        "sort": sort if sort != "posting_date" else None,
        "order": order if order != "desc" else None,
    }
    return JournalsAsked(values, sort, order == "desc")


JournalsDep = Annotated[JournalsAsked, Depends(journals_asked)]


@dataclass(frozen=True)
class ExpensesAsked:
    """The expenses' filter as it stands in the address."""

    values: Mapping[str, Any]

    def where(self, visible: Visible) -> ExpenseFilter:
        """The filter for the ledger.

        :raises HTTPException: 404 for a tenant that may not be seen.
        """
        values = self.values
        return ExpenseFilter(
            tenants=visible.of(values["tenant"]) if values["tenant"] else (),
            text=_text(values["text"]),
            report_id=_text(values["report"]),
        )


def expenses_asked(tenant: Short = None, text: Short = None, report: Short = None) -> ExpensesAsked:
    """The expenses' filter, from the address."""
    return ExpensesAsked({"tenant": tenant, "text": text, "report": report})


ExpensesDep = Annotated[ExpensesAsked, Depends(expenses_asked)]


@dataclass(frozen=True)
class FindingsAsked:
    """The findings' filter as it stands in the address."""

    values: Mapping[str, Any]

    def where(self, visible: Visible) -> FindingFilter:
        """The filter for the ledger.

        :raises HTTPException: 404 for a tenant that may not be seen.
        """
        values = self.values
        return FindingFilter(
            tenants=visible.of(values["tenant"]) if values["tenant"] else (),
            kinds=(values["kind"],) if values["kind"] else (),
            open_only=not values["settled"],
        )


def findings_asked(
    tenant: Short = None, kind: Short = None, settled: Annotated[str | None, Query(max_length=5)] = None
) -> FindingsAsked:
    """The findings' filter, from the address."""
    return FindingsAsked({"tenant": tenant, "kind": kind, "settled": "yes" if settled else None})


FindingsDep = Annotated[FindingsAsked, Depends(findings_asked)]


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None
