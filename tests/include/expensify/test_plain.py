"""Lines that are decoded at once give exactly what reading them value by value gives."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.accounting.intake import report_facts
from include.accounting.reports import ReportFacts
from include.expensify.records import IncompleteExport, PlainExpense, Report, read_export

STARTED = datetime(2026, 11, 21, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.just(12.5), st.just([]), st.just({}), TEXT)
MOMENT = st.sampled_from(
    ["2026-11-20", "2026-11-20 18:30:00", "2026-11-20T18:30:00", "2026-11-20T18:30:00Z", "2026-11-20 24:00:00",
     "2026-02-30", "2026-W01-1", "0000-00-00", " 2026-11-20 ", "2026-11-20 18:30:00+05:30", "20.11.2026", ""]
)  # fmt: skip
CENTS = st.one_of(
    st.integers(-(10**16), 10**16), st.sampled_from(["12", "", " 7 ", "1.5", 5.0, 99999999999999.99, 10**15])
)
FLAG = st.sampled_from([True, False, "true", "no", "", 0, 1, "maybe"])
EXPENSE = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(CENTS, ODD) for name in ("amount", "modifiedAmount", "convertedAmount", "taxAmount")},
        **{name: st.one_of(MOMENT, ODD) for name in ("created", "modifiedCreated", "inserted")},
        **{
            name: st.one_of(TEXT, ODD)
            for name in ("merchant", "modifiedMerchant", "category", "categoryGlCode", "bank")
        },
        **{name: st.one_of(TEXT, ODD) for name in ("tag", "tagGlCode", "ntag1", "ntag1GlCode", "ntag2", "ntag5")},
        **{name: st.one_of(FLAG, ODD) for name in ("reimbursable", "billable", "managedCard")},
        "currency": st.sampled_from(["USD", "EUR", "", 7]),
        "currencyConversionRate": st.sampled_from([1, 1.25, "1.25", "x"]),
        "taxCode": st.one_of(TEXT, ODD),
        "unknownField": ODD,
    },
)
REPORT = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(MOMENT, ODD) for name in ("approved", "submitted", "reimbursed")},
        "status": st.sampled_from(["Approved", "REIMBURSED", " Closed ", "Lost", "", 3]),
        "total": st.one_of(CENTS, ODD),
        "currency": st.sampled_from(["USD", "", 7]),
        "accountEmail": st.one_of(TEXT, ODD),
        "approvers": st.one_of(
            ODD, st.lists(st.fixed_dictionaries({}, optional={"email": TEXT, "date": MOMENT, "name": ODD}), max_size=2)
        ),
    },
)


def lines_of(report: dict[str, Any], expenses: list[dict[str, Any]]) -> list[bytes]:
    records = [
        {"k": "B", "v": 1, "reports": 1},
        {"k": "R", "reportID": "R1", **report},
        *({"k": "E", "reportID": "R1", "transactionID": str(at), **one} for at, one in enumerate(expenses)),
        {"k": "Z", "reportID": "R1", "n": len(expenses)},
        {"k": "F", "reports": 1},
    ]
    return [json.dumps(record).encode() for record in records]


def facts_of(lines: list[bytes], *, plain: bool) -> ReportFacts:
    (report,) = read_export(lines, plain=plain)
    assert isinstance(report, Report)
    return report_facts(report, ZoneInfo("America/Chicago"), STARTED)


@settings(max_examples=400, deadline=None)
@given(REPORT, st.lists(EXPENSE, max_size=3))
@example({"status": "Approved"}, [{"amount": 1250, "currency": "USD", "tag": "A:B", "ntag1": ""}])
@example({}, [{"amount": 10**15}, {"amount": -(10**15)}, {"created": "2026-02-30"}])
def test_both_ways_of_reading_give_the_same(report: dict[str, Any], expenses: list[dict[str, Any]]) -> None:
    lines = lines_of(report, expenses)
    assert facts_of(lines, plain=True) == facts_of(lines, plain=False)


def test_a_usual_line_is_decoded_at_once_and_an_odd_one_is_not() -> None:
    usual = {"amount": 1250, "currency": "USD", "created": "2026-11-20", "reimbursable": True}
    (report,) = read_export(lines_of({}, [usual, {**usual, "amount": "1250"}]), plain=True)
    assert isinstance(report, Report)
    assert [isinstance(expense, PlainExpense) for expense in report.expenses] == [True, False]


@pytest.mark.parametrize(
    ("place", "change", "problem"),
    [
        (2, {"reportID": "R2"}, "names another report"),
        (2, {"transactionID": " "}, "without a transactionID"),
        (1, {"reportID": " "}, "without a reportID"),
    ],
    ids=["another report", "no transaction", "no report"],
)
def test_the_frame_is_checked_in_both_ways(place: int, change: dict[str, Any], problem: str) -> None:
    lines = lines_of({}, [{"amount": 1}])
    lines[place] = json.dumps({**json.loads(lines[place]), **change}).encode()
    for plain in (True, False):
        with pytest.raises(IncompleteExport, match=problem):
            list(read_export(lines, plain=plain))


def test_a_report_outside_of_a_rendering_is_refused_in_both_ways() -> None:
    for plain in (True, False):
        with pytest.raises(IncompleteExport, match="outside of a rendering"):
            list(read_export(lines_of({}, [])[1:], plain=plain))
