"""Putting bills and batches: what their forms validate, and what is saved. Nothing is saved when anything is wrong."""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from include.sandbox.acumatica.answers import Fail, failure, no_entity
from include.sandbox.acumatica.books import Books, Plain, Row
from include.sandbox.acumatica.reading_input import Given
from include.sandbox.acumatica.schema import SCHEMAS

__all__ = ["put"]

_TITLES = {"Bill": "AP Transactions", "JournalTransaction": "GL Batch"}
_BILL_TYPES = ("Bill", "Credit Adj.", "Debit Adj.", "Prepayment")
_STOPPED = ("On Hold", "Inactive")
_OPEN_TO_CHANGE = ("On Hold", "Balanced", "Pending Approval")
_CENT = Decimal("0.01")


def put(books: Books, entity: str, sent: Given, branch: str) -> Row:
    """Create or update; `branch` is the session's. Raises 422 with the record echoed, or 500."""
    existing = _existing(books, entity, sent)
    if existing is not None and existing.text("Status") not in _OPEN_TO_CHANGE:
        raise failure("The document cannot be changed because it has been released.")
    row = _Form(books, entity, sent, existing, branch).checked()
    if existing is None:
        books.all(entity).append(row)
        return row
    existing.fields, existing.details = row.fields, row.details
    return existing


def _existing(books: Books, entity: str, sent: Given) -> Row | None:
    if sent.id is not None:
        for row in books.all(entity):
            if row.id == sent.id:
                return row
        raise no_entity()
    first, number = SCHEMAS[entity].keys
    if not sent.text(number):
        return None
    keys = {first: sent.text(first) or "Bill", number: sent.text(number)}
    found = books.find(entity, **keys)
    if found is None:
        sent.complain(number, "'Reference Nbr.' cannot be found in the system.")
        raise _rejected(entity, sent)
    return found


def _rejected(entity: str, sent: Given) -> Fail:
    number = SCHEMAS[entity].keys[1]
    sent.error = f"Inserting  '{_TITLES[entity]}' record raised at least one error. Please review the errors."
    sent.fields.setdefault(number, "<NEW>")
    return Fail(422, sent.echo())


class _Form:
    def __init__(self, books: Books, entity: str, sent: Given, existing: Row | None, branch: str) -> None:
        self.books = books
        self.entity = entity
        self.sent = sent
        self.branch = branch
        self.warnings: dict[str, str] = {}
        self.kept = list(existing.details["Details"]) if existing else []
        self.before = dict(existing.fields) if existing else {}

    def checked(self) -> Row:
        """The row to save; raises 422."""
        bill = self.entity == "Bill"
        schema = SCHEMAS[self.entity]
        self._lengths(self.sent, schema.lengths)
        fields: dict[str, Plain] = {**self.before, **self.sent.fields}
        day = self._day(fields, "Date" if bill else "TransactionDate")
        fields["PostPeriod"] = self._period(day, payables=bill)
        currency = self.books.find("Currency", CurrencyID=self.sent.text("CurrencyID") or self.books.currency)
        if currency is None:
            self.sent.complain("CurrencyID", "'Currency' cannot be found in the system.")
        fields.setdefault("CurrencyID", self.books.currency)
        self._branch(self.sent, "BranchID")
        fields["BranchID"] = self.sent.text("BranchID") or self.before.get("BranchID") or self.branch
        lines = [*self.kept, *(self._line(line) for line in self.sent.details if not line.delete)]
        (self._bill if bill else self._batch)(fields, lines)
        if self.sent.is_bad:
            raise _rejected(self.entity, self.sent)
        number = schema.keys[1]
        if number not in self.before:
            fields[number] = self.books.number_bill() if bill else self.books.number_batch()
        fields["LastModifiedDateTime"] = self.books.now()
        for position, line in enumerate(lines, start=1):
            if not bill:
                line.fields["LineNbr"] = position
        return Row(fields, details={"Details": lines}, warnings=self.warnings)

    def _lengths(self, record: Given, lengths: dict[str, int]) -> None:
        for name, longest in lengths.items():
            if len(record.text(name)) > longest:
                record.complain(name, f"The string value provided exceeds the field '{name}' length {longest}.")

    def _day(self, fields: dict[str, Plain], name: str) -> date:
        day = fields.get(name)
        if not isinstance(day, date):
            day = self.books.today()
            fields[name] = day
        return day

    def _period(self, day: date, *, payables: bool) -> str:
        asked = self.sent.text("PostPeriod").replace("-", "")
        if asked and not re.fullmatch(r"(0[1-9]|1[0-3])\d{4}", asked):
            self.sent.complain("PostPeriod", "The financial period has an invalid format.")
            return ""
        period = self.books.period(asked) if asked else self.books.period_of(day)
        company = self.books.company
        if period is None:
            shown = f"{day.month}/{day.day}/{day.year}"
            text = f"The financial period that corresponds to the {shown} date does not exist in the {company} company."
            self.sent.complain("PostPeriod", text)
            return asked
        identity = period.text("FinancialPeriodID")
        name, status = f"{identity[:2]}-{identity[2:]}", period.text("Status")
        if status in ("Inactive", "Locked"):
            self.sent.complain(
                "PostPeriod", f"Error: The {name} financial period is {status.lower()} in the {company} company."
            )
        elif status == "Closed" or (payables and period.fields.get("ClosedInAP")):
            text = f"The {name} financial period is closed in the {company} company."
            if status != "Closed":
                text = f"The {name} financial period of the {company} company is closed in  Accounts Payable."
            if self.books.preferences.restrict_closed_periods:
                self.sent.complain("PostPeriod", text)
            else:
                self.warnings["PostPeriod"] = text
        return identity

    def _branch(self, record: Given, name: str) -> None:
        wanted = record.text(name).lower()
        known = {
            branch.text("BranchID").lower()
            for ledger in self.books.all("Ledger")
            for branch in ledger.details["Branches"]
        }
        if wanted and wanted not in known:
            record.complain(name, "'Branch' cannot be found in the system.")

    def _line(self, line: Given) -> Row:
        bill = self.entity == "Bill"
        self._lengths(line, SCHEMAS[self.entity].details["Details"].lengths)
        account = self._known(line, "Account", "Account", "AccountCD")
        if not line.text("Account"):
            line.complain("Account", "'Account' cannot be empty.")
        if account is not None and account.fields.get("Active") is not True:
            line.complain("Account", "Account is inactive.")
        if self.books.preferences.subaccounts:
            subaccount = self._known(line, "Subaccount", "Subaccount", "SubaccountCD")
            if subaccount is not None and subaccount.fields.get("Active") is not True:
                line.complain("Subaccount", "Subaccount is inactive.")
            if not line.text("Subaccount") and not bill:
                line.complain("Subaccount", "'Subaccount' cannot be empty.")
        self._branch(line, "Branch" if bill else "BranchID")
        self._project(line)
        fields = dict(line.fields)
        fields["Description"] = account.text("Description") if account else None
        if bill:
            quantity, unit = line.number("Qty") or Decimal(0), line.number("UnitCost") or Decimal(0)
            cost = line.number("ExtendedCost")
            money = self._rounded(quantity * unit if cost is None else cost)
            fields["ExtendedCost"] = fields["Amount"] = money
        else:
            fields |= self._sides(line)
        return Row(fields)

    def _sides(self, line: Given) -> dict[str, Plain]:
        debit, credit = line.number("DebitAmount") or Decimal(0), line.number("CreditAmount") or Decimal(0)
        if debit < 0 or credit < 0:
            line.complain("DebitAmount" if debit < 0 else "CreditAmount", "The value must not be negative.")
        if debit and credit:
            line.complain("CreditAmount", "A line has either a debit or a credit amount.")
        return {"DebitAmount": self._rounded(debit), "CreditAmount": self._rounded(credit)}

    def _project(self, line: Given) -> None:
        code = line.text("Project")
        if not code or code.upper() == "X":
            return
        project = self.books.find("Project", ProjectID=code)
        if project is None:
            line.complain("Project", f"Project '{code:<10}' cannot be found in the system.")
        elif project.text("Status") != "Active":
            line.complain("Project", f"The project is {project.text('Status').lower()}.")
        task = line.text("ProjectTask")
        tasks = [row for row in self.books.all("ProjectTask") if row.text("ProjectID").lower() == code.lower()]
        if not task:
            line.complain("ProjectTask", "'Project Task' cannot be empty.")
        elif task and task.lower() not in [row.text("ProjectTaskID").lower() for row in tasks]:
            line.complain("ProjectTask", "'Project Task' cannot be found in the system.")

    def _known(self, line: Given, field: str, entity: str, key: str) -> Row | None:
        code = line.text(field)
        row = self.books.find(entity, **{key: code}) if code else None
        if code and row is None:
            line.complain(field, f"'{field}' cannot be found in the system.")
        return row

    def _rounded(self, amount: Decimal) -> Decimal:
        return amount.quantize(_CENT, ROUND_HALF_UP)

    def _bill(self, fields: dict[str, Plain], lines: list[Row]) -> None:
        sent, preferences = self.sent, self.books.preferences
        kind = str(fields.setdefault("Type", "Bill"))
        if kind not in _BILL_TYPES:
            sent.complain("Type", f"The value '{kind}' is not allowed.")
        vendor = self._vendor(str(fields.get("Vendor") or ""))
        reference = str(fields.get("VendorRef") or "").strip()
        if preferences.vendor_ref_required and kind == "Bill" and not reference:
            sent.complain("VendorRef", "'Vendor Ref.' cannot be empty.")
        if (
            preferences.duplicate_vendor_ref_is_error
            and "ReferenceNbr" not in self.before
            and any(
                row.text("VendorRef").lower() == reference.lower() and row.text("Vendor") == vendor
                for row in self.books.bills
                if reference
            )
        ):
            sent.complain("VendorRef", f"A document with the vendor ref. '{reference}' already exists.")
        total = sum((_money(line, "Amount") for line in lines), Decimal(0))
        taxable = sum((_money(line, "Amount") for line in lines if line.text("TaxCategory") != "EXEMPT"), Decimal(0))
        tax = self._rounded(taxable * self.books.tax_percent.get(vendor, 0) / 100)
        if total + tax < 0:
            sent.complain("Amount", "The document total cannot be negative.")
        told = sent.number("Amount")
        hold = fields.get("Hold")
        hold = preferences.hold_on_entry if hold is None else hold
        if preferences.validate_totals and not hold and told != total + tax:
            sent.complain("Amount", "The document is out of the balance.")
        waiting = "Pending Approval" if preferences.approval_of_bills else "Balanced"
        fields |= {"Vendor": vendor, "Amount": total + tax, "Balance": total + tax, "TaxTotal": tax}
        fields["Status"] = "On Hold" if hold else waiting
        fields["Hold"] = hold

    def _vendor(self, code: str) -> str:
        row = self.books.find("Vendor", VendorID=code) or self.books.find("Employee", EmployeeID=code)
        if not code:
            self.sent.complain("Vendor", "'Vendor' cannot be empty.")
        elif row is None:
            self.sent.complain("Vendor", "'Vendor' cannot be found in the system.")
        elif row.text("Status") in _STOPPED:
            self.sent.complain("Vendor", f"The vendor status is '{row.text('Status')}'.")
        return code.strip().upper()

    def _batch(self, fields: dict[str, Plain], lines: list[Row]) -> None:
        sent = self.sent
        if str(fields.setdefault("Module", "GL")) != "GL":
            sent.complain("Module", "Only GL batches can be entered.")
        ledger = self.books.find("Ledger", LedgerID=sent.text("LedgerID")) if sent.text("LedgerID") else None
        if sent.text("LedgerID") and ledger is None:
            sent.complain("LedgerID", "'Ledger' cannot be found in the system.")
        if ledger is None and "LedgerID" not in fields:
            fields["LedgerID"] = next(row.text("LedgerID") for row in self.books.all("Ledger"))
        debit = sum((_money(line, "DebitAmount") for line in lines), Decimal(0))
        credit = sum((_money(line, "CreditAmount") for line in lines), Decimal(0))
        hold = fields.get("Hold")
        hold = self.books.preferences.hold_on_entry if hold is None else hold
        if debit != credit and not hold:
            sent.complain("Status", "The batch is not balanced. Review the debit and credit amounts.")
        fields["Status"] = "On Hold" if hold else "Balanced"
        fields["Hold"] = hold


def _money(line: Row, name: str) -> Decimal:
    value = line.fields.get(name)
    return value if isinstance(value, Decimal) else Decimal(0)
