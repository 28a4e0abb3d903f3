from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import Retryable
from include.expensify.records import (
    Approver,
    Defect,
    Expense,
    IncompleteExport,
    Moment,
    Part,
    Report,
    TagLevel,
    Totals,
    read_export,
    verify,
)


def line(kind: str, **fields: Any) -> bytes:
    return json.dumps({"k": kind, **fields}, ensure_ascii=False).encode() + b"\n"


def rendering(*reports: tuple[dict[str, Any], list[dict[str, Any]]]) -> list[bytes]:
    lines = [line("B", v=1, reports=len(reports))]
    for report, expenses in reports:
        lines.append(line("R", **report))
        lines += [line("E", **{"reportID": report["reportID"], **expense}) for expense in expenses]
        lines.append(line("Z", reportID=report["reportID"], n=len(expenses)))
    return [*lines, line("F", reports=len(reports))]


def one_report(**fields: Any) -> Report:
    (report,) = read_export(rendering(({"reportID": "R1", **fields}, [])))
    assert isinstance(report, Report)
    return report


def one_expense(**fields: Any) -> Expense:
    (report,) = read_export(rendering(({"reportID": "R1"}, [{"transactionID": "1", **fields}])))
    assert isinstance(report, Report)
    return report.expenses[0]


EXPORT = [
    line("B", v=1, reports=2),
    line("R", reportID="R1"),
    line("E", reportID="R1", transactionID="11"),
    line("E", reportID="R1", transactionID="12"),
    line("Z", reportID="R1", n=2),
    line("R", reportID="R2"),
    line("Z", reportID="R2", n=0),
    line("F", reports=2),
    b"\n",
    line("B", v=1, reports=0),
    line("F", reports=0),
]


def test_a_complete_export_is_counted() -> None:
    assert verify(EXPORT) == Totals(parts=0, renderings=2, reports=2, expenses=2, lines=10)
    assert [report.report_id for report in read_export(EXPORT) if isinstance(report, Report)] == ["R1", "R2"]


def test_an_empty_export_is_complete_and_no_bytes_are_not() -> None:
    assert verify(EXPORT[9:]).reports == 0
    for lines in ([], [b"\n", b"  "]):
        with pytest.raises(IncompleteExport, match="before the first rendering"):
            verify(lines)


def changed(at: int, *new: bytes) -> list[bytes]:
    return [*EXPORT[:at], *new, *EXPORT[at + 1 :]]


def before(at: int, *new: bytes) -> list[bytes]:
    return [*EXPORT[:at], *new, *EXPORT[at:]]


BROKEN: dict[str, tuple[list[bytes], int, str]] = {
    "no B": (EXPORT[1:], 1, "outside of a rendering"),
    "no F": (EXPORT[:7], 7, "F record is missing"),
    "no F between": (changed(7), 9, "begins inside another"),
    "no Z": (changed(4), 5, "another report begins"),
    "no Z at the end": (changed(6), 7, "ends inside a report"),
    "ends in a report": (EXPORT[:3], 3, "ends inside a report"),
    "an expense is missing": (changed(3), 4, "1 expenses where its end says 2"),
    "an expense too many": (before(4, line("E", reportID="R1", transactionID="13")), 6, "3 expenses where"),
    "a report is missing": ([*EXPORT[:5], *EXPORT[7:]], 6, "1 reports where the begin says 2 and the end 2"),
    "F counts wrong": (changed(7, line("F", reports=3)), 8, "the end 3"),
    "F counts nothing": (changed(7, line("F")), 8, "the end None"),
    "B counts wrong": (changed(0, line("B", v=1, reports=1)), 8, "the begin says 1"),
    "B counts nothing": (changed(0, line("B", v=1)), 1, "how many reports"),
    "B counts in words": (changed(0, line("B", v=1, reports=True)), 1, "how many reports"),
    "another format": (changed(0, line("B", v=2, reports=2)), 1, "another format"),
    "records after F": (before(8, line("R", reportID="R3")), 9, "outside of a rendering"),
    "an expense after Z": (before(5, line("E", reportID="R1", transactionID="9")), 6, "outside of a report"),
    "a second F": (before(8, line("F", reports=2)), 9, "did not begin"),
    "a second Z": (before(5, line("Z", reportID="R1", n=2)), 6, "did not begin"),
    "a foreign expense": (changed(3, line("E", reportID="R2", transactionID="12")), 4, "names another report"),
    "a foreign Z": (changed(4, line("Z", reportID="R2", n=2)), 5, "end of another report"),
    "a nameless report": (changed(1, line("R")), 2, "without a reportID"),
    "a report named blank": (changed(1, line("R", reportID=" ")), 2, "without a reportID"),
    "a report named by a list": (changed(1, line("R", reportID=[])), 2, "without a reportID"),
    "a nameless expense": (changed(2, line("E", reportID="R1")), 3, "without a transactionID"),
    "an expense named null": (changed(2, line("E", reportID="R1", transactionID=None)), 3, "without a transactionID"),
    "a rounded ID": (changed(2, line("E", reportID="R1", transactionID=4.05e18)), 3, "without a transactionID"),
    "an ID beyond 64 bits": (changed(2, line("E", reportID="R1", transactionID=10**30)), 3, "transactionID"),
    "an unknown kind": (before(2, line("Q")), 3, "unknown kind"),
    "no kind": (before(2, b"{}"), 3, "unknown kind"),
    "a list": (before(2, b"[1]"), 3, "no record"),
    "an error answer": (before(1, b'{"responseCode":500,"responseMessage":"x"}'), 2, "error answer"),
    "half a record": (changed(2, b'{"k":"E","reportID":"R1","merchant":"Secret Cl'), 3, "46 bytes that are no record"),
    "bad UTF-8": (changed(2, b'{"k":"E","reportID":"R1","transactionID":"\xff"}'), 3, "no record"),
    "an error text": (
        before(2, b"FreeMarker template error: ==> report.total [in template at line 3]"),
        3,
        "FreeMarker template error: ==> report.total",
    ),
    "HTML": ([b"<html><body>"], 1, "<html>"),
    "a part inside a rendering": (before(1, line("X", started_at="2026-01-01T00:00:00Z")), 2, "inside a rendering"),
    "an empty part": ([line("X", started_at="2026-01-01T00:00:00Z")], 1, "part without a rendering"),
    "two marks": ([line("X", started_at="2026-01-01T00:00:00Z")] * 2 + EXPORT, 2, "part without a rendering"),
    "a part behind a bare rendering": (
        [*EXPORT, line("X", started_at="2026-01-01T00:00:00Z"), *EXPORT],
        12,
        "before the first part",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_missing_or_foreign_is_found_and_named(name: str) -> None:
    lines, number, words = BROKEN[name]
    with pytest.raises(IncompleteExport) as caught:
        verify(lines)
    assert words in str(caught.value)
    assert caught.value.line == number
    assert "export again" in str(caught.value)
    assert isinstance(caught.value, Retryable)
    with pytest.raises(IncompleteExport):
        list(read_export(lines))


def test_the_message_names_the_report_and_no_personal_data() -> None:
    text = b"Error: ann@example.com \"Ann's Bar\" 'Bar Bob' 4111111111111111 broke it"
    for bad in (text, b'ion"Secret Clinic","amount":5}', b"Secret Clinic Error, second line of a merchant"):
        with pytest.raises(IncompleteExport) as caught:
            verify(changed(3, bad))
        message = str(caught.value)
        assert "line 4 (report R1)" in message
        for personal in ("ann@", "Ann", "Bob", "4111", "Clinic"):
            assert personal not in message


@given(st.integers(min_value=0, max_value=len(b"".join(EXPORT[:8])) - 2))
@settings(max_examples=150)
def test_an_export_cut_off_at_any_byte_is_never_taken_for_a_complete_one(length: int) -> None:
    content = b"".join(EXPORT[:8])[:length]
    with pytest.raises(IncompleteExport):
        verify(content.split(b"\n"))


def test_the_last_line_may_lack_its_line_end() -> None:
    assert verify([*EXPORT[:-1], EXPORT[-1].rstrip()]).renderings == 2


def test_every_field_is_read() -> None:
    report = one_report(
        oldReportID="123",
        reportName='Trip, "A"\n<b>${x} 😀',
        status="Approved",
        stateNum=3,
        accountEmail="a@x",
        accountID=42,
        submitterUserID="u",
        submitterPayrollID="p",
        employeeCustomField1="0100",
        employeeCustomField2="c2",
        submitterName="Ann",
        managerEmail="m@x",
        managerUserID="mu",
        managerName="Max",
        created="2026-01-02",
        submitted="2026-01-03 04:05:06",
        approved="2026-01-04T05:06:07Z",
        reimbursed="2026-01-05 06:07:08.25",
        currency="USD",
        total=-1234567,
        policyID="0123456789ABCDEF",
        policyName="Midwest",
        isACHReimbursed=True,
        entryID="e1",
        approvers=[{"email": "m@x", "date": "2026-01-04 05:06:07", "name": "Max"}, {}],
    )
    assert report == Report(
        report_id="R1",
        old_report_id="123",
        report_name='Trip, "A"\n<b>${x} 😀',
        status="APPROVED",
        state_num=3,
        account_email="a@x",
        account_id="42",
        submitter_user_id="u",
        submitter_payroll_id="p",
        employee_custom_field_1="0100",
        employee_custom_field_2="c2",
        submitter_name="Ann",
        manager_email="m@x",
        manager_user_id="mu",
        manager_name="Max",
        created=Moment(date(2026, 1, 2)),
        submitted=Moment(date(2026, 1, 3), datetime(2026, 1, 3, 4, 5, 6, tzinfo=UTC)),
        approved=Moment(date(2026, 1, 4), datetime(2026, 1, 4, 5, 6, 7, tzinfo=UTC)),
        reimbursed=Moment(date(2026, 1, 5), datetime(2026, 1, 5, 6, 7, 8, 250_000, tzinfo=UTC)),
        currency="USD",
        total=-1234567,
        policy_id="0123456789ABCDEF",
        policy_name="Midwest",
        is_ach_reimbursed=True,
        entry_id="e1",
        approvers=(
            Approver("m@x", Moment(date(2026, 1, 4), datetime(2026, 1, 4, 5, 6, 7, tzinfo=UTC)), "Max"),
            Approver(None, None, None),
        ),
        expenses=(),
        defects=(),
    )
    expense = one_expense(
        externalID="x1",
        merchant="Cafe",
        modifiedMerchant="Café",
        amount=1999,
        modifiedAmount=0,
        convertedAmount=2100,
        currency="EUR",
        currencyConversionRate=1.1,
        created="2026-01-01",
        modifiedCreated="2026-01-02",
        inserted="2026-01-02 10:00:00",
        category="Meals",
        categoryGlCode=6100,
        categoryPayrollCode="P",
        tag="Plant 1:Job",
        tagGlCode="P1:J1",
        ntag1="Plant 1",
        ntag1GlCode="P1",
        ntag3="Third",
        reimbursable=False,
        billable="true",
        hasTax=1,
        isDistance="0",
        taxAmount="12",
        modifiedTaxAmount=" 13 ",
        taxName="VAT",
        taxRate="20%",
        taxRateName="Standard",
        taxCode="S",
        mcc=5812,
        bank="Amex",
        cardName="Corp",
        cardID=7,
        cardLast4="0042",
        managedCard=True,
        type="expense",
    )
    assert expense == Expense(
        report_id="R1",
        transaction_id="1",
        external_id="x1",
        merchant="Cafe",
        modified_merchant="Café",
        amount=1999,
        modified_amount=0,
        converted_amount=2100,
        currency="EUR",
        currency_conversion_rate=Decimal("1.1"),
        created=Moment(date(2026, 1, 1)),
        modified_created=Moment(date(2026, 1, 2)),
        inserted=Moment(date(2026, 1, 2), datetime(2026, 1, 2, 10, tzinfo=UTC)),
        category="Meals",
        category_gl_code="6100",
        category_payroll_code="P",
        tag="Plant 1:Job",
        tag_gl_code="P1:J1",
        tags=(TagLevel("Plant 1", "P1"), TagLevel(None, None), TagLevel("Third", None)),
        reimbursable=False,
        billable=True,
        has_tax=True,
        is_distance=False,
        tax_amount=12,
        modified_tax_amount=13,
        tax_name="VAT",
        tax_rate="20%",
        tax_rate_name="Standard",
        tax_code="S",
        mcc="5812",
        bank="Amex",
        card_name="Corp",
        card_id="7",
        card_last4="0042",
        managed_card=True,
        type="expense",
        defects=(),
    )


def test_whole_numbers_as_ids_become_text_without_losing_a_digit() -> None:
    assert one_expense(transactionID=4056343049275634494).transaction_id == "4056343049275634494"
    (report,) = read_export(rendering(({"reportID": 18446744073709551615}, [{"transactionID": "1"}])))
    assert isinstance(report, Report)
    assert report.report_id == report.expenses[0].report_id == "18446744073709551615"


@pytest.mark.parametrize("unset", [None, "", "  "])
def test_unset_is_none_and_no_defect(unset: object) -> None:
    fields = ("amount", "modifiedAmount", "currencyConversionRate", "created", "reimbursable", "categoryGlCode")
    expense = one_expense(**dict.fromkeys(fields, unset))
    assert (expense.amount, expense.modified_amount, expense.currency_conversion_rate) == (None, None, None)
    assert (expense.created, expense.reimbursable) == (None, None)
    assert expense.category_gl_code == (None if unset != "  " else "  ")
    assert expense.defects == ()


def test_what_nothing_is_made_of_stops_nothing() -> None:
    expense = one_expense(amount=1250, inserted="some time ago", currencyConversionRate="n/a")
    assert (expense.amount, expense.inserted, expense.currency_conversion_rate) == (1250, None, None)
    assert expense.defects == ()


@pytest.mark.parametrize(
    ("raw", "cents"),
    [
        (0, 0),
        ("0", 0),
        (-5, -5),
        ("-5", -5),
        ("+5", 5),
        (" 1234567 ", 1234567),
        (12.0, 12),
        ("12.00", 12),
        (9007199254740993 // 10, 900719925474099),
        (1e3, 1000),
    ],
)
def test_amounts_are_read_exactly(raw: object, cents: int) -> None:
    expense = one_expense(amount=raw)
    assert expense.amount == cents
    assert type(expense.amount) is int
    assert expense.defects == ()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (12.5, "not_whole_cents"),
        ("12.5", "not_whole_cents"),
        ("0.1", "not_whole_cents"),
        ("1,234", "not_a_number"),
        ("1e3", "not_a_number"),
        ("1_000", "not_a_number"),
        ("٣", "not_a_number"),
        ("NaN", "not_a_number"),
        ("abc", "not_a_number"),
        ("$5", "not_a_number"),
        (True, "not_a_number"),
        ([], "not_a_number"),
        ({}, "not_a_number"),
        (10**15, "not_a_number"),
        (10**40, "not_a_number"),
        ("9" * 31, "not_a_number"),
    ],
)
def test_an_amount_that_cannot_be_used_is_a_named_defect(raw: object, kind: str) -> None:
    expense = one_expense(amount=raw, convertedAmount=7)
    assert expense.amount is None
    assert expense.converted_amount == 7
    (defect,) = expense.defects
    assert (defect.field, defect.kind) == ("amount", kind)
    assert len(defect.value) <= 40
    assert str(defect).startswith("amount '")


def test_a_decimal_on_the_wire_is_never_rounded_through_a_float() -> None:
    raw = b'{"k":"E","reportID":"R1","transactionID":"1","amount":100000000000000.01,"currencyConversionRate":0.1234567890123456}'
    lines = rendering(({"reportID": "R1"}, [{"transactionID": "1"}]))
    lines[2] = raw
    (report,) = read_export(lines)
    assert isinstance(report, Report)
    assert report.expenses[0].currency_conversion_rate == Decimal("0.1234567890123456")
    assert report.expenses[0].defects == (Defect("amount", "not_whole_cents", "100000000000000.01"),)


@pytest.mark.parametrize(
    ("raw", "day", "at"),
    [
        ("2026-02-28", (2026, 2, 28), None),
        (" 2026-02-28 ", (2026, 2, 28), None),
        ("2026-02-28 23:59:59", (2026, 2, 28), datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)),
        ("2026-02-28T23:59:59.123456789Z", (2026, 2, 28), datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)),
        ("2026-02-28 23:59", (2026, 2, 28), datetime(2026, 2, 28, 23, 59, tzinfo=UTC)),
        ("2026-02-28T23:30:00-01:00", (2026, 3, 1), datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        ("2026-03-01T00:30:00+0100", (2026, 2, 28), datetime(2026, 2, 28, 23, 30, tzinfo=UTC)),
    ],
)
def test_dates(raw: str, day: tuple[int, int, int], at: datetime | None) -> None:
    report = one_report(approved=raw)
    assert report.approved == Moment(date(*day), at)
    assert report.defects == ()


@pytest.mark.parametrize("raw", ["0000-00-00", "0000-00-00 00:00:00"])
def test_a_date_of_zeros_is_unset(raw: str) -> None:
    report = one_report(approved=raw)
    assert (report.approved, report.defects) == (None, ())


@pytest.mark.parametrize(
    "raw",
    [
        "2026-02-30",
        "26-01-01",
        "2026-13-01",
        "2026-01-01 25:00:00",
        "01/02/2026",
        "yesterday",
        20260101,
        True,
        [],
        "2026-01-01 00:00:00 CET",
        "0001-01-01T00:00:00+10:00",
        "2026-01-01T00:00:00+99:99",
    ],
)
def test_a_date_that_cannot_be_read_is_a_named_defect(raw: object) -> None:
    report = one_report(approved=raw)
    assert report.approved is None
    assert [(defect.field, defect.kind) for defect in report.defects] == [("approved", "not_a_date")]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Open", "OPEN"),
        ("Processing", "SUBMITTED"),
        ("Submitted", "SUBMITTED"),
        ("approved", "APPROVED"),
        ("APPROVED ", "APPROVED"),
        ("Reimbursed", "REIMBURSED"),
        ("Closed", "ARCHIVED"),
        ("archived", "ARCHIVED"),
    ],
)
def test_states_in_the_words_of_pages_and_api(word: str, state: str) -> None:
    assert one_report(status=word).status == state


@pytest.mark.parametrize("plain", [False, True])
def test_a_byte_order_mark_before_each_rendering_and_windows_line_ends_are_no_fault(plain: bool) -> None:
    begin, *rest = rendering(({"reportID": "R1"}, [{"transactionID": "1"}]))
    one = [b"\xef\xbb\xbf" + begin, *rest]
    lines = [each.replace(b"\n", b"\r\n") for each in [*one, *one]]
    assert verify(lines) == Totals(parts=0, renderings=2, reports=2, expenses=2, lines=10)
    assert [report.report_id for report in read_export(lines, plain=plain) if isinstance(report, Report)] == [
        "R1",
        "R1",
    ]


def test_an_unknown_state_is_a_defect() -> None:
    report = one_report(status="Paid")
    assert report.status is None
    assert report.defects == (Defect("status", "unknown", "Paid"),)


@pytest.mark.parametrize(
    ("fields", "levels"),
    [
        ({}, ()),
        ({"tag": "Plant 1"}, (("Plant 1", None),)),
        ({"tag": "Plant 1", "tagGlCode": "P1"}, (("Plant 1", "P1"),)),
        ({"tag": "Plant 1", "tagGlCode": "P:1"}, (("Plant 1", "P:1"),)),
        ({"tag": r"A\:B:C", "tagGlCode": r"1\:0:2"}, (("A:B", "1:0"), ("C", "2"))),
        ({"tag": "A:B:C", "tagGlCode": "1::3"}, (("A", "1"), ("B", None), ("C", "3"))),
        ({"tag": "A:B:C", "tagGlCode": "1"}, (("A", None), ("B", None), ("C", None))),
        ({"tag": ":B:"}, ((None, None), ("B", None))),
        ({"ntag1": "A:B", "tag": r"A\:B"}, (("A:B", None),)),
        ({"ntag2": "B", "ntag2GlCode": "2", "tag": "x:y"}, ((None, None), ("B", "2"))),
        ({"ntag1": "B", "tag": "B", "tagGlCode": "1"}, (("B", "1"),)),
        ({"ntag1": "A", "ntag2": "B", "tag": "A:B", "tagGlCode": ":2"}, (("A", None), ("B", "2"))),
        ({"ntag1": "B", "tag": "C", "tagGlCode": "1"}, (("B", None),)),
        ({"ntag1": "A", "ntag1GlCode": "1", "ntag2": "B", "tag": "A:B", "tagGlCode": "1:2"}, (("A", "1"), ("B", None))),
        ({"ntag1GlCode": "1"}, ((None, "1"),)),
        ({"ntag1": "", "ntag2": None, "tag": "A"}, (("A", None),)),
        ({"ntag1": 100, "ntag1GlCode": 7}, (("100", "7"),)),
        ({"ntag10": "J"}, (*((None, None),) * 9, ("J", None))),
    ],
)
def test_tag_levels(fields: dict[str, object], levels: tuple[tuple[str | None, str | None], ...]) -> None:
    assert one_expense(**fields).tags == levels


def test_text_of_another_type_is_a_defect() -> None:
    expense = one_expense(category=["Meals"], reimbursable="perhaps", merchant=False)
    assert (expense.category, expense.reimbursable, expense.merchant) == (None, None, "false")
    assert {(defect.field, defect.kind) for defect in expense.defects} == {
        ("category", "not_a_text"),
        ("reimbursable", "not_a_flag"),
    }
    assert [defect.field for defect in one_report(approvers="Max").defects] == ["approvers"]


def test_an_expense_that_comes_twice_in_a_report_is_a_defect_of_the_report() -> None:
    (report,) = read_export(rendering(({"reportID": "R1"}, [{"transactionID": "1"}, {"transactionID": 1}])))
    assert isinstance(report, Report)
    assert report.defects == (Defect("transactionID", "duplicate", "1"),)


def test_parts_say_what_was_asked() -> None:
    first = line("X", started_at="2026-01-02T04:00:00+01:00", report_ids=["R1", "R9"], header={"tenant": "t"})
    second = line("X", started_at="2026-01-02T03:00:01Z", states=["APPROVED"])
    lines = [first, *rendering(({"reportID": "R1"}, [])), *rendering(), second, *rendering(({"reportID": "R1"}, []))]
    read = list(read_export(lines))
    assert [type(one) for one in read] == [Part, Report, Part, Report]
    assert isinstance(read[0], Part)
    assert read[0].started_at == datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert read[0].report_ids == ("R1", "R9")
    assert read[0].asked["header"] == {"tenant": "t"}
    assert isinstance(read[2], Part)
    assert read[2].report_ids == ()
    assert verify(lines).parts == 2


@pytest.mark.parametrize("started", [{}, {"started_at": "soon"}, {"started_at": 5}])
def test_a_part_without_its_start_is_refused(started: dict[str, Any]) -> None:
    with pytest.raises(IncompleteExport, match="when its export was started"):
        list(read_export([line("X", **started), *rendering()]))


# Half a surrogate pair has no UTF-8 form; the server's own encoder never writes one. A NUL is replaced.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
CENTS = st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1)


@given(
    merchant=TEXTS,
    category=TEXTS,
    amount=CENTS,
    converted=CENTS,
    transaction_id=st.from_regex(r"[0-9]{1,19}", fullmatch=True),
)
@settings(max_examples=200)
def test_any_text_and_any_amount_come_back_unchanged(
    merchant: str, category: str, amount: int, converted: int, transaction_id: str
) -> None:
    expense = one_expense(
        transactionID=transaction_id,
        merchant=merchant,
        category=category,
        amount=amount,
        convertedAmount=str(converted),
    )
    assert (expense.merchant, expense.category) == (merchant, category)
    assert (expense.amount, expense.converted_amount) == (amount, converted)
    assert expense.transaction_id == transaction_id
    assert expense.defects == ()


@pytest.mark.parametrize("rate", ["4.1E-5", "1 EUR = 1.08 USD", "n/a"])
def test_a_conversion_rate_in_words_holds_nothing(rate: str) -> None:
    expense = one_expense(amount=1000, convertedAmount=1080, currencyConversionRate=rate)
    assert (expense.currency_conversion_rate, expense.defects) == (None, ())


def test_a_nul_is_shown_as_a_replacement_and_never_part_of_an_id() -> None:
    expense = one_expense(transactionID="1", merchant="Ca\x00fe", amount="1\x00")
    assert (expense.merchant, expense.amount) == ("Ca\ufffdfe", None)
    assert expense.defects == (Defect("amount", "not_a_number", "1\ufffd"),)
    with pytest.raises(IncompleteExport, match="an expense without a transactionID"):
        one_expense(transactionID="1\x00", amount=1)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\\\x00", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
        max_size=6,
    )
)
def test_any_joined_tag_comes_apart_into_its_levels(names: list[str]) -> None:
    joined = ":".join(name.replace(":", r"\:") for name in names)
    assert [level.name for level in one_expense(tag=joined).tags] == names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        "amount",
        "taxAmount",
        "created",
        "merchant",
        "reimbursable",
        "tag",
        "ntag1",
        "currencyConversionRate",
        "mcc",
        "approvers",
    ]
)


@given(st.dictionaries(FIELDS, JSON))
@settings(max_examples=200)
def test_no_value_whatsoever_crashes_the_reader(fields: dict[str, Any]) -> None:
    expense = one_expense(**fields)
    assert expense.amount is None or type(expense.amount) is int
    one_report(total=fields.get("amount"), status=fields.get("merchant"), approvers=fields.get("approvers"))


@given(st.lists(st.binary(max_size=60)))
def test_no_bytes_whatsoever_crash_the_check(lines: list[bytes]) -> None:
    with pytest.raises(IncompleteExport):
        verify(lines)


def test_memory_stays_flat_over_many_reports() -> None:
    def lines() -> Iterator[bytes]:
        yield line("B", v=1, reports=1000)
        for number in range(1000):
            yield line("R", reportID=str(number), reportName="x" * 200)
            for place in range(10):
                yield line("E", reportID=str(number), transactionID=str(place), merchant="y" * 200, amount=5)
            yield line("Z", reportID=str(number), n=10)
        yield line("F", reports=1000)

    tracemalloc.start()
    try:
        assert sum(1 for _ in read_export(lines())) == 1000
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
