from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import fields

from include.accounting.intake import report_facts
from include.expensify.records import Approver, Expense, Moment, Report, TagLevel

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DEFAULTS: dict[str, Any] = {"approvers": (), "expenses": (), "defects": (), "tags": ()}


def report(**values: Any) -> Report:
    blank = {one.name: DEFAULTS.get(one.name) for one in fields(Report)}
    return Report(**{**blank, "report_id": "R1", "currency": "USD", **values})


def expense(**values: Any) -> Expense:
    blank = {one.name: DEFAULTS.get(one.name) for one in fields(Expense)}
    return Expense(**{**blank, "report_id": "R1", "transaction_id": "T1", "currency": "USD", **values})


def utc(*parts: int) -> Moment:
    at = datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]
    return Moment(at.date(), at)


DAYS = [
    ("evening in Chicago is the day before in UTC", "America/Chicago", utc(2026, 11, 21, 5, 59), date(2026, 11, 20)),
    ("midnight in Chicago", "America/Chicago", utc(2026, 11, 21, 6), date(2026, 11, 21)),
    ("daylight time has another midnight", "America/Chicago", utc(2026, 7, 21, 5), date(2026, 7, 21)),
    ("the day that has 25 hours", "America/Chicago", utc(2026, 11, 2, 5, 59), date(2026, 11, 1)),
    ("ahead of UTC", "Asia/Tokyo", utc(2026, 11, 20, 15), date(2026, 11, 21)),
    ("half an hour off", "Asia/Kolkata", utc(2026, 11, 20, 18, 30), date(2026, 11, 21)),
    ("without a time", "Asia/Tokyo", Moment(date(2026, 11, 20)), date(2026, 11, 20)),
]


@pytest.mark.parametrize(("zone", "moment", "day"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
def test_the_approval_day_is_local(zone: str, moment: Moment, day: date) -> None:
    facts = report_facts(report(approved=moment), ZoneInfo(zone), NOW)
    assert facts.approved_day == day
    assert facts.approved_at == moment.at


def test_without_an_approval_the_last_approver_counts_then_the_reimbursement() -> None:
    zone = ZoneInfo("America/Chicago")
    early, late = Moment(date(2026, 11, 3)), Moment(date(2026, 11, 5))
    approvers = (Approver("b@x", late, None), Approver("a@x", early, None), Approver("c@x", None, None))
    assert report_facts(report(approvers=approvers, reimbursed=utc(2026, 11, 9)), zone, NOW).approved_day == late.day
    undated = (Approver("c@x", None, None),)
    paid = report_facts(report(approvers=undated, reimbursed=Moment(date(2026, 11, 9))), zone, NOW)
    assert paid.approved_day == paid.reimbursed_day == date(2026, 11, 9)
    assert report_facts(report(), zone, NOW).approved_day is None


def test_a_missing_flag_is_the_employees_own_money() -> None:
    flags = [
        report_facts(report(expenses=(expense(reimbursable=flag),)), ZoneInfo("UTC"), NOW).expenses[0].reimbursable
        for flag in (None, True, False)
    ]
    assert flags == [True, True, False]


def test_modified_values_win_where_they_are_set() -> None:
    one = expense(
        amount=1000, modified_amount=1200, merchant="Old", modified_merchant="New", created=Moment(date(2026, 11, 1)),
        modified_created=Moment(date(2026, 11, 2)), tax_amount=80, modified_tax_amount=0,
        tags=(TagLevel("Plant 1", "P1"), TagLevel(None, None), TagLevel("X", None)),
    )  # fmt: skip
    (facts,) = report_facts(report(expenses=(one,)), ZoneInfo("UTC"), NOW).expenses
    assert (facts.amount_cents, facts.original_cents, facts.modified_cents) == (1200, 1000, 1200)
    assert (facts.merchant, facts.spent_on, facts.tax_cents) == ("New", date(2026, 11, 2), 80)
    assert facts.tags == (("Plant 1", "P1"), ("", None), ("X", None))
