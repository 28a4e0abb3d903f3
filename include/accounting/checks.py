"""Checks of one report before any mapping. Each is a pure function that yields all it finds."""

from __future__ import annotations

from collections.abc import Iterator

from include.accounting.money import has_forbidden_fraction, written
from include.accounting.reasons import Reason
from include.accounting.reports import ReportFacts
from include.settings.tenant import Tenant


def effective_cents(
    original: int | None, modified: int | None, converted: int | None, currency: str | None, report_currency: str | None
) -> int | None:
    """What an expense is worth in the report's currency; ``None`` when Expensify does not say.

    Expensify's own conversion wins; else the edited amount, else the amount as entered, if it is in the report's currency. An
    unset amount is missing or 0 (both occur).
    """
    if converted:
        return converted
    own = modified or original
    if own is None:
        return None
    if own == 0 or (currency is not None and currency == report_currency):
        return own
    return None


def is_converted(currency: str | None, report_currency: str | None) -> bool:
    """True when the amount went through a conversion, which may round by a cent."""
    return currency != report_currency


def report_reasons(report: ReportFacts, tenant: Tenant) -> list[Reason]:
    """Everything that stops the report by itself."""
    return [reason for check in _CHECKS for reason in check(report, tenant)]


def _is_readable(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    for defect in report.defects:
        yield Reason(
            "unreadable",
            f"The export holds something that cannot be read: {defect}",
            "Correct the report in Expensify, then clear this task",
            report_id=report.report_id,
            amount_cents=report.total_cents,
            currency=report.currency,
        )


def _has_state(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    # An unknown word is a defect already; a state that is missing is none.
    if report.status is None and not any(defect.startswith("status ") for defect in report.defects):
        yield Reason(
            "no_state",
            "Expensify does not say whether the report is approved",
            "Un-approve and approve it again in Expensify, then clear this task",
            report_id=report.report_id,
            amount_cents=report.total_cents,
            currency=report.currency,
        )


def _has_approval_day(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    if report.approved_day is None:
        yield Reason(
            "no_approval_date",
            "The report has no approval, approver or reimbursement date",
            "Un-approve and approve it again in Expensify, then clear this task",
            report_id=report.report_id,
            amount_cents=report.total_cents,
            currency=report.currency,
        )


def _has_postable_currency(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    if report.currency == tenant.posting.currency or (report.currency and tenant.erp.takes_foreign_currency):
        return
    yield Reason(
        "currency_not_posted",
        f"The report is in {report.currency or 'no currency'}, the ledger takes {tenant.posting.currency} only",
        "Change the workspace's output currency in Expensify, or post it by hand and settle it as closed",
        subject=report.currency or "",
        report_id=report.report_id,
        amount_cents=report.total_cents,
        currency=report.currency,
    )


def _has_readable_amounts(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    for expense in report.expenses:
        if expense.amount_cents is not None:
            continue
        own = expense.modified_cents or expense.original_cents
        if own is None:
            message = f"Expense {expense.transaction_id} has no amount that can be read"
        else:
            own_text = written(own, expense.currency)
            message = f"Expense {expense.transaction_id} is {own_text} and Expensify gives no converted amount"
        yield Reason(
            "amount_unknown",
            message,
            f"Save the expense in Expensify with an amount in {report.currency}, approve again, then clear this task",
            subject=expense.transaction_id,
            report_id=report.report_id,
            amount_cents=report.total_cents,
            currency=report.currency,
        )


def _has_whole_units(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    for expense in report.expenses:
        if expense.amount_cents is not None and has_forbidden_fraction(expense.amount_cents, report.currency or ""):
            yield Reason(
                "fraction_not_allowed",
                f"Expense {expense.transaction_id} has a fraction that {report.currency} does not have",
                "Correct its amount in Expensify, then clear this task",
                subject=expense.transaction_id,
                report_id=report.report_id,
                amount_cents=expense.amount_cents,
                currency=report.currency,
            )


def control_total(report: ReportFacts) -> Iterator[Reason]:
    """The effective amounts must add up to the report's total, up to one cent per converted line."""
    amounts = [expense.amount_cents for expense in report.expenses]
    if any(amount is None for amount in amounts):
        return
    total = sum(amount for amount in amounts if amount is not None)
    tolerance = sum(1 for expense in report.expenses if is_converted(expense.currency, report.currency))
    fix = (
        "Compare the report in Expensify with the amounts kept here; approve it again to export it afresh, or set "
        "`expensify.control_total: warn` if this workspace's totals leave something out"
    )
    if report.total_cents is None:
        if report.expenses:
            yield Reason(
                "control_total",
                "Expensify gives no total for the report to check its expenses against",
                fix,
                report_id=report.report_id,
                amount_cents=total,
                currency=report.currency,
            )
    elif abs(total - report.total_cents) > tolerance:
        yield Reason(
            "control_total",
            f"The expenses add up to {written(total)}, the report says {written(report.total_cents)}",
            fix,
            report_id=report.report_id,
            amount_cents=report.total_cents,
            currency=report.currency,
        )


def _meets_control_total(report: ReportFacts, tenant: Tenant) -> Iterator[Reason]:
    if tenant.expensify.control_total == "hold":
        yield from control_total(report)


_CHECKS = (
    _is_readable,
    _has_state,
    _has_approval_day,
    _has_postable_currency,
    _has_readable_amounts,
    _has_whole_units,
    _meets_control_total,
)
