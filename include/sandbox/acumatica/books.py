"""The books behind the Acumatica sandbox: master data, the calendar, bills and batches.

Every record is a :class:`Row` of plain values; the endpoint wraps them. Methods beyond the endpoint stand for a person at
the Acumatica screen: closing a period, putting a vendor on hold, reversing a bill.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

__all__ = ["Books", "Plain", "Preferences", "Row"]

Plain = str | int | bool | Decimal | date | datetime | None


@dataclass
class Row:
    """One record: `id` is its GUID; `linked` and `details` are records below it; `warnings` sit on fields."""

    fields: dict[str, Plain]
    linked: dict[str, Row] = field(default_factory=dict)
    details: dict[str, list[Row]] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def text(self, name: str) -> str:
        """A field as text."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    def cents(self, name: str) -> int:
        """An amount in cents; absent is zero."""
        value = self.fields.get(name)
        assert value is None or isinstance(value, Decimal)
        return int((value or Decimal(0)) * 100)


@dataclass
class Preferences:
    """How the site is set up."""

    restrict_closed_periods: bool = False
    duplicate_vendor_ref_is_error: bool = False
    vendor_ref_required: bool = False
    validate_totals: bool = False
    hold_on_entry: bool = True
    approval_of_bills: bool = False
    subaccounts: bool = True
    auto_post: bool = True


@dataclass
class Books:
    """All data of one Acumatica tenant, in one company. `tax_percent` is added by a vendor's tax zone."""

    company: str = "Sandbox"
    currency: str = "USD"
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    preferences: Preferences = field(default_factory=Preferences)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    tax_percent: dict[str, int] = field(default_factory=dict)
    next_bill: int = 1
    next_batch: int = 1

    def __post_init__(self) -> None:
        self.put("Currency", CurrencyID=self.currency, Description="", DecimalPrecision=2, Active=True)

    def all(self, entity: str) -> list[Row]:
        """The rows of an entity."""
        return self.rows.setdefault(entity, [])

    def put(self, entity: str, /, **fields: Plain) -> Row:
        """Add a row."""
        row = Row({**fields, "LastModifiedDateTime": self.now()})
        self.all(entity).append(row)
        return row

    def find(self, entity: str, **keys: str) -> Row | None:
        """The first row with these texts, in any case."""
        for row in self.all(entity):
            if all(row.text(name).strip().lower() == value.strip().lower() for name, value in keys.items()):
                return row
        return None

    def get(self, entity: str, **keys: str) -> Row:
        """As `find`, for what must be there."""
        row = self.find(entity, **keys)
        if row is None:
            raise LookupError(f"no {entity} {keys}")
        return row

    # Master data

    def add_account(self, code: str, description: str = "", type: str = "Expense", *, active: bool = True) -> Row:
        return self.put("Account", AccountCD=code, Description=description, Type=type, Active=active)

    def add_subaccount(self, code: str, description: str = "", *, active: bool = True) -> Row:
        return self.put("Subaccount", SubaccountCD=code, Description=description, Active=active)

    def add_vendor(self, identity: str, name: str = "", status: str = "Active") -> Row:
        return self.put("Vendor", VendorID=identity, VendorName=name, Status=status, CurrencyID=self.currency)

    def add_employee(
        self,
        identity: str,
        name: str = "",
        email: str | None = None,
        status: str = "Active",
        manager: str | None = None,
    ) -> Row:
        """An employee; without `email` the contact's field is empty."""
        row = self.put("Employee", EmployeeID=identity, EmployeeName=name, Status=status)
        first, _, last = name.rpartition(" ")
        row.linked["ContactInfo"] = Row(
            {"Email": email, "DisplayName": name, "FirstName": first or None, "LastName": last or None}
        )
        row.linked["EmployeeSettings"] = Row({"ReportsTo": manager, "DepartmentID": "ADMIN"})
        row.linked["FinancialSettings"] = Row({"APAccount": "20000"})
        return row

    def add_project(self, identity: str, description: str = "", status: str = "Active", *tasks: str) -> Row:
        for task in tasks:
            self.put("ProjectTask", ProjectID=identity, ProjectTaskID=task, Description="", Status="Active")
        return self.put("Project", ProjectID=identity, Description=description, Status=status)

    def add_ledger(self, identity: str, *branches: str, type: str = "Actual", currency: str | None = None) -> Row:
        row = self.put("Ledger", LedgerID=identity, Type=type, Currency=currency or self.currency, Description="")
        row.details["Branches"] = [
            Row({"BranchID": branch, "BranchName": branch, "CompanyName": self.company, "Active": True})
            for branch in branches
        ]
        return row

    def add_year(self, year: int, status: str = "Open") -> Row:
        """A financial year of calendar months, and an adjustment period without days of its own."""
        row = self.put("FinancialPeriod", FinancialYear=str(year))
        details = []
        for month in range(1, 13):
            first = date(year, month, 1)
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            details.append(_period(year, month, first, last, status))
        details.append(_period(year, 13, date(year, 12, 31), date(year, 12, 31), status))
        row.details["Details"] = details
        return row

    def period(self, identity: str) -> Row | None:
        """A period by MMYYYY."""
        return next(
            (
                period
                for year in self.all("FinancialPeriod")
                for period in year.details["Details"]
                if period.text("FinancialPeriodID") == identity
            ),
            None,
        )

    def period_of(self, day: date) -> Row | None:
        """The period that a day falls in."""
        for year in self.all("FinancialPeriod"):
            for period in year.details["Details"]:
                first, last = period.fields["StartDate"], period.fields["EndDate"]
                assert isinstance(first, date)
                assert isinstance(last, date)
                if first <= day <= last and first != last:
                    return period
        return None

    def set_period(self, identity: str, status: str = "Closed", *, payables: bool | None = None) -> None:
        """Close or open a period (MMYYYY); `payables` says whether it is closed in Accounts Payable alone."""
        period = self.period(identity)
        if period is None:
            raise LookupError(f"no period {identity}")
        if payables is None:
            period.fields["Status"] = status
        else:
            period.fields["ClosedInAP"] = payables

    # Documents

    @property
    def bills(self) -> list[Row]:
        return self.all("Bill")

    @property
    def batches(self) -> list[Row]:
        """Batches that were entered, without those that the payables made."""
        return [row for row in self.all("JournalTransaction") if row.text("Module") == "GL"]

    def number_bill(self) -> str:
        self.next_bill += 1
        return f"{self.next_bill - 1:06d}"

    def number_batch(self) -> str:
        self.next_batch += 1
        return f"GL{self.next_batch - 1:06d}"

    def reverse_bill(self, number: str) -> Row:
        """What finance gets with Reverse: a debit adjustment with the bill's vendor reference and description."""
        bill = self.get("Bill", Type="Bill", ReferenceNbr=number)
        fields = {**bill.fields, "Type": "Debit Adj.", "ReferenceNbr": self.number_bill(), "Status": "Balanced"}
        adjustment = Row(fields, details={"Details": [Row(dict(line.fields)) for line in bill.details["Details"]]})
        self.bills.append(adjustment)
        return adjustment

    def reverse_batch(self, number: str) -> Row:
        """A batch with the same description and the other sign."""
        batch = self.get("JournalTransaction", Module="GL", BatchNbr=number)
        lines = [
            Row(
                {
                    **line.fields,
                    "DebitAmount": line.fields.get("CreditAmount"),
                    "CreditAmount": line.fields.get("DebitAmount"),
                }
            )
            for line in batch.details["Details"]
        ]
        reversing = Row({**batch.fields, "BatchNbr": self.number_batch()}, details={"Details": lines})
        self.all("JournalTransaction").append(reversing)
        return reversing

    def enter_bill(
        self,
        reference: str,
        lines: Iterable[tuple[str, int]],
        *,
        vendor: str,
        day: date,
        type: str = "Bill",
        **more: Plain,
    ) -> Row:
        """Key in a bill by hand: (account, cents) pairs. Nothing is checked."""
        details = [
            Row({"Account": account, "ExtendedCost": Decimal(cents) / 100, "Amount": Decimal(cents) / 100})
            for account, cents in lines
        ]
        total = Decimal(sum(line.cents("Amount") for line in details)) / 100
        row = Row(
            {
                "Type": type, "ReferenceNbr": self.number_bill(), "Vendor": vendor, "VendorRef": reference, "Date": day,
                "PostPeriod": f"{day:%m%Y}", "CurrencyID": self.currency, "Amount": total, "Status": "Balanced",
                "Description": "", "LastModifiedDateTime": self.now(), **more,
            },
            details={"Details": details},
        )  # fmt: skip
        self.bills.append(row)
        return row


def _period(year: int, number: int, first: date, last: date, status: str) -> Row:
    return Row(
        {
            "FinancialPeriodID": f"{number:02d}{year}",
            "PeriodNbr": f"{number:02d}",
            "Description": f"Period {number:02d}",
            "StartDate": first,
            "EndDate": last,
            "Status": status,
            "ClosedInAP": False,
        }
    )
