from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from include.erps.dynamics_gp.api import Unreadable, amount, cents, line_text
from include.erps.port import ErpDocument
from include.errors import Conflict, LookupFailed, Retryable
from include.sandbox.dynamics_gp import Company, DynamicsGp, soap
from include.sandbox.faults import Fault, Replace, Status
from include.sandbox.server import Sandbox
from tests.include.erps.dynamics_gp.conftest import DAY, NOW, Connect, journal

TWO = (("100-6100-00", 12540), ("000-2150-00", -12540))


def test_finance_may_have_moved_posted_and_closed_it(connect: Connect, company: Company, api: str) -> None:
    erp = connect(api=api)
    number = company.enter(DAY, "EXP R00AbC", *TWO, batch="EXP202610").number
    company.move(number, "ADAMS-OCT")
    assert [(one.number, one.status) for one in erp.find(journal())] == [("3501", "Work")]
    company.post_batch("ADAMS-OCT")
    assert [(one.number, one.status) for one in erp.find(journal())] == [("3501", "Open")]
    company.close_year(2026)
    (found,) = erp.find(journal())
    assert (found.number, found.status, found.live) == ("3501", "History", True)
    assert sorted(found.lines or ()) == sorted(TWO)
    assert (found.total_cents, found.currency, found.posting_date) == (12540, "USD", DAY)


def test_a_journal_with_another_date_is_found_by_the_time_of_its_change(
    connect: Connect, company: Company, api: str
) -> None:
    erp = connect(api=api)
    company.redate(company.enter(DAY, "EXP R00AbC", *TWO).number, date(2026, 10, 19))
    (found,) = erp.find(journal())
    assert (found.number, found.posting_date) == ("3501", date(2026, 10, 19))


def test_the_reference_is_compared_whole_and_without_case(connect: Connect, company: Company, api: str) -> None:
    for reference in ("EXP R00AbCd", "XEXP R00AbC", "EXP R00Ab"):
        company.enter(DAY, reference, *TWO)
    erp = connect(api=api)
    assert erp.find(journal()) == []
    company.enter(DAY, "EXP R00AbC", *TWO)
    assert [one.number for one in erp.find(journal())] == ["3504"]


def test_another_companys_journal_is_not_ours(connect: Connect, gp: DynamicsGp, company: Company, api: str) -> None:
    gp.companies[1].enter(DAY, "EXP R00AbC", *TWO)
    assert connect(api=api).find(journal()) == []


def test_a_deleted_journal_is_gone_and_a_voided_one_is_not(connect: Connect, company: Company, api: str) -> None:
    erp = connect(api=api)
    company.delete(company.enter(DAY, "EXP R00AbC", *TWO).number)
    assert erp.find(journal()) == []
    company.void(company.enter(DAY, "EXP R00AbC", *TWO).number)
    assert [(one.live, one.status) for one in erp.find(journal())] == [(False, "Voided")]


# --- lists that are cut (SOAP) ---


def test_a_cut_list_is_narrowed_until_it_is_whole(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    gp.list_cap = 4
    for at in range(20):
        gp.now = lambda at=at: NOW - timedelta(hours=at)  # type: ignore[misc]
        company.enter(DAY, "EXP R00AbC" if at == 13 else f"GJ {at}", *TWO)
    assert [one.number for one in connect(list_cap=4).find(journal())] == ["3514"]


def test_a_cut_list_that_cannot_be_narrowed_is_no_answer(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    gp.list_cap = 4
    for at in range(5):
        company.enter(DAY, f"GJ {at}", *TWO)
    with pytest.raises(LookupFailed, match=r"cut at 4 rows.*erp\.list_cap"):
        connect(list_cap=4).find(journal())


def test_a_list_exactly_as_long_as_its_cap_is_no_answer(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    for at in range(4):
        company.enter(DAY, f"GJ {at}", *TWO)
    with pytest.raises(LookupFailed):
        connect(list_cap=4).find(journal())
    assert connect(list_cap=5).find(journal()) == []


def test_a_server_that_cuts_earlier_than_said_is_noticed(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    gp.list_cap = 50
    for at in range(60):
        gp.now = lambda at=at: NOW - timedelta(minutes=30 * at)  # type: ignore[misc]
        company.enter(DAY, f"GJ {at}", *TWO)
    with pytest.raises(LookupFailed, match=r"at most 50 rows"):
        connect(list_cap=1000).find(journal())


def test_fifty_journals_are_not_taken_for_a_cap(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    for at in range(50):
        gp.now = lambda at=at: NOW - timedelta(minutes=30 * at)  # type: ignore[misc]
        company.enter(DAY, "EXP R00AbC" if at == 49 else f"GJ {at}", *TWO)
    assert [one.number for one in connect().find(journal())] == ["3550"]


def test_too_many_questions_are_no_answer(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    for at in range(40):
        gp.now = lambda at=at: NOW - timedelta(minutes=30 * at)  # type: ignore[misc]
        company.enter(DAY, f"GJ {at}", *TWO)
    with pytest.raises(LookupFailed, match=r"erp\.lookup_requests"):
        connect(list_cap=2, lookup_requests=10).find(journal())


# --- pages (SBA) ---


def test_all_pages_are_read(connect: Connect, box: Sandbox, company: Company) -> None:
    for _ in range(5):
        company.enter(DAY, "EXP R00AbC", *TWO)
    found = connect(api="sba", page_size=2).find(journal())
    assert [one.number for one in found] == ["3501", "3502", "3503", "3504", "3505"]
    assert box.operations("dynamics_gp").count("GET JournalEntries") == 3


@pytest.mark.parametrize(
    "body",
    [
        '{"Status":{"Code":200},"Payload":{"Items":[],"TotalCount":1,"NextSkip":null}}',
        '{"Status":{"Code":200},"Payload":{"Items":[]}}',
        '{"Status":{"Code":200},"Payload":{"Items":[],"TotalCount":0,"NextSkip":0}}',
        '{"Status":{"Code":200},"Payload":{"Items":null,"TotalCount":0,"NextSkip":null}}',
        '{"Status":{"Code":200},"Payload":[]}',
        '{"Status":{"Code":200}}',
        '{"Status":{"Code":200},"Payload":{"Items":[{"Reference":"EXP OTHER","JournalEntry":1}],"TotalCount":1,"NextSkip":null}}',
        '{"Status":{"Code":200},"Payload":{"Items":[{"Reference":"EXP R00AbC"}],"TotalCount":1,"NextSkip":null}}',
    ],
    ids=["short", "no-next", "no-progress", "no-items", "array", "no-payload", "other-reference", "no-number"],
)
def test_whatever_is_no_whole_list_is_no_answer(connect: Connect, box: Sandbox, company: Company, body: str) -> None:
    box.faults.add(Fault("dynamics_gp", "GET JournalEntries", Replace(body), when="after"))
    with pytest.raises(LookupFailed):
        connect(api="sba").find(journal())


def test_a_customers_own_names(connect: Connect, box: Sandbox, company: Company) -> None:
    rows = '{"ok":{"rows":[{"Ref":"EXP R00AbC","Number":9}],"n":1,"more":null}}'
    row = (
        '{"ok":{"Number":9,"Day":"2026-10-20","Lines":[{"Account":"1","DebitAmount":0.1,"CreditAmount":0},'
        '{"Account":"2","DebitAmount":0,"CreditAmount":0.10}]}}'
    )
    box.faults.add(
        Fault("dynamics_gp", "GET JournalEntries", Status(200, rows)),
        Fault("dynamics_gp", "GET JournalEntries()", Status(200, row)),
    )
    erp = connect(
        api="sba",
        envelope={"payload": "ok", "items": "rows", "total": "n", "next": "more"},
        fields={"JournalEntry": "Number", "Reference": "Ref", "TransactionDate": "Day", "AccountNumber": "Account"},
    )
    (found,) = erp.find(journal())
    assert (found.number, found.total_cents, found.posting_date, found.lines) == ("9", 10, DAY, (("1", 10), ("2", -10)))


def test_a_truth_may_be_written_as_a_digit(connect: Connect, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.enter(DAY, "EXP R00AbC", *TWO)
    company.void(3501)
    company.accounts["100-6100-00"].active = False
    leaf, digits = soap._leaf, {"true": "1", "false": "0"}
    monkeypatch.setattr(soap, "_leaf", lambda name, text: leaf(name, digits.get(text, text)))
    (found,) = connect().find(journal())
    assert (found.live, found.status) == (False, "Voided")
    assert [one.code for one in connect().check([journal()])[0].problems] == ["account_on_hold"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "Z-US$"),
        ({"send_currency": False}, None),
        ({"currency_ids": {"USD": "Z-US$"}}, "USD"),
        ({"send_currency": False, "currency_ids": {"USD": "Z-C$"}}, "Z-US$"),
    ],
    ids=["sent", "not-sent", "named", "named-otherwise"],
)
def test_a_currency_id_is_compared_where_the_tenant_file_names_it(
    connect: Connect, company: Company, changes: dict[str, Any], shown: str | None
) -> None:
    company.enter(DAY, "EXP R00AbC", *TWO)
    company.journals[0].currency = "Z-US$"
    (found,) = connect(api="sba", **changes).find(journal())
    assert found.currency == shown


# --- complete ---


def test_a_number_that_is_not_shown_yet_is_looked_up_again_and_nothing_is_created(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    erp = connect()
    draft = erp.check([journal()])[0].draft
    made = erp.create(draft, lambda document: None)
    assert (made.number, made.status) == (None, "Work")
    company.hidden = True
    with pytest.raises(Retryable, match="never posted again") as caught:
        erp.complete(draft, made)
    assert caught.value.delay_s == 30
    company.hidden = False
    company.post_batch("EXP202610")
    complete = erp.complete(draft, made)
    assert (complete.number, complete.status, complete.raw_answer) == ("3501", "Open", made.raw_answer)
    assert box.operations("dynamics_gp").count("CreateGLTransaction") == 1


def test_a_copy_of_it_is_a_conflict(connect: Connect, company: Company) -> None:
    erp = connect()
    draft = erp.check([journal()])[0].draft
    made = erp.create(draft, lambda document: None)
    company.enter(DAY, "EXP R00AbC", *TWO)
    with pytest.raises(Conflict, match="journals 3501, 3502"):
        erp.complete(draft, made)


def test_a_copy_that_finance_voids_is_none_any_more(connect: Connect, company: Company) -> None:
    erp = connect()
    draft = erp.check([journal()])[0].draft
    erp.create(draft, lambda document: None)
    company.enter(DAY, "EXP R00AbC", *TWO)
    stored = ErpDocument(number=None, status="Work")
    with pytest.raises(Conflict, match="delete or void the copy"):
        erp.complete(draft, stored)
    company.journal(3502).voided = True
    assert erp.complete(draft, stored).number == "3501"


def test_sba_knows_the_number_at_once(connect: Connect, box: Sandbox, company: Company) -> None:
    erp = connect(api="sba")
    made = erp.create(journal(), lambda document: None)
    asked = len(box.operations("dynamics_gp"))
    assert erp.complete(journal(), made).number == "3501"
    assert len(box.operations("dynamics_gp")) == asked


# --- values ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("125.40000", 12540),
        ("0.00", 0),
        ("7", 700),
        ("-1.01", -101),
        ("99999999999999.99", 9999999999999999),
        (" 5.5 ", 550),
    ],
)
def test_amounts_are_read_exactly(text: str, expected: int) -> None:
    assert cents(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1,25", "1.005", "NaN", "Infinity", "12.5 USD", "1e999999", "1e-999999", "9" * 5000]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Unreadable):
        cents(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1, "0.01"), (10, "0.10"), (12540, "125.40"), (9999999999999999, "99999999999999.99")],
)
def test_amounts_are_written_without_an_exponent(value: int, text: str) -> None:
    assert str(amount(value)) == text
    assert amount(value) == Decimal(text)


def test_a_description_is_one_line_of_thirty_characters() -> None:
    assert line_text("Dinner\nwith\tthe   team") == "Dinner with the team"
    assert line_text("A" * 29 + " B") == "A" * 29
    assert len(line_text("é" * 40)) == 30


def test_the_window_reaches_back_before_the_approval_and_over_now(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    connect(company=None, company_id=3).find(journal())
    by_day, by_change = [call.text for call in box.calls if call.operation == "GetGLTransactionList"]
    assert "2026-10-20T00:00:00" in by_day
    assert "2026-10-18T23:50:00" in by_change
    assert "2026-10-22T12:10:00" in by_change
    assert "BatchId" not in by_day + by_change
