"""Lines in which every value already has the type that its field should have.

Nearly all lines of a real export are like that, and millions of them must not be looked at value by value: one typed decoder
reads and checks such a line at once. Whatever it does not take (a number written as text, a date in another form, a field
nobody knows, a damaged line) is read by :mod:`include.expensify.records` instead, which says what is wrong with it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from include.expensify.values import MAX_CENTS, STATUSES, plain_day

Cents = Annotated[int, msgspec.Meta(gt=-MAX_CENTS, lt=MAX_CENTS)]

TAG_LEVELS = 4
"""A line with further levels is read value by value; most workspaces have one or two."""

# The decoder is fast where fields stand in the order in which the template prints them.
_EXPENSE_NAMES = {
    "report_id": "reportID",
    "transaction_id": "transactionID",
    "external_id": "externalID",
    "merchant": "merchant",
    "modified_merchant": "modifiedMerchant",
    "amount": "amount",
    "modified_amount": "modifiedAmount",
    "converted_amount": "convertedAmount",
    "currency": "currency",
    "currency_conversion_rate": "currencyConversionRate",
    "created": "created",
    "modified_created": "modifiedCreated",
    "inserted": "inserted",
    "category": "category",
    "category_gl_code": "categoryGlCode",
    "category_payroll_code": "categoryPayrollCode",
    "tag": "tag",
    "tag_gl_code": "tagGlCode",
    "ntag1": "ntag1",
    "ntag1_gl_code": "ntag1GlCode",
    "ntag2": "ntag2",
    "ntag2_gl_code": "ntag2GlCode",
    "ntag3": "ntag3",
    "ntag3_gl_code": "ntag3GlCode",
    "ntag4": "ntag4",
    "ntag4_gl_code": "ntag4GlCode",
    "reimbursable": "reimbursable",
    "billable": "billable",
    "has_tax": "hasTax",
    "is_distance": "isDistance",
    "tax_amount": "taxAmount",
    "modified_tax_amount": "modifiedTaxAmount",
    "tax_name": "taxName",
    "tax_rate": "taxRate",
    "tax_rate_name": "taxRateName",
    "tax_code": "taxCode",
    "mcc": "mcc",
    "bank": "bank",
    "card_name": "cardName",
    "card_id": "cardID",
    "card_last4": "cardLast4",
    "managed_card": "managedCard",
    "type": "type",
}


class PlainExpense(msgspec.Struct, gc=False, forbid_unknown_fields=True, tag_field="k", tag="E", rename=_EXPENSE_NAMES):
    """One expense line, values as they stand: "" is unset like ``None``, dates are text that is known to be readable."""

    report_id: str
    transaction_id: str
    external_id: str | None = None
    merchant: str | None = None
    modified_merchant: str | None = None
    amount: Cents | None = None
    modified_amount: Cents | None = None
    converted_amount: Cents | None = None
    currency: str | None = None
    currency_conversion_rate: float | None = None
    created: str | None = None
    modified_created: str | None = None
    inserted: str | None = None
    category: str | None = None
    category_gl_code: str | None = None
    category_payroll_code: str | None = None
    tag: str | None = None
    tag_gl_code: str | None = None
    ntag1: str | None = None
    ntag1_gl_code: str | None = None
    ntag2: str | None = None
    ntag2_gl_code: str | None = None
    ntag3: str | None = None
    ntag3_gl_code: str | None = None
    ntag4: str | None = None
    ntag4_gl_code: str | None = None
    reimbursable: bool | None = None
    billable: bool | None = None
    has_tax: bool | None = None
    is_distance: bool | None = None
    tax_amount: Cents | None = None
    modified_tax_amount: Cents | None = None
    tax_name: str | None = None
    tax_rate: str | None = None
    tax_rate_name: str | None = None
    tax_code: str | None = None
    mcc: str | None = None
    bank: str | None = None
    card_name: str | None = None
    card_id: str | None = None
    card_last4: str | None = None
    managed_card: bool | None = None
    type: str | None = None

    @property
    def tag_fields(self) -> tuple[str | None, ...]:
        """``tag``, ``tagGlCode``, then name and GL code of each level."""
        return (
            self.tag,
            self.tag_gl_code,
            self.ntag1,
            self.ntag1_gl_code,
            self.ntag2,
            self.ntag2_gl_code,
            self.ntag3,
            self.ntag3_gl_code,
            self.ntag4,
            self.ntag4_gl_code,
        )


class PlainApprover(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One approval, dates as in :class:`PlainReport`."""

    email: str | None = None
    date: str | None = None
    name: str | None = None


_REPORT_NAMES = {
    "report_id": "reportID",
    "old_report_id": "oldReportID",
    "report_name": "reportName",
    "state_num": "stateNum",
    "account_email": "accountEmail",
    "account_id": "accountID",
    "submitter_user_id": "submitterUserID",
    "submitter_payroll_id": "submitterPayrollID",
    "employee_custom_field_1": "employeeCustomField1",
    "employee_custom_field_2": "employeeCustomField2",
    "submitter_name": "submitterName",
    "manager_email": "managerEmail",
    "manager_user_id": "managerUserID",
    "manager_name": "managerName",
    "policy_id": "policyID",
    "policy_name": "policyName",
    "is_ach_reimbursed": "isACHReimbursed",
    "entry_id": "entryID",
}


class PlainReport(msgspec.Struct, gc=False, forbid_unknown_fields=True, tag_field="k", tag="R", rename=_REPORT_NAMES):
    """One report line, values as they stand."""

    report_id: str
    old_report_id: str | None = None
    report_name: str | None = None
    status: str | None = None
    state_num: Cents | None = None
    account_email: str | None = None
    account_id: str | None = None
    submitter_user_id: str | None = None
    submitter_payroll_id: str | None = None
    employee_custom_field_1: str | None = None
    employee_custom_field_2: str | None = None
    submitter_name: str | None = None
    manager_email: str | None = None
    manager_user_id: str | None = None
    manager_name: str | None = None
    created: str | None = None
    submitted: str | None = None
    approved: str | None = None
    reimbursed: str | None = None
    currency: str | None = None
    total: Cents | None = None
    policy_id: str | None = None
    policy_name: str | None = None
    is_ach_reimbursed: bool | None = None
    entry_id: str | None = None
    approvers: list[PlainApprover] | None = None


_NUL = b"\\u0000"
_EXPENSE = msgspec.json.Decoder(PlainExpense).decode
_REPORT = msgspec.json.Decoder(PlainReport).decode


def plain_expense(line: bytes) -> PlainExpense | None:
    """The expense of a line about which there is nothing to say; ``None`` for every other line."""
    if _NUL in line:
        return None
    try:
        expense = _EXPENSE(line)
    except (msgspec.MsgspecError, ValueError):
        return None
    created, modified = expense.created, expense.modified_created
    if (created and plain_day(created) is None) or (modified and plain_day(modified) is None):
        return None
    return expense


def plain_report(line: bytes) -> PlainReport | None:
    """The report of a line about which there is nothing to say; ``None`` for every other line."""
    if _NUL in line:
        return None
    try:
        report = _REPORT(line)
    except (msgspec.MsgspecError, ValueError):
        return None
    if report.status and report.status.strip().lower() not in STATUSES:
        return None
    approvals = [approver.date for approver in report.approvers or ()]
    for written in (report.created, report.submitted, report.approved, report.reimbursed, *approvals):
        if written and plain_day(written) is None:
            return None
    return report
