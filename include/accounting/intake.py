"""From a report as Expensify holds it to a report as this package books it."""

from __future__ import annotations

from datetime import date, datetime
from sys import intern
from zoneinfo import ZoneInfo

from include.accounting.checks import effective_cents
from include.accounting.reports import ExpenseFacts, ReportFacts
from include.expensify.plain import PlainExpense
from include.expensify.records import Expense, Moment, Report, plain_tags
from include.expensify.values import plain_day


def report_facts(report: Report, zone: ZoneInfo, extracted_at: datetime) -> ReportFacts:
    """Effective amounts and local days of one report.

    An approval with a time is UTC and falls on a day of ``zone``; without a time it is that calendar day. Where the report
    itself has none, the last approver's date counts, then the reimbursement.
    """
    approved = report.approved
    # An approval that cannot be read is none that is missing: another date could put the report into no run's window.
    if approved is None and not any(defect.field in ("approved", "date") for defect in report.defects):
        approved = _last_approval(report) or report.reimbursed
    return ReportFacts(
        report_id=report.report_id,
        status=report.status,
        currency=report.currency,
        total_cents=report.total,
        approved_day=local_day(approved, zone),
        approved_at=approved.at if approved else None,
        reimbursed_day=local_day(report.reimbursed, zone),
        name=report.report_name,
        submitter_email=report.account_email,
        submitter_name=report.submitter_name,
        policy_id=report.policy_id,
        policy_name=report.policy_name,
        approvers=tuple(
            {
                key: value
                for key, value in (
                    ("email", approver.email),
                    ("name", approver.name),
                    ("date", _written(approver.date)),
                )
                if value
            }
            for approver in report.approvers
        ),
        expenses=[
            _plain_facts(expense, report.currency)
            if isinstance(expense, PlainExpense)
            else _expense_facts(expense, report.currency)
            for expense in report.expenses
        ],
        defects=tuple(
            str(defect)
            for defects in (report.defects, *(one.defects for one in report.expenses if isinstance(one, Expense)))
            for defect in defects
        ),
        extracted_at=extracted_at,
    )


def local_day(moment: Moment | None, zone: ZoneInfo) -> date | None:
    """The calendar day of ``moment`` in ``zone``."""
    if moment is None:
        return None
    return moment.at.astimezone(zone).date() if moment.at is not None else moment.day


def _last_approval(report: Report) -> Moment | None:
    dated = [approver.date for approver in report.approvers if approver.date is not None]
    return max(dated, key=lambda moment: (moment.day, str(moment.at or "")), default=None)


def _written(moment: Moment | None) -> str | None:
    if moment is None:
        return None
    return moment.at.isoformat() if moment.at is not None else moment.day.isoformat()


def _expense_facts(expense: Expense, report_currency: str | None) -> ExpenseFacts:
    spent = expense.modified_created or expense.created
    return ExpenseFacts(
        transaction_id=expense.transaction_id,
        amount_cents=effective_cents(
            expense.amount, expense.modified_amount, expense.converted_amount, expense.currency, report_currency
        ),
        original_cents=expense.amount,
        modified_cents=expense.modified_amount,
        converted_cents=expense.converted_amount,
        currency=expense.currency,
        spent_on=spent.day if spent else None,
        merchant=expense.modified_merchant or expense.merchant,
        category=expense.category,
        category_gl_code=expense.category_gl_code,
        tags=tuple((level.name or "", level.gl_code) for level in expense.tags),
        # A missing flag means an employee's own money; only an explicit "no" is a company card.
        reimbursable=expense.reimbursable is not False,
        bank=expense.bank,
        card_name=expense.card_name,
        card_last4=expense.card_last4,
        tax_code=expense.tax_code,
        tax_cents=expense.modified_tax_amount or expense.tax_amount,
    )


def _plain_facts(expense: PlainExpense, report_currency: str | None) -> ExpenseFacts:
    """The same as :func:`_expense_facts`; texts that repeat are kept once."""
    amount, modified, converted = expense.amount, expense.modified_amount, expense.converted_amount
    currency, category, bank, card_name = expense.currency, expense.category, expense.bank, expense.card_name
    spent = expense.modified_created or expense.created
    merchant = expense.modified_merchant or expense.merchant
    return ExpenseFacts(
        expense.transaction_id,
        effective_cents(amount, modified, converted, currency or None, report_currency),
        amount,
        modified,
        converted,
        intern(currency) if currency else None,
        plain_day(spent) if spent else None,
        intern(merchant) if merchant else None,
        intern(category) if category else None,
        expense.category_gl_code or None,
        plain_tags(expense.tag_fields),
        expense.reimbursable is not False,
        intern(bank) if bank else None,
        intern(card_name) if card_name else None,
        expense.card_last4 or None,
        expense.tax_code or None,
        expense.modified_tax_amount or expense.tax_amount,
    )
