from collections.abc import Callable
from datetime import date

import pytest

from include.erps.port import Line
from include.erps.syspro.client import SysproErp
from include.errors import LookupFailed
from include.sandbox.faults import Drop, Fault, Replace, Status, Truncate
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company
from tests.include.erps.shared_state import Tokens
from tests.include.erps.syspro.conftest import DAY, bill, journal

Connect = Callable[..., SysproErp]
TWO = [("6100-100", 12540), ("2150-00", -12540)]
COLUMNS = ["Company", "GlYear", "GlPeriod", "Journal", "EntryNumber", "EntryType", "GlCode", "EntryValue", "Reference",
           "EntryDate", "EntryPosted"]  # fmt: skip
ENTRY = dict(
    zip(
        COLUMNS,
        ["EDU1", "2026", "11", "  412", "1", "D", "6100-100", " 125.40", "EXP-20261120-1", "2026-11-20", "Y"],
        strict=True,
    )
)


def answer(*rows: dict[str, str], returned: str | None = None) -> str:
    text = "".join(
        "<row>" + "".join(f"<{k.lower()}>{v}</{k.lower()}>" for k, v in row.items()) + "</row>" for row in rows
    )
    count = f"<rowsreturned>{len(rows) if returned is None else returned}</rowsreturned>"
    return f"<genjournaldetail>{text}{count}</genjournaldetail>"


def test_nothing_there(connect: Connect, company: Company) -> None:
    assert connect().find(journal()) == []


def test_what_was_posted_is_found_with_signs(connect: Connect, company: Company) -> None:
    company.enter_journal(TWO, day=DAY, reference="EXP-20261120-1")
    company.enter_journal(TWO, day=DAY, reference="EXP-20261120-10")
    (found,) = connect().find(journal())
    assert (found.number, found.total_cents, found.posting_date, found.live) == ("2026/412", 12540, DAY, True)
    assert sorted(found.lines or ()) == sorted(TWO)
    assert (found.status, found.currency) == ("P", None)


def test_numbers_restart_each_year_so_two_journals_are_two(connect: Connect, company: Company) -> None:
    company.enter_journal(TWO, day=DAY, reference="EXP-20261120-1", year=2025, period=12)
    company.enter_journal([("6100-100", 1), ("2150-00", -1)], day=date(2026, 11, 1), reference="EXP-20261120-1")
    found = connect().find(journal())
    assert [(one.number, one.total_cents, one.posting_date) for one in found] == [
        ("2025/412", 12540, DAY),
        ("2026/412", 1, date(2026, 11, 1)),
    ]


def test_another_companys_journal_is_not_ours(connect: Connect, box: Sandbox, company: Company) -> None:
    other = box.syspro.add_company(Company("EDU2"))
    other.enter_journal(TWO, day=DAY, reference="EXP-20261120-1")
    assert connect().find(journal()) == []


def test_an_empty_answer_counts_only_in_a_ledger_that_is_readable(connect: Connect, company: Company) -> None:
    company.enter_journal(TWO, day=DAY, reference="EXP-20261120-1")
    with pytest.raises(LookupFailed, match=r"erp\.gl_company"):
        connect(gl_company="NOPE").find(journal())


@pytest.mark.parametrize("entries", [2, 8, 10, 30])
def test_rows_beyond_the_limit_are_asked_for(connect: Connect, box: Sandbox, company: Company, entries: int) -> None:
    lines = [("6100-100", 100), ("2150-00", -100)] * (entries // 2) + [("6200-100", 1)] * (entries % 2)
    company.enter_journal(lines, day=DAY, reference="EXP-20261120-1")
    client = connect(lookup_rows=8, lookup_max_rows=64)
    (found,) = client.find(journal())
    assert len(found.lines or ()) == entries
    assert box.operations("syspro").count("Query/Query:COMFND") == (1 if entries <= 8 else 2)


def test_more_rows_than_may_be_asked_for(connect: Connect, company: Company) -> None:
    company.enter_journal(TWO * 4, day=DAY, reference="EXP-20261120-1")
    with pytest.raises(LookupFailed, match="lookup_max_rows"):
        connect(lookup_rows=7, lookup_max_rows=7).find(journal())


def test_a_server_with_a_cap_of_its_own_is_noticed(connect: Connect, box: Sandbox) -> None:
    full = answer(*[ENTRY] * 5)
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(full), when="after", times=2))
    with pytest.raises(LookupFailed, match="at most 5 rows"):
        connect(lookup_rows=5).find(journal())


@pytest.mark.parametrize(
    "body",
    [
        "ERROR: Table 'GenJournalDetail' not found",
        "ERROR: Column 'Reference' not found",
        "ERROR: e.net exception raised: 100000",
        "ERROR: Zugriff verweigert",
        "",
        "<html><body>Bad gateway</body></html>",
        "<GenJournalDetail><Row>",
        "<GenJournalDetail/>",
        answer(returned="1"),
        answer(ENTRY, returned="2"),
        answer({**ENTRY, "EntryType": "X"}),
        answer({**ENTRY, "EntryValue": "1,25.40"}),
        answer({**ENTRY, "EntryValue": ""}),
        answer({**ENTRY, "Journal": ""}),
        answer({**ENTRY, "Reference": "EXP-OTHER"}),
        answer({**ENTRY, "Company": "EDU2"}),
        answer({name: value for name, value in ENTRY.items() if name != "EntryDate"}),
    ],
)
def test_whatever_is_no_answer_is_a_failed_look_up(connect: Connect, box: Sandbox, body: str) -> None:
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(body), when="after"))
    with pytest.raises(LookupFailed):
        connect().find(journal())
    assert box.faults.pending == []


@pytest.mark.parametrize(
    "action", [Drop(), Truncate(100), Truncate(100, clean=True), Status(502), Status(404, "<html/>")]
)
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_lost_answers_are_failed_look_ups(connect: Connect, box: Sandbox, action: object, transport: str) -> None:
    box.faults.add(Fault("syspro", "Query/Query:COMFND", action, when="after"))  # type: ignore[arg-type]
    with pytest.raises(LookupFailed):
        connect(transport=transport, query_attempts=1).find(journal())


def test_a_query_is_repeated_after_a_lost_answer(connect: Connect, box: Sandbox, company: Company) -> None:
    company.enter_journal(TWO, day=DAY, reference="EXP-20261120-1")
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Drop(), when="after"))
    assert [one.number for one in connect().find(journal())] == ["2026/412"]


@pytest.mark.parametrize(
    "text", ["ERROR: No records found", "ERROR: Entry not found", "ERROR: Reference 'X' not found"]
)
def test_a_documented_not_found_text_is_empty(connect: Connect, box: Sandbox, company: Company, text: str) -> None:
    known = {"text_patterns": {"not_found": r"no records found|not found"}} if "records" in text else {}
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(text), when="after"))
    assert connect(**known).find(journal()) == []


def test_lower_cased_and_padded_rows(connect: Connect, box: Sandbox, company: Company) -> None:
    credit = {**ENTRY, "EntryNumber": "2", "EntryType": "C ", "GlCode": "2150-00     ", "EntryPosted": "Y"}
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(answer(ENTRY, credit)), when="after"))
    (found,) = connect().find(journal())
    assert (found.number, found.lines) == ("2026/412", (("6100-100", 12540), ("2150-00", -12540)))


def test_an_entry_on_another_day_shows(connect: Connect, box: Sandbox) -> None:
    moved = {**ENTRY, "EntryDate": "20261201", "EntryPosted": "N"}
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(answer(ENTRY, moved)), when="after"))
    (found,) = connect().find(journal())
    assert (found.posting_date, found.status) == (date(2026, 12, 1), None)


def test_invoices_are_found_by_supplier_and_number(connect: Connect, company: Company) -> None:
    client = connect(document="ap_invoice", supplier="0000101")
    assert client.find(bill()) == []
    client.create(bill(), lambda text: None)
    (found,) = client.find(bill())
    assert (found.number, found.total_cents, found.posting_date) == ("0000101/EXP-R1", 12540, DAY)


def test_an_invoice_with_a_refund_line_has_the_drafts_total(connect: Connect, company: Company) -> None:
    draft = bill("EXP-R1", Line(1, "6100-100", 12540), Line(2, "6200-100", -540))
    client = connect(document="ap_invoice", supplier="0000101")
    client.create(draft, lambda text: None)
    assert company.invoices[0].cents == 12000
    assert client.find(draft)[0].total_cents == draft.control_total_cents == 12000
    company.invoices[0].cents = 12001
    assert client.find(draft)[0].total_cents == 12001


def test_no_invoice_proves_nothing_when_the_supplier_is_unknown(connect: Connect, company: Company) -> None:
    with pytest.raises(LookupFailed, match="leading zeros"):
        connect(document="ap_invoice", supplier="101").find(bill())


def test_that_the_ledger_shows_the_company_is_relied_on_for_five_minutes(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    company.enter_journal(TWO, day=DAY, reference="OTHER")
    tokens, now = Tokens(), [1_000_000.0]
    asked = []
    for wait in (0.0, 299.0, 2.0):
        now[0] += wait
        before = len(box.operations("syspro"))
        assert connect(shared=tokens, clock=lambda: now[0]).find(journal()) == []
        asked.append(box.operations("syspro")[before:].count("Query/Query:COMFND"))
    assert asked == [2, 1, 2]


def test_a_ledger_that_another_setting_could_not_read_is_not_proven_by_this_one(
    connect: Connect, company: Company
) -> None:
    company.enter_journal(TWO, day=DAY, reference="OTHER")
    tokens = Tokens()
    assert connect(shared=tokens).find(journal()) == []
    with pytest.raises(LookupFailed, match=r"erp\.gl_company"):
        connect(shared=tokens, gl_company="NOPE").find(journal())


def test_that_the_supplier_exists_is_relied_on_for_five_minutes(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    tokens = Tokens()
    for _ in range(2):
        assert connect(shared=tokens, document="ap_invoice", supplier="0000101").find(bill()) == []
    assert box.operations("syspro").count("Query/Query:COMFND") == 3
    with pytest.raises(LookupFailed, match="no supplier"):
        connect(shared=tokens, document="ap_invoice", supplier="0000999").find(bill())
