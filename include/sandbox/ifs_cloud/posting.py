"""Making a voucher from a create's body: form first, then the rules, of which only the first broken one is told."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from include.sandbox.ifs_cloud.books import LETTERS, Company, Voucher, VoucherRow
from include.sandbox.ifs_cloud.errors import rule, unreadable

__all__ = ["make_voucher", "read_body"]

_HEADER: Mapping[str, object] = {
    "Company": 20,
    "VoucherType": 3,
    "VoucherDate": "date",
    "UserGroup": 30,
    "AccountingYear": "decimal",
    "AccountingPeriod": "decimal",
    "VoucherNo": "decimal",
    "VoucherText": 200,
    "VoucherRowArray": "rows",
}
_ROW: Mapping[str, object] = {
    "RowNo": "decimal",
    "Account": 20,
    **{f"Code{letter}": 20 for letter in LETTERS},
    "CurrencyCode": 3,
    "CurrencyDebetAmount": "decimal",
    "CurrencyCreditAmount": "decimal",
    "DebetAmount": "decimal",
    "CreditAmount": "decimal",
    "Correction": "boolean",
    "Text": 200,
    "ReferenceSerie": 50,
    "ReferenceNumber": 50,
    "OptionalCode": 20,
    "Quantity": "decimal",
    "ProcessCode": 10,
    "ProjectActivityId": "decimal",
}
_IGNORED = {"luname", "keyref", "Objgrants", "FunctionGroup"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOST_ROWS = 1000
_DIGITS = 15


def read_body(body: bytes, content_type: str) -> dict[str, Any]:
    """The body's values in their types."""
    kind = content_type.lower().replace(" ", "")
    if not kind.startswith("application/json"):
        raise unreadable("The content type is not JSON.")
    try:
        found = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise unreadable("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise unreadable("The body is not an object.")
    as_texts = "ieee754compatible=true" in kind
    header = _read({name: value for name, value in found.items() if name != "CurrencyCode"}, _HEADER, as_texts)
    rows = header.get("VoucherRowArray") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable("VoucherRowArray is not an array of objects.")
    header["VoucherRowArray"] = [_read(row, _ROW, as_texts) for row in rows]
    return header


def _read(values: Mapping[str, Any], types: Mapping[str, object], as_texts: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in _IGNORED or "@odata." in name:
            continue
        kind = types.get(name)
        if kind is None:
            raise unreadable(f"The property '{name}' is unknown.")
        found[name] = value if value is None else _typed(name, value, kind, as_texts)
    return found


def _typed(name: str, value: Any, kind: object, as_texts: bool) -> Any:
    match kind:
        case int():
            if isinstance(value, str) and len(value) <= kind:
                return value
        case "boolean":
            if isinstance(value, bool):
                return value
        case "date":
            if isinstance(value, str) and _DATE.fullmatch(value):
                try:
                    return date.fromisoformat(value)
                except ValueError:
                    pass
        case "decimal":
            if not isinstance(value, bool) and isinstance(value, str if as_texts else int | Decimal):
                try:
                    number = Decimal(value)
                except InvalidOperation:
                    number = Decimal("NaN")
                if number.is_finite():
                    return number
        case _:
            return value
    raise unreadable(f"The value of '{name}' is not of its type or too long.")


def make_voucher(company: Company | None, values: Mapping[str, Any]) -> Voucher:
    """The voucher, checked and not yet kept."""
    name, voucher_type = values.get("Company"), values.get("VoucherType")
    if company is None:
        raise rule("CompanyFinance.NOT_EXIST", f"The company {name} does not exist.", "20111")
    if any(values.get(field) is None for field in ("Company", "VoucherType", "VoucherDate", "UserGroup")):
        raise unreadable("Company, VoucherType, VoucherDate and UserGroup are mandatory.")
    known = company.types.get(str(voucher_type))
    if known is None:
        raise rule("VoucherType.NOT_EXIST", f"The voucher type {voucher_type} does not exist.", "20111")
    if not known.manual:
        raise rule("VoucherType.NOT_MANUAL", f"The voucher type {voucher_type} is not for manual vouchers.")
    if values.get("VoucherNo") is not None:
        raise rule("Voucher.NUMBER_GIVEN", "The number is allocated by the system.")
    user_group = values["UserGroup"]
    if user_group not in company.user_groups:
        raise rule("UserGroup.NOT_ALLOWED", f"The user group {user_group} is not connected to the user.")
    rows = values["VoucherRowArray"]
    if len(rows) < 2:
        raise rule("Voucher.NO_ROWS", "A voucher needs at least two rows.")
    if len(rows) > _MOST_ROWS:
        raise rule("Voucher.TOO_MANY_ROWS", f"A voucher takes {_MOST_ROWS} rows.")
    day = values["VoucherDate"]
    year, number = _period(company, values, day)
    made = [_row(company, row, position, day) for position, row in enumerate(rows, start=1)]
    if sorted(row.number for row in made) != list(range(1, len(made) + 1)):
        raise rule("VoucherRow.ROWNO", "Row numbers are 1 to n, each once.")
    balance: dict[str, Decimal] = defaultdict(Decimal)
    for row in made:
        balance[row.currency] += (row.debit or Decimal(0)) - (row.credit or Decimal(0))
    if any(balance.values()):
        raise rule("Voucher.NOT_BALANCED", "Debit and credit differ.")
    return Voucher(
        company.id,
        known.name,
        year,
        company.next_number(known.name, year),
        day,
        number,
        user_group,
        values.get("VoucherText"),
        made,
        status="AwaitingApproval" if known.approval else "Approved",
    )


def _period(company: Company, values: Mapping[str, Any], day: date) -> tuple[int, int]:
    period = company.period_of(day)
    if period is None:
        raise rule("AccountingPeriod.NOT_EXIST", f"There is no accounting period for {day}.", "20111")
    if not period.open:
        raise rule("AccountingPeriod.CLOSED", f"The period {period.year} {period.number} is closed.")
    if values["UserGroup"] in period.closed_for:
        raise rule("UserGroupPeriod.CLOSED", f"The period is closed for user group {values['UserGroup']}.")
    given = (values.get("AccountingYear"), values.get("AccountingPeriod"))
    if given[0] not in (None, period.year) or given[1] not in (None, period.number):
        raise rule("Voucher.PERIOD_MISMATCH", "Year and period do not match the voucher date.")
    return period.year, period.number


def _row(company: Company, row: Mapping[str, Any], position: int, day: date) -> VoucherRow:
    if row.get("Account") is None or row.get("CurrencyCode") is None:
        raise unreadable("Account and CurrencyCode are mandatory.")
    account = row["Account"]
    codes = {letter: row[f"Code{letter}"] for letter in LETTERS if row.get(f"Code{letter}") is not None}
    for letter, value in {"A": account, **codes}.items():
        if letter != "A" and letter not in company.parts:
            raise rule("VoucherRow.CODEPART_NOT_USED", f"Code part {letter} is not used in the company.")
        _check_code(company, letter, value, day)
    demands = company.accounts[account].demands if account in company.accounts else {}
    for letter, demand in demands.items():
        if demand == "Mandatory" and letter not in codes:
            raise rule("VoucherRow.CODEPART_MANDATORY", f"Code part {letter} is mandatory for account {account}.")
        if demand == "Blocked" and letter in codes:
            raise rule("VoucherRow.CODEPART_BLOCKED", f"Code part {letter} is blocked for account {account}.")
    currency = row["CurrencyCode"]
    if currency not in company.decimals or currency not in company.rates:
        raise rule("CurrencyCode.NOT_EXIST", f"The currency {currency} does not exist.", "20111")
    tax = row.get("OptionalCode")
    if tax is not None and tax not in company.tax_codes:
        raise rule("StatutoryFee.NOT_EXIST", f"The tax code {tax} does not exist.", "20111")
    debit, credit = row.get("CurrencyDebetAmount"), row.get("CurrencyCreditAmount")
    _check_amounts(debit, credit, company.decimals[currency], correction=bool(row.get("Correction")))
    rate = company.rates[currency]
    quantum = Decimal(1).scaleb(-company.decimals[company.currency])
    return VoucherRow(
        int(row["RowNo"]) if row.get("RowNo") is not None else position,
        account,
        codes,
        currency,
        debit,
        credit,
        None if debit is None else (debit * rate).quantize(quantum),
        None if credit is None else (credit * rate).quantize(quantum),
        row.get("Text"),
        row.get("ReferenceSerie"),
        row.get("ReferenceNumber"),
    )


def _check_code(company: Company, letter: str, value: str, day: date) -> None:
    code = company.codes.get((letter, value))
    if code is None:
        raise rule("CodePartValue.NOT_EXIST", f"The value {value} does not exist in code part {letter}.", "20111")
    if (code.valid_from and day < code.valid_from) or (code.valid_until and day > code.valid_until):
        raise rule("CodePartValue.NOT_VALID", f"The value {value} is not valid on {day}.")
    if code.blocked:
        raise rule("CodePartValue.BLOCKED", f"The value {value} is blocked.")
    if code.budget:
        raise rule("CodePartValue.BUDGET_ONLY", f"The value {value} is for budgets only.")


def _check_amounts(debit: Decimal | None, credit: Decimal | None, decimals: int, *, correction: bool) -> None:
    if (debit is None) == (credit is None):
        raise rule("VoucherRow.AMOUNT_SIDE", "Exactly one of debit and credit is given.")
    amount = debit if debit is not None else credit
    assert amount is not None
    if amount == 0:
        raise rule("VoucherRow.AMOUNT_ZERO", "The amount is zero.")
    if amount < 0 and not correction:
        raise rule("VoucherRow.AMOUNT_NEGATIVE", "The amount is negative.")
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > decimals:
        raise rule("VoucherRow.AMOUNT_DECIMALS", f"The amount has more than {decimals} decimals.")
    if amount.adjusted() >= _DIGITS:
        raise rule("VoucherRow.AMOUNT_DIGITS", f"The amount has more than {_DIGITS} digits.")
