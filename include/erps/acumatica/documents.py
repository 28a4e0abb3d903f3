"""The documents that are put: a bill (or debit adjustment), or a general ledger journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.erps.acumatica.settings import BILL, DEBIT_ADJUSTMENT, AcumaticaSettings, plain
from include.erps.acumatica.values import Money, Plain, wrapped, written
from include.erps.port import Draft, Line

BILL_FIELDS = "Type,ReferenceNbr,Status,Amount,Vendor,VendorRef,Date,PostPeriod,CurrencyID,Description"
JOURNAL_FIELDS = "Module,BatchNbr,Status,TransactionDate,PostPeriod,LedgerID,CurrencyID,Description"
_LINE_TEXT = {"bill": 256, "journal": 512}


@dataclass(frozen=True)
class Put:
    """One request that creates a document. ``text`` is its body and the evidence of what was sent; it holds no secret."""

    entity: str
    select: str
    text: str


def bill_type(draft: Draft) -> str:
    """A payable below zero is a debit adjustment: Acumatica has no negative bills."""
    return DEBIT_ADJUSTMENT if draft.control_total_cents < 0 else BILL


def put_of(draft: Draft, settings: AcumaticaSettings) -> Put:
    """The request for a checked draft.

    :raises KeyError: the check has not settled what the document needs (``period``, and ``vendor`` or ``ledger``).
    """
    if draft.kind == "bill":
        return Put("Bill", BILL_FIELDS, written(_bill(draft, settings)))
    return Put("JournalTransaction", JOURNAL_FIELDS, written(_journal(draft, settings)))


def _bill(draft: Draft, settings: AcumaticaSettings) -> dict[str, Any]:
    kind = bill_type(draft)
    # A debit adjustment states what comes back as a positive amount.
    sign = -1 if kind == DEBIT_ADJUSTMENT else 1
    fields: dict[str, Plain] = {
        "Type": kind,
        "Vendor": str(draft.details["vendor"]),
        "VendorRef": draft.reference,
        **_common(draft, "Date"),
    }
    if settings.branch:
        fields["BranchID"] = settings.branch
    if settings.send_total:
        fields["Amount"] = Money(sign * draft.control_total_cents)
    details = [wrapped(_bill_line(draft, line, settings, sign)) for line in draft.sent_lines]
    return {**wrapped(fields), "Details": details}


def _bill_line(draft: Draft, line: Line, settings: AcumaticaSettings, sign: int) -> dict[str, Plain]:
    fields: dict[str, Plain] = {"Branch": settings.branch} if settings.branch else {}
    fields |= {"Account": line.account, **_subaccount(line, settings)}
    # Quantity 1, so that the server's own quantity x unit cost cannot disagree with the amount.
    fields |= {"Qty": 1, "ExtendedCost": Money(sign * line.amount_cents)}
    fields |= {"TransactionDescription": _text(draft, line), **_project(line, settings)}
    if settings.tax_category:
        fields["TaxCategory"] = settings.tax_category
    return fields


def _journal(draft: Draft, settings: AcumaticaSettings) -> dict[str, Any]:
    fields: dict[str, Plain] = {
        "Module": "GL",
        "LedgerID": str(draft.details["ledger"]),
        **_common(draft, "TransactionDate"),
    }
    if settings.branch:
        fields["BranchID"] = settings.branch
    details = [wrapped(_journal_line(draft, line, settings)) for line in draft.sent_lines]
    return {**wrapped(fields), "Details": details}


def _journal_line(draft: Draft, line: Line, settings: AcumaticaSettings) -> dict[str, Plain]:
    side = "DebitAmount" if line.amount_cents > 0 else "CreditAmount"
    return {
        **({"BranchID": settings.branch} if settings.branch else {}),
        "Account": line.account,
        **_subaccount(line, settings),
        side: Money(abs(line.amount_cents)),
        "TransactionDescription": _text(draft, line),
        **_project(line, settings),
    }


def _common(draft: Draft, date_field: str) -> dict[str, Plain]:
    return {
        date_field: f"{draft.posting_date.isoformat()}T00:00:00",
        "PostPeriod": str(draft.details["period"]),
        "CurrencyID": draft.currency,
        "Description": draft.description,
        # The site's own default may be to hold every new document.
        "Hold": False,
    }


def _subaccount(line: Line, settings: AcumaticaSettings) -> Mapping[str, Plain]:
    subaccount = settings.line_subaccount(line.dimensions)
    return {"Subaccount": subaccount} if subaccount else {}


def _project(line: Line, settings: AcumaticaSettings) -> Mapping[str, Plain]:
    project, task = settings.line_project(line.dimensions)
    return {
        **({"Project": project} if project else {}),
        **({"ProjectTask": task} if task else {}),
    }


def _text(draft: Draft, line: Line) -> str:
    return plain(line.description or draft.description)[: _LINE_TEXT[draft.kind]].strip()
