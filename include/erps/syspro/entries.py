"""Ledger entries as SYSPRO stores them, put together to the journals they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from include.erps.port import ErpDocument
from include.erps.syspro import answers
from include.erps.syspro.answers import Unreadable
from include.erps.syspro.lookups import Row
from include.erps.syspro.settings import TableNames

Key = tuple[int, int]
"""Ledger year and journal number: numbers restart each year."""


def key_of(row: Row, names: TableNames) -> Key:
    """The journal of an entry. :raises Unreadable: the row does not tell."""
    year, number = answers.whole(row[names.journal_year]), answers.whole(row[names.journal_number])
    if not year or not number:
        raise Unreadable("an entry without year or journal number")
    return year, number


def journal_of(
    key: Key, rows: Sequence[Row], names: TableNames, expected: date | None, reference: str | None = None
) -> ErpDocument:
    """A journal from its entries. :raises Unreadable: an amount, side or date is none.

    :param expected: the day its entries should bear. An entry on another day must be seen, so it wins.
    """
    lines = tuple((row[names.journal_account], _signed(row, names.journal_side, names.journal_value)) for row in rows)
    days = {answers.day(row[names.journal_date]) for row in rows}
    told = sorted(day for day in days if day)
    strange = next((day for day in told if day != expected), None)
    posted = {row[names.journal_posted].upper() for row in rows}
    return ErpDocument(
        number=f"{key[0]}/{key[1]}",
        total_cents=sum(cents for _, cents in lines if cents > 0),
        posting_date=None if None in days else strange or expected,
        lines=lines,
        status="P" if posted == {"Y"} else "U" if posted == {"N"} else None,
        reference=reference,
    )


def _signed(row: Row, side: str, value: str) -> int:
    """Stored amounts have no sign; the entry's type tells debit (D) from credit (C)."""
    cents = answers.cents(row[value])
    match row[side].upper():
        case "D":
            return cents
        case "C":
            return -cents
        case other:
            raise Unreadable(f"an entry of type {other!r}")
