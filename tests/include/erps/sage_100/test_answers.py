"""Values that no Sage company can hold are unreadable, whatever library made them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.erps.sage_100.answers import Entry, Unreadable, read

GOOD = {
    "sourceJournal": "GJ",
    "entryNo": "000001",
    "externalReference": "R1",
    "postingDate": "2026-11-20",
    "status": "Posted",
    "totalDebit": "125.40",
    "totalCredit": Decimal("125.40"),
}


def test_texts_and_decimals_are_the_same_amount() -> None:
    entry = read(Entry, GOOD)
    assert (entry.total_debit, entry.total_credit, entry.posting_date) == (12540, 12540, date(2026, 11, 20))


@pytest.mark.parametrize(
    "amount",
    [Decimal("1e999999"), Decimal("1e-999999"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1.005"),
     Decimal(-1), "1e3", "9" * 5000 + ".00", "", 12.5, True, None, [], {}],
    ids=lambda amount: repr(amount)[:20],
)  # fmt: skip
def test_what_is_no_amount(amount: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read(Entry, {**GOOD, "totalDebit": amount})
    assert "totalDebit" in str(caught.value)
    assert len(str(caught.value)) < 200
