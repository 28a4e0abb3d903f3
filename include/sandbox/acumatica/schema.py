"""The entities of the endpoint: their fields, keys, linked records and details, as version 24.200.001 has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["SCHEMAS", "Kind", "Schema"]

Kind = Literal["text", "number", "whole", "yesno", "date", "moment"]


@dataclass(frozen=True)
class Schema:
    """`keys` are in the order of the address. `lengths` limit texts on the way in."""

    fields: dict[str, Kind]
    keys: tuple[str, ...] = ()
    linked: dict[str, Schema] = field(default_factory=dict)
    details: dict[str, Schema] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)


def _fields(**kinds: str) -> dict[str, Kind]:
    return {name: kind for kind, names in kinds.items() for name in names.split()}  # type: ignore[misc]


_BILL_LINE = Schema(
    _fields(
        text="Branch Account Subaccount TransactionDescription InventoryID UOM Project ProjectTask CostCode TaxCategory "
        "Description",
        number="Qty UnitCost ExtendedCost Amount",
        yesno="NonBillable",
    ),
    lengths={"Branch": 30, "Account": 10, "Subaccount": 30, "TransactionDescription": 256, "Project": 30},
)
_BATCH_LINE = Schema(
    _fields(
        text="BranchID Account Subaccount TransactionDescription ReferenceNbr Project ProjectTask CostCode UOM "
        "VendorOrCustomer Description",
        number="DebitAmount CreditAmount Qty",
        whole="LineNbr",
        yesno="NonBillable IsNonPM",
    ),
    lengths={"BranchID": 30, "Account": 10, "Subaccount": 30, "TransactionDescription": 512, "ReferenceNbr": 15},
)
_PERIOD = Schema(
    _fields(
        text="FinancialPeriodID PeriodNbr Description Status",
        date="StartDate EndDate",
        yesno="ClosedInAP ClosedInAR ClosedInCA",
    )
)
SCHEMAS: dict[str, Schema] = {
    "Account": Schema(
        _fields(
            text="AccountCD Description Type AccountClass AccountGroup CashAccount CurrencyID PostOption TaxCategory",
            yesno="Active UseDefaultSubaccount",
            whole="AccountID",
            moment="CreatedDateTime LastModifiedDateTime",
        ),
        ("AccountCD",),
    ),
    # No LastModifiedDateTime here.
    "Subaccount": Schema(
        _fields(text="SubaccountCD Description", yesno="Active Secured", whole="SubaccountID"), ("SubaccountCD",)
    ),
    "Employee": Schema(
        _fields(text="EmployeeID EmployeeName Status", moment="LastModifiedDateTime"),
        ("EmployeeID",),
        linked={
            "ContactInfo": Schema(_fields(text="Email FirstName LastName MiddleName DisplayName")),
            "EmployeeSettings": Schema(_fields(text="BranchID DepartmentID EmployeeClass ReportsTo CurrencyID")),
            "FinancialSettings": Schema(_fields(text="APAccount APSubaccount ExpenseAccount Terms PaymentMethod")),
        },
    ),
    "Vendor": Schema(
        _fields(
            text="VendorID VendorName Status VendorClass CurrencyID APAccount APSubaccount Terms",
            moment="LastModifiedDateTime",
        ),
        ("VendorID",),
        linked={"MainContact": Schema(_fields(text="Email DisplayName"))},
    ),
    "Project": Schema(
        _fields(text="ProjectID Description Status Customer", yesno="Hold", moment="LastModifiedDateTime"),
        ("ProjectID",),
    ),
    "ProjectTask": Schema(
        _fields(text="ProjectID ProjectTaskID Description Status", yesno="Default"), ("ProjectID", "ProjectTaskID")
    ),
    "Ledger": Schema(
        _fields(text="LedgerID Type Currency Description", moment="LastModifiedDateTime"),
        ("LedgerID",),
        details={"Branches": Schema(_fields(text="BranchID BranchName CompanyName", yesno="Active"))},
    ),
    "FinancialPeriod": Schema(
        _fields(text="FinancialYear", moment="LastModifiedDateTime"), ("FinancialYear",), details={"Details": _PERIOD}
    ),
    "CompanyFinancialPeriod": Schema(
        _fields(text="Company FinancialYear", moment="LastModifiedDateTime"),
        ("Company", "FinancialYear"),
        details={"Details": _PERIOD},
    ),
    "Currency": Schema(
        _fields(text="CurrencyID Description", whole="DecimalPrecision", yesno="Active"), ("CurrencyID",)
    ),
    "Bill": Schema(
        _fields(
            text="Type ReferenceNbr Vendor VendorRef PostPeriod Description CurrencyID Status BranchID LocationID Terms "
            "CashAccount Project",
            number="Amount Balance TaxTotal",
            date="Date DueDate",
            yesno="Hold ApprovedForPayment IsTaxValid",
            moment="LastModifiedDateTime",
        ),
        ("Type", "ReferenceNbr"),
        details={"Details": _BILL_LINE},
        lengths={"ReferenceNbr": 15, "Vendor": 30, "VendorRef": 40, "Description": 512, "CurrencyID": 5},
    ),
    "JournalTransaction": Schema(
        _fields(
            text="Module BatchNbr PostPeriod LedgerID BranchID CurrencyID Description Status",
            date="TransactionDate",
            yesno="Hold",
            moment="CreatedDateTime LastModifiedDateTime",
        ),
        ("Module", "BatchNbr"),
        details={"Details": _BATCH_LINE},
        lengths={"Module": 2, "BatchNbr": 15, "LedgerID": 10, "BranchID": 30, "Description": 512},
    ),
}
