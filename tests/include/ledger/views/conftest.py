"""A small ledger that every screen is tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest

from include.ledger import runs
from include.ledger.runs import RunKey
from tests.include.ledger.company import Company, expense, report
from tests.include.ledger.fake_erp import FakeErp, rejects

APPROVERS = (
    {"email": "lea@example.com", "name": "Lea Lead", "date": "2026-11-19T10:00:00+00:00"},
    {"email": "fin@example.com", "date": "2026-11-20"},
)


@dataclass
class Two:
    """``midwest`` posts a journal per report; ``pacific``, another tenant of the same ERP company, has one journal.

    ``R1`` (125.00) is posted as document 412. ``R2`` and ``R3`` are held: category Gifts has no account (30.00 and 12.50);
    ``R3`` has 5.00 of Toys, too. ``R4`` (-8.00) is refused by the ERP. ``R5`` (9.99) has not been checked yet.
    """

    midwest: Company
    pacific: Company
    run: RunKey


@pytest.fixture
def two(new_company: Callable[..., Company]) -> Two:
    midwest = new_company(posting={"per": "report", "company_card": "journal"})
    run = midwest.begin_run("run-1")
    midwest.claim(
        report(
            "R1",
            expense("x1", 10_000, merchant="Delta Air Lines", category="Travel", spent_on=date(2026, 11, 18)),
            expense("x2", 2_500, merchant="Uber", tags=(("Plant 1", None),), bank="Amex", card_last4="1234"),
            name="Trip to Boston",
            submitter_name="Ann Smith",
            approvers=APPROVERS,
        ),
        report("R2", expense("x3", 3_000, "Gifts", merchant="Zoë's Café"), submitter_name="Bob Ray"),
        report(
            "R3",
            expense("x4", 1_250, "Gifts"),
            expense("x5", 500, "Toys"),
            submitter_name="Ann Smith",
            day=date(2026, 11, 5),
        ),
        report("R4", expense("x6", -800), day=date(2026, 11, 6)),
        run=run,
    )
    midwest.check()
    erp = FakeErp()
    midwest.poster(erp).post("R1")
    refusing = FakeErp(creates=[rejects])
    with pytest.raises(Exception, match="6100 is on hold"):
        midwest.poster(refusing).post("R4")
    midwest.clock.advance(3600)
    second = midwest.begin_run("run-2")
    midwest.claim(report("R5", expense("x7", 999), day=date(2026, 11, 7)), run=second)
    with midwest.ledger.write() as connection:
        runs.append(connection, midwest.scope, second, ["R2"])
    pacific = new_company(name="pacific", posting={"per": "report"})
    pacific.claim(report("P1", expense("y1", 7_700, merchant="Uber"), name="Secret", submitter_name="Ann Other"))
    pacific.check()
    return Two(midwest, pacific, run)
