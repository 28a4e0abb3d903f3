"""Query objects: COMFND (any table), GENQRY (one account), GENQGL (validate an account).

Query objects fail by text (`ERROR: ...`), unlike posting objects, which fail by XML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from include.sandbox.syspro.books import Company
from include.sandbox.syspro.markup import amount, element, root, text_of
from include.sandbox.syspro.sessions import Refused
from include.sandbox.syspro.tables import TABLES, Column, Row, Table, Value, account_row

__all__ = ["account_query", "find_rows", "validate_code"]

# SYSPRO does not say how many rows an unlimited query returns; a small number keeps clients from relying on
# it.
_DEFAULT_ROWS = 100
_CONDITIONS: dict[str, Callable[[int], bool]] = {
    "EQ": lambda sign: sign == 0,
    "NE": lambda sign: sign != 0,
    "GT": lambda sign: sign > 0,
    "GE": lambda sign: sign >= 0,
    "LT": lambda sign: sign < 0,
    "LE": lambda sign: sign <= 0,
}
Predicate = Callable[[Row], bool]


def find_rows(
    companies: Iterable[Company], company: Company, query: Element, version: str, *, left_to_right: bool = False
) -> str:
    """COMFND: rows of one table by Expression blocks. What exceeds ReturnRows is cut without a word.

    `left_to_right`: And and Or are taken as they come, instead of And before Or.
    """
    name = text_of(query, "TableName")
    table = TABLES.get(name)
    if table is None:
        raise Refused(f"Table '{name}' not found")
    columns = _names(query, "Columns") or list(table.columns)
    order = _names(query, "OrderBy")
    for column in (*columns, *order):
        if column not in table.columns:
            raise Refused(f"Column '{column}' not found in table '{name}'")
    where = query.find("Where")
    predicate = _Where(where, table, left_to_right).predicate() if where is not None else _everything
    # Without OrderBy no order may be relied on: newest first surprises whoever expects the order of entry.
    rows = [row for row in table.rows(companies, company) if predicate(row)][::-1]
    for column in reversed(order):
        rows.sort(key=lambda row, column=column: row[column])  # type: ignore[misc]
    rows = rows[: _return_rows(query)]
    shown = "".join(
        "<Row>" + "".join(element(one, table.columns[one].show(row[one])) for one in columns) + "</Row>" for row in rows
    )
    header = (
        f"<HeaderDetails>{element('TableName', name)}"
        f"<Columns>{''.join(element('Column', one) for one in columns)}</Columns>"
        f"<OrderBy>{''.join(element('Column', one) for one in order)}</OrderBy></HeaderDetails>"
    )
    return root(name, header + shown + element("RowsReturned", f"{len(rows):>6}"), version)


def account_query(company: Company, query: Element, version: str) -> str:
    """GENQRY: one account with its balance and the ledger's current year and period."""
    code = query.findtext("Key/LedgerCode", "").strip()
    if code not in company.accounts:
        raise Refused(f"Ledger code '{code}' not found")
    row = account_row(company, code)
    shown = {
        "GlCode": code,
        "Description": str(row["Description"]),
        "Currency": company.currency,
        "GlYear": str(company.year),
        "GlPeriod": f"{company.period:>2}",
        "AccountType": str(row["AccountType"]),
        "GlGroup": str(row["GlGroup"]),
        "ControlAccFlag": str(row["ControlAccFlag"]),
        "AccOnHldFlag": str(row["AccOnHldFlag"]),
        "CurrentBalance": amount(company.balance_cents(code)),
        "PrevPerEndBal": amount(0),
    }
    return root("LedgerQuery", "".join(element(name, value) for name, value in shown.items()), version)


def validate_code(company: Company, query: Element, version: str) -> str:
    """GENQGL: whether an account exists. Its key element is written in lower case."""
    code = query.findtext("key/LedgerCode", "").strip()
    if code not in company.accounts:
        raise Refused(f"Ledger code '{code}' not found")
    details = element("LedgerCode", code) + element("Description", company.accounts[code].description)
    return root("GLStructureQuery", f"<LedgerDetails>{details}</LedgerDetails>", version)


def _names(query: Element, group: str) -> list[str]:
    return [(column.text or "").strip() for column in query.findall(f"{group}/Column")]


def _return_rows(query: Element) -> int:
    text = text_of(query, "ReturnRows")
    if not text:
        return _DEFAULT_ROWS
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise Refused(f"Value '{text}' is invalid for XML element 'ReturnRows'")
    return int(text)


def _everything(row: Row) -> bool:
    return True


class _Where:
    """Turns Expression blocks into a predicate: brackets first, then And, then Or, or these two from left to right."""

    def __init__(self, where: Element, table: Table, left_to_right: bool) -> None:
        if (where.text or "").strip():
            raise Refused("Invalid Where: SQL text is not accepted, only Expression elements")
        self._table = table
        self._left_to_right = left_to_right
        self._tokens: list[str | Predicate] = []
        expressions = where.findall("Expression")
        for position, expression in enumerate(expressions):
            link = text_of(expression, "AndOr")
            if (position == 0) == bool(link) or link.lower() not in ("", "and", "or"):
                raise Refused(f"Invalid Where: AndOr '{link}' in expression {position + 1}")
            if link:
                self._tokens.append(link.lower())
            self._tokens.extend(text_of(expression, "OpenBracket").replace(" ", ""))
            self._tokens.append(self._comparison(expression))
            self._tokens.extend(text_of(expression, "CloseBracket").replace(" ", ""))
        self._at = 0

    def predicate(self) -> Predicate:
        if not self._tokens:
            return _everything
        result = self._either()
        if self._at != len(self._tokens):
            raise Refused("Invalid Where: brackets do not match")
        return result

    def _either(self) -> Predicate:
        if self._left_to_right:
            return self._as_they_come()
        parts = [self._both()]
        while self._peek() == "or":
            self._at += 1
            parts.append(self._both())
        return lambda row: any(part(row) for part in parts)

    def _as_they_come(self) -> Predicate:
        result = self._single()
        while (link := self._peek()) in ("and", "or"):
            self._at += 1
            result = _joined(result, self._single(), both=link == "and")
        return result

    def _both(self) -> Predicate:
        parts = [self._single()]
        while self._peek() == "and":
            self._at += 1
            parts.append(self._single())
        return lambda row: all(part(row) for part in parts)

    def _single(self) -> Predicate:
        token = self._peek()
        self._at += 1
        if callable(token):
            return token
        if token != "(":
            raise Refused("Invalid Where: brackets do not match")
        inner = self._either()
        if self._peek() != ")":
            raise Refused("Invalid Where: brackets do not match")
        self._at += 1
        return inner

    def _peek(self) -> str | Predicate | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _comparison(self, expression: Element) -> Predicate:
        name, condition = text_of(expression, "Column"), text_of(expression, "Condition")
        value = expression.findtext("Value") or ""
        column = self._table.columns.get(name)
        if column is None:
            raise Refused(f"Column '{name}' not found")
        if condition == "LIKE":
            pattern = _like(value.strip())
            return lambda row: pattern.fullmatch(column.show(row[name]).strip()) is not None
        test = _CONDITIONS.get(condition)
        if test is None:
            raise Refused(f"Condition '{condition}' is not valid")
        wanted = _typed(column, name, value)
        return lambda row: test(_compare(_folded(row[name]), wanted))


def _joined(first: Predicate, second: Predicate, *, both: bool) -> Predicate:
    if both:
        return lambda row: first(row) and second(row)
    return lambda row: first(row) or second(row)


def _like(text: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(sign) or re.escape(sign) for sign in text), re.IGNORECASE | re.DOTALL)


def _typed(column: Column, name: str, text: str) -> Value:
    try:
        match column.kind:
            case "number" | "money":
                return Decimal(text.strip())
            case "date":
                return date.fromisoformat(text.strip())
            case _:
                return _folded(text)
    except (InvalidOperation, ValueError):
        raise Refused(f"Value '{text}' is invalid for column '{name}'") from None


def _folded(value: Value) -> Value:
    # The database compares texts without regard to case and to trailing blanks.
    return value.rstrip().casefold() if isinstance(value, str) else value


def _compare(left: Value, right: Value) -> int:
    pair: Sequence[Value] = (left, right)
    match pair:
        case (str(), str()) | (date(), date()):
            return (left > right) - (left < right)  # type: ignore[operator]
        case (int() | Decimal(), int() | Decimal()):
            return (left > right) - (left < right)  # type: ignore[operator]
    raise TypeError(f"cannot compare {left!r} with {right!r}")
