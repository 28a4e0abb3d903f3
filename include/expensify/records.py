"""Reports and expenses as Expensify holds them, read from the lines that ``template.ftl`` prints.

Values are as read, only typed: which of several amounts counts is decided in :mod:`include.accounting`. What cannot be
read becomes a :class:`~include.expensify.values.Defect` of its report or expense; what proves the export to be cut off
raises :class:`~include.expensify.framing.IncompleteExport`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from include.expensify.framing import Frame, IncompleteExport, Totals, exact_step, verify
from include.expensify.plain import PlainExpense, PlainReport, plain_expense, plain_report
from include.expensify.values import (
    STATUSES,
    Defect,
    Moment,
    Status,
    cents,
    flag,
    moment,
    number,
    plain_moment,
    status,
    text,
)

__all__ = [
    "Approver",
    "Defect",
    "Expense",
    "IncompleteExport",
    "Moment",
    "Part",
    "PlainExpense",
    "Report",
    "Status",
    "TagLevel",
    "Totals",
    "read_export",
    "verify",
]

TAG_LEVELS = 10
_TAG_LEVEL_FIELDS = tuple((f"ntag{level}", f"ntag{level}GlCode") for level in range(1, TAG_LEVELS + 1))
_TAG_FIELDS = frozenset(field for level in _TAG_LEVEL_FIELDS for field in level)
_TAG_SEPARATOR = re.compile(r"(?<!\\):")


class TagLevel(NamedTuple):
    """One tag level. ``name`` is ``None`` where the level is empty, ``gl_code`` where Expensify has none."""

    name: str | None
    gl_code: str | None


class Approver(msgspec.Struct, frozen=True):
    """One approval in the report's chain."""

    email: str | None
    date: Moment | None
    name: str | None


class Expense(msgspec.Struct, frozen=True):
    """One expense. Amounts are hundredths, spend positive; ``None`` is unset (missing, null or ""), 0 stays 0.

    ``amount``, ``modified_amount`` and the tax amounts are in ``currency``, ``converted_amount`` in the report's.
    """

    report_id: str
    transaction_id: str
    external_id: str | None
    merchant: str | None
    modified_merchant: str | None
    amount: int | None
    modified_amount: int | None
    converted_amount: int | None
    currency: str | None
    currency_conversion_rate: Decimal | None
    created: Moment | None
    modified_created: Moment | None
    inserted: Moment | None
    category: str | None
    category_gl_code: str | None
    category_payroll_code: str | None
    tag: str | None
    tag_gl_code: str | None
    tags: tuple[TagLevel, ...]
    reimbursable: bool | None
    billable: bool | None
    has_tax: bool | None
    is_distance: bool | None
    tax_amount: int | None
    modified_tax_amount: int | None
    tax_name: str | None
    tax_rate: str | None
    tax_rate_name: str | None
    tax_code: str | None
    mcc: str | None
    bank: str | None
    card_name: str | None
    card_id: str | None
    card_last4: str | None
    managed_card: bool | None
    type: str | None
    defects: tuple[Defect, ...]


class Report(msgspec.Struct, frozen=True):
    """One report with its expenses in Expensify's order. ``total`` is in hundredths of ``currency``."""

    report_id: str
    old_report_id: str | None
    report_name: str | None
    status: Status | None
    state_num: int | None
    account_email: str | None
    account_id: str | None
    submitter_user_id: str | None
    submitter_payroll_id: str | None
    employee_custom_field_1: str | None
    employee_custom_field_2: str | None
    submitter_name: str | None
    manager_email: str | None
    manager_user_id: str | None
    manager_name: str | None
    created: Moment | None
    submitted: Moment | None
    approved: Moment | None
    reimbursed: Moment | None
    currency: str | None
    total: int | None
    policy_id: str | None
    policy_name: str | None
    is_ach_reimbursed: bool | None
    entry_id: str | None
    approvers: tuple[Approver, ...]
    expenses: tuple[Expense | PlainExpense, ...]
    defects: tuple[Defect, ...]


class Part(msgspec.Struct, frozen=True):
    """Begins one part of an archive: what was asked of Expensify, and when that export was started (UTC).

    ``asked`` is the whole X record: ``states``, ``policies``, ``approved_after``, ``end_date``, ``report_ids``,
    ``exclude_label``, ``header`` (what the caller of the extraction added).
    """

    started_at: datetime
    asked: Mapping[str, Any]

    @property
    def report_ids(self) -> tuple[str, ...]:
        """The reports asked for by ID; empty for a window."""
        return tuple(self.asked.get("report_ids") or ())


def read_export(lines: Iterable[bytes], *, plain: bool = False) -> Iterator[Part | Report]:
    """Every report of an export, or of an archive with its :class:`Part` marks, in file order; one report in memory.

    A report may come in several parts (windows overlap, and reports are asked for by ID as well).

    :param plain: lines about which there is nothing to say are read at a tenth of the cost; such expenses come as
        :class:`PlainExpense`.
    :raises IncompleteExport: when the iteration reaches the place; what was yielded before must then not be used, so run
        :func:`verify` first, or use the reports only after the last one.
    """
    head: dict[str, Any] | PlainReport = {}
    expenses: list[Expense | PlainExpense] = []
    frame = Frame()
    for line in lines:
        if plain and b'"E"' in line[:9]:
            expense = plain_expense(line)
            if expense is not None and frame.take_expense(expense.report_id, expense.transaction_id):
                expenses.append(expense)
                continue
        elif plain and b'"R"' in line[:9]:
            report = plain_report(line)
            if report is not None and frame.take_report(report.report_id):
                head, expenses = report, []
                continue
        record = exact_step(frame, line)
        if record is None:
            continue
        kind = record["k"]
        if kind == "E":
            assert frame.report_id is not None
            expenses.append(_expense(record, frame.report_id))
        elif kind == "R":
            head, expenses = record, []
        elif kind == "Z":
            yield _report(head, expenses)
            head, expenses = {}, []
        elif kind == "X":
            yield _part(frame, record)
    frame.finish()


def split_levels(value: str) -> list[str]:
    """The levels of a joined tag: separated by ``:``; a colon inside a level is written as ``\\:``."""
    return [level.replace("\\:", ":") for level in _TAG_SEPARATOR.split(value)]


def tag_levels(record: dict[str, Any], defects: list[Defect]) -> tuple[TagLevel, ...]:
    """The tag of each level, first level first; inner empty levels keep their place.

    The fields ``ntag1`` ... hold one level each and are preferred. Without any, ``tag`` is split, and ``tagGlCode`` with it;
    codes that are not as many as the levels cannot be told apart and are left out. Where only the names stand apart, the
    joined codes of the same names are theirs.
    """
    levels: list[TagLevel] = []
    if not _TAG_FIELDS.isdisjoint(record):
        levels = _trimmed(
            TagLevel(text(record, name, defects), text(record, code, defects)) for name, code in _TAG_LEVEL_FIELDS
        )
    # Fields that are all empty are the same as fields that do not exist.
    if not any(level.gl_code for level in levels):
        joined = _joined_levels(record)
        if not levels or [level.name for level in levels] == [level.name for level in joined]:
            levels = joined
    return tuple(levels)


def _joined_levels(record: dict[str, Any]) -> list[TagLevel]:
    """The levels of ``tag`` with those of ``tagGlCode``."""
    joined = text(record, "tag", [])
    if joined is None:
        return []
    names = split_levels(joined)
    code = text(record, "tagGlCode", [])
    codes: list[str | None] = [None] * len(names)
    if code is not None and len(names) == 1:
        codes = [code.replace("\\:", ":")]
    elif code is not None and len(split := split_levels(code)) == len(names):
        codes = [one or None for one in split]
    return _trimmed(TagLevel(name or None, one) for name, one in zip(names, codes, strict=True))


def _trimmed(levels: Iterable[TagLevel]) -> list[TagLevel]:
    """Without empty levels at the end."""
    found = list(levels)
    while found and found[-1] == (None, None):
        found.pop()
    return found


def _expense(record: dict[str, Any], report_id: str) -> Expense:
    found: list[Defect] = []
    return Expense(
        report_id=report_id,
        transaction_id=str(record["transactionID"]),
        external_id=text(record, "externalID", found),
        merchant=text(record, "merchant", found),
        modified_merchant=text(record, "modifiedMerchant", found),
        amount=cents(record, "amount", found),
        modified_amount=cents(record, "modifiedAmount", found),
        converted_amount=cents(record, "convertedAmount", found),
        currency=text(record, "currency", found),
        # No amount is made of it: unreadable, it stops nothing.
        currency_conversion_rate=number(record, "currencyConversionRate", []),
        created=moment(record, "created", found),
        modified_created=moment(record, "modifiedCreated", found),
        # No date is made of it either.
        inserted=moment(record, "inserted", []),
        category=text(record, "category", found),
        category_gl_code=text(record, "categoryGlCode", found),
        category_payroll_code=text(record, "categoryPayrollCode", found),
        tag=text(record, "tag", found),
        tag_gl_code=text(record, "tagGlCode", found),
        tags=tag_levels(record, found),
        reimbursable=flag(record, "reimbursable", found),
        billable=flag(record, "billable", found),
        has_tax=flag(record, "hasTax", found),
        is_distance=flag(record, "isDistance", found),
        tax_amount=cents(record, "taxAmount", found),
        modified_tax_amount=cents(record, "modifiedTaxAmount", found),
        tax_name=text(record, "taxName", found),
        tax_rate=text(record, "taxRate", found),
        tax_rate_name=text(record, "taxRateName", found),
        tax_code=text(record, "taxCode", found),
        mcc=text(record, "mcc", found),
        bank=text(record, "bank", found),
        card_name=text(record, "cardName", found),
        card_id=text(record, "cardID", found),
        card_last4=text(record, "cardLast4", found),
        managed_card=flag(record, "managedCard", found),
        type=text(record, "type", found),
        defects=tuple(found),
    )


def _report(record: dict[str, Any] | PlainReport, expenses: list[Expense | PlainExpense]) -> Report:
    found: list[Defect] = []
    if len({expense.transaction_id for expense in expenses}) < len(expenses):
        seen: set[str] = set()
        for expense in expenses:
            # Exporting again would not change it, and booking it twice must not happen: the report is held.
            if expense.transaction_id in seen:
                found.append(Defect("transactionID", "duplicate", expense.transaction_id))
            seen.add(expense.transaction_id)
    if isinstance(record, PlainReport):
        return _plain_report(record, expenses, found)
    return Report(
        report_id=str(record["reportID"]),
        old_report_id=text(record, "oldReportID", found),
        report_name=text(record, "reportName", found),
        status=status(record, "status", found),
        state_num=cents(record, "stateNum", found),
        account_email=text(record, "accountEmail", found),
        account_id=text(record, "accountID", found),
        submitter_user_id=text(record, "submitterUserID", found),
        submitter_payroll_id=text(record, "submitterPayrollID", found),
        employee_custom_field_1=text(record, "employeeCustomField1", found),
        employee_custom_field_2=text(record, "employeeCustomField2", found),
        submitter_name=text(record, "submitterName", found),
        manager_email=text(record, "managerEmail", found),
        manager_user_id=text(record, "managerUserID", found),
        manager_name=text(record, "managerName", found),
        created=moment(record, "created", found),
        submitted=moment(record, "submitted", found),
        approved=moment(record, "approved", found),
        reimbursed=moment(record, "reimbursed", found),
        currency=text(record, "currency", found),
        total=cents(record, "total", found),
        policy_id=text(record, "policyID", found),
        policy_name=text(record, "policyName", found),
        is_ach_reimbursed=flag(record, "isACHReimbursed", found),
        entry_id=text(record, "entryID", found),
        approvers=_approvers(record.get("approvers"), found),
        expenses=tuple(expenses),
        defects=tuple(found),
    )


def _plain_report(report: PlainReport, expenses: list[Expense | PlainExpense], defects: list[Defect]) -> Report:
    return Report(
        report_id=report.report_id,
        old_report_id=report.old_report_id or None,
        report_name=report.report_name or None,
        status=STATUSES[report.status.strip().lower()] if report.status else None,
        state_num=report.state_num,
        account_email=report.account_email or None,
        account_id=report.account_id or None,
        submitter_user_id=report.submitter_user_id or None,
        submitter_payroll_id=report.submitter_payroll_id or None,
        employee_custom_field_1=report.employee_custom_field_1 or None,
        employee_custom_field_2=report.employee_custom_field_2 or None,
        submitter_name=report.submitter_name or None,
        manager_email=report.manager_email or None,
        manager_user_id=report.manager_user_id or None,
        manager_name=report.manager_name or None,
        created=plain_moment(report.created),
        submitted=plain_moment(report.submitted),
        approved=plain_moment(report.approved),
        reimbursed=plain_moment(report.reimbursed),
        currency=report.currency or None,
        total=report.total,
        policy_id=report.policy_id or None,
        policy_name=report.policy_name or None,
        is_ach_reimbursed=report.is_ach_reimbursed,
        entry_id=report.entry_id or None,
        approvers=tuple(
            Approver(one.email or None, plain_moment(one.date), one.name or None) for one in report.approvers or ()
        ),
        expenses=tuple(expenses),
        defects=tuple(defects),
    )


def _approvers(value: object, defects: list[Defect]) -> tuple[Approver, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        defects.append(Defect("approvers", "not_a_text", type(value).__name__))
        return ()
    return tuple(
        Approver(text(one, "email", defects), moment(one, "date", defects), text(one, "name", defects)) for one in value
    )


@lru_cache(maxsize=4096)
def plain_tags(fields: tuple[str | None, ...]) -> tuple[tuple[str, str | None], ...]:
    """The tag levels (name or "", GL code) of :attr:`PlainExpense.tag_fields`."""
    names = ("tag", "tagGlCode", *(name for level in _TAG_LEVEL_FIELDS for name in level))
    record = {name: value for name, value in zip(names, fields, strict=False) if value}
    return tuple((level.name or "", level.gl_code) for level in tag_levels(record, []))


def _part(frame: Frame, record: dict[str, Any]) -> Part:
    try:
        started_at = datetime.fromisoformat(record["started_at"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        frame.fail("a part that does not say when its export was started")
    return Part(started_at, record)
