"""The rows that each entity set shows of a company, with their types and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from include.sandbox.ifs_cloud.books import LETTERS, Company, Voucher, VoucherRow, tag
from include.sandbox.ifs_cloud.expressions import Kind, Row, Schema

__all__ = ["SETS", "EntitySet", "voucher_values"]


@dataclass(frozen=True)
class EntitySet:
    """`operation` is the name by which faults know reads of it; `rows` makes one company's rows."""

    operation: str
    keys: tuple[str, ...]
    schema: Schema
    rows: Callable[[Company], Iterable[Row]]


_STRING: Kind = "string"
_ROW: Schema = {
    "Company": "string",
    "VoucherType": "string",
    "AccountingYear": "decimal",
    "AccountingPeriod": "decimal",
    "VoucherNo": "decimal",
    "RowNo": "decimal",
    "VoucherDate": "date",
    "Account": "string",
    **{f"Code{letter}": _STRING for letter in LETTERS},
    "CurrencyCode": "string",
    "CurrencyDebetAmount": "decimal",
    "CurrencyCreditAmount": "decimal",
    "DebetAmount": "decimal",
    "CreditAmount": "decimal",
    "Text": "string",
    "ReferenceSerie": "string",
    "ReferenceNumber": "string",
    "Objstate": "state",
}


def _codes(company: Company) -> Iterable[Row]:
    for (letter, value), code in company.codes.items():
        yield {
            "Company": company.id,
            "CodePart": letter,
            "CodePartValue": value,
            "Description": code.description,
            "ValidFrom": code.valid_from,
            "ValidUntil": code.valid_until,
            "BudgetValue": "BudgetAccount" if code.budget else "NotBudgetAccount",
            "Blocked": code.blocked,
            "ModifiedDate": code.modified,
            "@odata.etag": tag(f"code-{company.id}-{letter}-{value}", 1),
        }


def _codes_of(letter: str, name: str) -> Callable[[Company], Iterable[Row]]:
    def rows(company: Company) -> Iterable[Row]:
        for row in _codes(company):
            if row["CodePart"] == letter:
                kept = {key: value for key, value in row.items() if key not in ("CodePart", "CodePartValue")}
                yield {**kept, name: row["CodePartValue"]}

    return rows


def _accounts(company: Company) -> Iterable[Row]:
    for account in company.accounts.values():
        code = company.codes["A", account.account]
        yield {
            "Company": company.id,
            "Account": account.account,
            "Description": account.description,
            "ValidFrom": code.valid_from,
            "ValidUntil": code.valid_until,
            "LedgFlag": "False",
            "BudAccount": "False",
            **{
                f"ReqCode{letter}": account.demands.get(letter, "Can" if letter in company.parts else None)
                for letter in LETTERS
            },
            "@odata.etag": tag(f"account-{company.id}-{account.account}", 1),
        }


def _periods(company: Company) -> Iterable[Row]:
    for period in company.periods:
        yield {
            "Company": company.id,
            "AccountingYear": Decimal(period.year),
            "AccountingPeriod": Decimal(period.number),
            "DateFrom": period.first_day,
            "DateUntil": period.last_day,
            "PeriodStatus": "Open" if period.open else "Closed",
            "@odata.etag": tag(f"period-{company.id}-{period.year}-{period.number}", 1),
        }


def _types(company: Company) -> Iterable[Row]:
    for one in company.types.values():
        yield {"Company": company.id, "VoucherType": one.name, "Description": one.description}


def _voucher_rows(*, in_ledger: bool) -> Callable[[Company], Iterable[Row]]:
    def rows(company: Company) -> Iterable[Row]:
        for voucher in company.vouchers:
            if voucher.in_ledger is in_ledger:
                yield from (row_values(voucher, row) for row in voucher.rows)

    return rows


def row_values(voucher: Voucher, row: VoucherRow) -> Row:
    """A voucher row as every view shows it."""
    return {
        "Company": voucher.company,
        "VoucherType": voucher.type,
        "AccountingYear": Decimal(voucher.year),
        "AccountingPeriod": Decimal(voucher.period),
        "VoucherNo": Decimal(voucher.number),
        "RowNo": Decimal(row.number),
        "VoucherDate": voucher.date,
        "Account": row.account,
        **{f"Code{letter}": row.codes.get(letter) for letter in LETTERS},
        "CurrencyCode": row.currency,
        "CurrencyDebetAmount": row.debit,
        "CurrencyCreditAmount": row.credit,
        "DebetAmount": row.own_debit,
        "CreditAmount": row.own_credit,
        "Text": row.text,
        "ReferenceSerie": row.serie,
        "ReferenceNumber": row.reference,
        "Objstate": voucher.status,
        "@odata.etag": voucher.etag,
    }


def voucher_values(voucher: Voucher, *, with_rows: bool) -> dict[str, Any]:
    """A voucher's header as its entity shows it."""
    values: dict[str, Any] = {
        "@odata.etag": voucher.etag,
        "Company": voucher.company,
        "VoucherType": voucher.type,
        "AccountingYear": Decimal(voucher.year),
        "AccountingPeriod": Decimal(voucher.period),
        "VoucherNo": Decimal(voucher.number),
        "VoucherDate": voucher.date,
        "UserGroup": voucher.user_group,
        "VoucherText": voucher.text,
        "VoucherStatus": voucher.status,
        "luname": "Voucher",
        "keyref": f"ACCOUNTING_YEAR={voucher.year}^COMPANY={voucher.company}^",
        "Objgrants": None,
    }
    if with_rows:
        values["VoucherRowArray"] = [row_values(voucher, row) for row in voucher.rows]
    return values


def _reference(letter: str, name: str) -> EntitySet:
    schema: dict[str, Kind] = {
        "Company": "string",
        name: "string",
        "Description": "string",
        "ValidFrom": "date",
        "ValidUntil": "date",
        "BudgetValue": "enumeration",
        "Blocked": "boolean",
        "ModifiedDate": "timestamp",
    }
    return EntitySet("CodePartValues", ("Company", name), schema, _codes_of(letter, name))


_ROW_KEYS = ("Company", "VoucherType", "AccountingYear", "VoucherNo", "RowNo")
SETS: Mapping[str, Mapping[str, EntitySet]] = {
    "CompanyHandling": {
        "CompanySet": EntitySet(
            "Company",
            ("Company",),
            {"Company": "string", "Name": "string", "CurrencyCode": "string"},
            lambda company: [{"Company": company.id, "Name": company.name, "CurrencyCode": company.currency}],
        )
    },
    "CodePartValuesHandling": {
        "CodePartValueSet": EntitySet(
            "CodePartValues",
            ("Company", "CodePart", "CodePartValue"),
            {
                "Company": "string",
                "CodePart": "string",
                "CodePartValue": "string",
                "Description": "string",
                "ValidFrom": "date",
                "ValidUntil": "date",
                "BudgetValue": "enumeration",
                "Blocked": "boolean",
                "ModifiedDate": "timestamp",
            },
            _codes,
        )
    },
    "AccountsHandling": {
        "AccountSet": EntitySet(
            "Accounts",
            ("Company", "Account"),
            {
                "Company": "string",
                "Account": "string",
                "Description": "string",
                "ValidFrom": "date",
                "ValidUntil": "date",
                "LedgFlag": "enumeration",
                "BudAccount": "enumeration",
                **{f"ReqCode{letter}": "enumeration" for letter in LETTERS},
            },
            _accounts,
        )
    },
    "AccountingPeriodsHandling": {
        "AccountingPeriodSet": EntitySet(
            "Periods",
            ("Company", "AccountingYear", "AccountingPeriod"),
            {
                "Company": "string",
                "AccountingYear": "decimal",
                "AccountingPeriod": "decimal",
                "DateFrom": "date",
                "DateUntil": "date",
                "PeriodStatus": "enumeration",
            },
            _periods,
        )
    },
    "VoucherRowsAnalysis": {
        "VoucherRowSet": EntitySet("HoldRows", _ROW_KEYS, _ROW, _voucher_rows(in_ledger=False)),
        "Reference_VoucherType": EntitySet(
            "VoucherTypes",
            ("Company", "VoucherType"),
            {"Company": "string", "VoucherType": "string", "Description": "string"},
            _types,
        ),
        "Reference_Account": _reference("A", "Account"),
        **{f"Reference_Code{letter}": _reference(letter, f"Code{letter}") for letter in LETTERS},
    },
    "GlVoucherRowsAnalysis": {
        "GlVoucherRowSet": EntitySet("LedgerRows", _ROW_KEYS, _ROW, _voucher_rows(in_ledger=True))
    },
}
